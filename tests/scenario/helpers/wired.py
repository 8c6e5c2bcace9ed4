# SPDX-License-Identifier: MIT
"""`anabranch host run` on h0 of a Wire, what the kernel holds of it, and scripts whose parts run side by side,
each in namespaces of its own. Nothing here waits without a deadline."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

from dhcp_wire import Failed, Wire, command, expect, wait_until

PATIENCE = 20  # s, for a program that is to end at once


def output(text):
    """Of a program that ends at once; its errors are not told."""
    try:
        return subprocess.run(text.split(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
                              timeout=PATIENCE).stdout
    except subprocess.TimeoutExpired as error:
        raise Failed(f"not within {PATIENCE} s: {text}") from error


def read(path):
    return open(path).read() if os.path.exists(path) else ""


class Host:
    """The host role on h0."""

    def __init__(self, executable):
        self.executable, self.process, self.started = executable, None, 0.0
        self.ifindex = int(output("ip -o link show h0").split(":")[0])

    def start(self, *options, log_level="debug"):
        self.started = time.monotonic()
        with open("/run/host.log", "a") as log:
            arguments = [self.executable, "--log-level", log_level, "host", "run", "h0", *options]
            self.process = subprocess.Popen(arguments, stderr=log)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self):
        self.process.terminate()
        try:
            expect(self.process.wait(PATIENCE) == 0, "the host did not end well")
        except subprocess.TimeoutExpired as error:
            raise Failed("the host does not end") from error

    def log(self):
        return read("/run/host.log")

    def said(self, text, times=1):
        return self.log().count(text) >= times

    def report(self):
        shown = output(f"{self.executable} host show -j")
        return json.loads(shown) if shown else {"paths": []}

    def path(self, index, family="ipv6"):
        """Its entry that is not deprecated."""
        for path in self.report()["paths"]:
            if (path["index"], path["family"]) == (index, family) and path["state"] != "deprecated":
                return path
        return None

    def state(self, index, family="ipv6"):
        path = self.path(index, family)
        return path and path["state"]

    def up(self, index, family="ipv6"):
        """Its address, once it is up."""
        path = self.path(index, family)
        return path["address"] if path and path["state"] == "up" else None

    def wait_up(self, index, family="ipv6", patience=15):
        return wait_until(f"path {index} is up in {family}", lambda: self.up(index, family), patience)

    def macvlan(self, index):
        return f"anab{self.ifindex}p{index}"

    def memory(self):
        """Resident, in kB."""
        return int(re.search(r"VmRSS:\s*(\d+)", read(f"/proc/{self.process.pid}/status")).group(1))

    def sanitized(self):
        """Whether the sanitizers keep what was given back, so that memory tells nothing."""
        return "libasan" in read(f"/proc/{self.process.pid}/maps")

    def cpu(self):
        """Seconds of processor time so far."""
        return sum(map(int, read(f"/proc/{self.process.pid}/stat").split()[13:15])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def figures_of_ipv6():
    """The figures of paths in IPv6 that a host role tells on port 9474, as they are now."""
    page = urllib.request.urlopen("http://127.0.0.1:9474/metrics", timeout=5).read().decode()
    found = {}
    for name, labels, value in re.findall(r"^anabranch_host_path_(\w+)\{(.*)\} (\S+)$", page, re.MULTILINE):
        if 'family="ipv6"' in labels:
            found[name, int(re.search(r'index="(\d+)"', labels)[1])] = float(value)
    return lambda name, index: found.get((name, index), -1)


def endpoints():
    """{id: address} of the kernel's path manager."""
    found = {}
    for line in output("ip mptcp endpoint").splitlines():
        words = line.split()
        found[int(words[words.index("id") + 1])] = words[0]
    return found


def inside(executable, part, prepare):
    """One part, in namespaces of its own."""
    command("mount -t sysfs sysfs /sys")
    command("mount -t tmpfs tmpfs /run")
    for folder in ("/run/host", "/run/state"):
        os.makedirs(folder)
    os.environ |= {"RUNTIME_DIRECTORY": "/run/host", "STATE_DIRECTORY": "/run/state"}
    wire = Wire()
    wire.command = lambda text: command(f"nsenter -t {wire.holder.pid} -n {text}")
    wire.command("sysctl -qw net.ipv6.conf.w0.accept_ra=0")
    prepare()
    host = Host(executable)
    try:
        figures = part(host, wire)
        expect(not host.said("Sanitizer") and not host.said("runtime error"), "a sanitizer complained")
        print(f"{part.__name__.removeprefix('part_')}: {figures or 'good'}")
        return 0
    except Failed as failure:
        print(f"{host.log()[-4000:]}{part.__name__.removeprefix('part_')}: {failure}")
        return 1
    finally:
        if host.process and host.process.poll() is None:
            host.kill()
        wire.holder.kill()


def main(parts, tools=(), prepare=lambda: None, patience=180):
    """Runs those of `parts`, functions part_NAME(host, wire), that the command line names, or all. The first
    argument is the executable."""
    executable = os.path.abspath(sys.argv[1])
    parts = {part.__name__.removeprefix("part_"): part for part in parts}
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if part := os.environ.get("ANABRANCH_PART"):
        sys.exit(inside(executable, parts[part], prepare))
    for tool in ("ip", "nsenter", "unshare", *tools):
        if not shutil.which(tool):
            print(f"SKIP: no {tool}")
            sys.exit(77)
    if not os.path.exists("/proc/sys/net/ipv6") or not os.path.exists("/proc/sys/net/mptcp"):
        print("SKIP: this kernel has no IPv6 or no MPTCP")
        sys.exit(77)
    flags = "-nm" if os.geteuid() == 0 else "-Urnm"
    script = os.path.abspath(sys.modules["__main__"].__file__)
    running = {}
    for part in sys.argv[2:] or parts:
        running[part] = subprocess.Popen(
            ["unshare", flags, "--propagation", "private", sys.executable, script, executable],
            env=os.environ | {"ANABRANCH_PART": part},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    failed, deadline = [], time.monotonic() + patience
    for part, process in running.items():
        try:
            said = process.communicate(timeout=max(0.1, deadline - time.monotonic()))[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said = process.communicate()[0] + f"{part}: not through within {patience} s\n"
        print(said, end="")
        if process.returncode != 0:
            failed.append(part)
    if failed:
        print(f"FAILED: {', '.join(failed)}")
        sys.exit(1)
    print("ok")
