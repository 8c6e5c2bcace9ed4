#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The roles as a service manager sees them: with the capabilities of their systemd units and no others,
telling when they are ready, what they do and that they live; reading their files again on SIGHUP.

    host (h0) --- lan0 [gateway with Kea] up1, up2

Usage: service.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from host_and_gateway import LAN, UPLINKS, build_network
from waiting import Failed, command, expect, wait_until

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"
if not PACKAGING.exists():  # a staged copy has no tests/ above scenario/
    PACKAGING = pathlib.Path(__file__).resolve().parents[1] / "packaging"
UNITS = ["anabranch-gateway.service", "anabranch-paths.service", "anabranch-cpe.service", "anabranch-converter.service",
         "anabranch-balancer.service", "anabranch-balancer-server.service", "anabranch-host@.service"]
CAPABILITIES = "+net_admin,+net_raw,+net_bind_service"
PATHS_CAPABILITIES = CAPABILITIES + ",+bpf,+perfmon"
# The root of cgroup2 is the whole machine's: no program of a test belongs there.
PATHS = "[limits]\nbpf = false\n"
NOBODY = 65534
MOST_EXPOSED = 25  # of 100, by `systemd-analyze security`

GATEWAY = LAN + """
[advertise]
enabled = false
""" + UPLINKS


class Role:
    """A running role with its service manager, which is us."""

    def __init__(self, folder, name, verb, journal, prefix=(), watchdog_us=None, capabilities=CAPABILITIES):
        self.folder, self.name, self.verb, self.journal = folder / name, name, verb, journal
        self.prefix, self.watchdog_us, self.capabilities = list(prefix), watchdog_us, capabilities
        self.environment = {"RUNTIME_DIRECTORY": str(self.folder / "run"), "STATE_DIRECTORY": str(self.folder / "state")}
        for part in ("run/kea/etc", "run/kea/run", "state/kea"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log"
        self.process, self.socket, self.heard = None, None, []

    def start(self):
        """As the unit does: few capabilities, and as an ordinary user where we can be another one."""
        confine = ["setpriv", "--no-new-privs", f"--bounding-set=-all,{self.capabilities}"]
        if os.environ["ANABRANCH_SERVICE_ROOT"] == "yes":
            confine += [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                        f"--inh-caps=-all,{self.capabilities}", f"--ambient-caps=-all,{self.capabilities}"]
            command(f"chown -R {NOBODY}:{NOBODY} {self.folder}")
        path = str(self.folder / "notify")
        pathlib.Path(path).unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o777)
        self.heard = []
        with open(self.log, "w") as log:
            about = os.fstat(log.fileno())
            stream = f"{about.st_dev}:{about.st_ino}" if self.journal else "1:2"
            environment = {**os.environ, **self.environment, "NOTIFY_SOCKET": path, "JOURNAL_STREAM": stream}
            if self.watchdog_us:
                environment["WATCHDOG_USEC"] = str(self.watchdog_us)
            self.process = subprocess.Popen([*self.prefix, *confine, ANABRANCH, *self.verb], env=environment, stderr=log)

    def hear(self, start, patience=15.0):
        """Waits for the next message that begins so."""
        deadline = time.monotonic() + patience
        while True:
            left = deadline - time.monotonic()
            expect(left > 0, f"the {self.name} does not say '{start}' within {patience} s, but {self.heard[-8:]}")
            self.socket.settimeout(left)
            try:
                message = self.socket.recv(4096).decode()
            except TimeoutError:
                continue
            self.heard.append(message)
            if message.startswith(start):
                return message

    def silent(self, seconds):
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(4096).decode()
        except TimeoutError:
            return None

    def reads_its_file_again(self):
        self.process.send_signal(signal.SIGHUP)
        began = self.hear("RELOADING=1\nMONOTONIC_USEC=")
        expect(abs(int(began.split("=")[2]) / 1e6 - time.monotonic()) < 10, f"when did it begin? {began}")
        self.hear("READY=1")

    def ask(self, *verb):
        return subprocess.run([ANABRANCH, self.verb[0], *verb], env={**os.environ, **self.environment},
                              capture_output=True, text=True)

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        expect(self.process.wait(10) == 0, f"exit code of the {self.name}: {self.process.returncode}")
        self.hear("STOPPING=1")
        self.process = None


def units_are_clean(folder):
    units = folder / "units"
    units.mkdir()
    for unit in UNITS:
        text = (PACKAGING / "systemd" / (unit + ".in")).read_text()
        (units / unit).write_text(text.replace("@EXECUTABLE@", ANABRANCH))
    shutil.copy(units / UNITS[-1], units / "anabranch-host@eth0.service")
    for unit in (*UNITS[:-1], "anabranch-host@eth0.service"):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(units / unit)], capture_output=True, text=True)
        said = "\n".join(line for line in done.stderr.splitlines() if "anabranch" in line)
        expect(done.returncode == 0 and not said, f"systemd-analyze verify {unit}: {done.stderr}")
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}",
                               str(units / unit)], capture_output=True, text=True)
        expect(done.returncode == 0, f"{unit} is more exposed than it was: {done.stdout[-400:]}{done.stderr}")


def show_kea_its_places(gateway):
    """What BindPaths= of the unit does."""
    command("mount --make-rprivate /")
    for parent in ("/run", "/var/lib"):
        command(f"mount -t tmpfs tmpfs {parent}")
        os.mkdir(parent + "/kea")
    for ours, kea in (("run/kea/etc", "/etc/kea"), ("run/kea/run", "/run/kea"), ("state/kea", "/var/lib/kea")):
        command(f"mount --bind {gateway.folder / ours} {kea}")


def check_host_without_server(host):
    host.start()
    host.hear("READY=1")
    waiting = "STATUS=neither a DHCP server nor a Router Advertisement has told of paths yet"
    expect(waiting in host.heard + [host.silent(5)], f"status: {host.heard}")
    lines = host.log.read_text().splitlines()
    expect(not any(line.startswith("<") for line in lines), f"level prefixes outside the journal: {lines}")
    host.stop()


def check_gateway(gateway, file):
    gateway.start()
    gateway.hear("READY=1", 30)
    expect("gateway is ready" in gateway.log.read_text(), "READY=1 comes before the gateway is ready")
    wait_until("the status in a sentence", lambda: any("2 of 2 uplinks up, DHCP running" in m for m in gateway.heard)
             or gateway.hear("STATUS="))
    for _ in range(2):
        gateway.hear("WATCHDOG=1")
    gateway.process.send_signal(signal.SIGSTOP)  # like a callback that does not come back
    while gateway.silent(0.1):
        pass
    expect(gateway.silent(1.2) is None, "the watchdog is fed though the loop does not turn")
    gateway.process.send_signal(signal.SIGCONT)
    gateway.hear("WATCHDOG=1")
    file.write_text(GATEWAY + "nonsense = 1\n")
    gateway.reads_its_file_again()
    file.write_text(GATEWAY)
    gateway.reads_its_file_again()
    lines = gateway.log.read_text().splitlines()
    expect(all(line[:3] in ("<3>", "<4>", "<6>", "<7>") for line in lines), f"lines without a level: {lines}")
    expect(any(line.startswith("<3>") and "refused" in line for line in lines), f"the wrong file is not refused: {lines}")
    pid = json.loads(gateway.ask("show", "-j").stdout)["dhcp"]["pid"]
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("CapEff") and os.environ["ANABRANCH_SERVICE_ROOT"] == "yes":
            expect(int(line.split()[1], 16) == 1 << 10 | 1 << 13, f"Kea's capabilities: {line}")


def check_host(host, file):
    def paths():
        return [path["state"] for path in json.loads(host.ask("show", "-j").stdout)["paths"]]

    file.write_text("")
    host.start()
    host.hear("READY=1")
    host.hear("STATUS=2 of 2 paths up")
    file.write_text("max_paths = 1\n")
    host.reads_its_file_again()
    if "STATUS=1 of 1 paths up" not in host.heard:
        host.hear("STATUS=1 of 1 paths up")
    expect(paths() == ["up"], f"max_paths = 1 is not followed: {paths()}")
    file.write_text("max_paths = 2\n")
    expect(host.ask("reload").returncode == 0, "host reload")
    host.hear("STATUS=2 of 2 paths up")
    file.write_text("max_paths = 99\n")
    refused = host.ask("reload", "h0")
    expect(refused.returncode == 2 and "host.toml:1:" in refused.stderr, f"a wrong file: {refused}")
    expect(paths() == ["up", "up"], f"a refused file changed the paths: {paths()}")
    file.write_text("ext_route_code = 225\n")
    expect(host.ask("reload").returncode == 0, "reload with another option code")
    host.hear("STATUS=the network offers no further paths")
    expect(paths() == [], "paths stay though the network knows nothing of that option code")
    file.write_text("ext_route_code = 224\n")
    expect(host.ask("reload").returncode == 0, "reload with the option code of before")
    host.hear("STATUS=2 of 2 paths up")
    host.stop()


def check_paths(paths, file):
    """Two processes: the worker speaks, and the parent takes the signals. The host's own address has no router."""
    state = "STATUS=1 of 2 paths usable, 0 connections with 0 subflows"
    paths.start()
    paths.hear("READY=1")
    if state not in paths.heard:
        paths.hear(state)
    for _ in range(2):
        paths.hear("WATCHDOG=1")
    paths.reads_its_file_again()
    shown = json.loads(paths.ask("show", "-j").stdout)
    expect(shown["settings_file"] == str(file), f"the file it reads: {shown}")
    file.write_text("nonsense = 1\n")
    refused = paths.ask("reload")
    expect(refused.returncode == 2 and "paths.toml:1:" in refused.stderr, f"a wrong file: {refused}")
    paths.stop()


def run(folder):
    units_are_clean(folder)
    gateway_file, host_file, paths_file = folder / "gateway.toml", folder / "host.toml", folder / "paths.toml"
    gateway_file.write_text(GATEWAY)
    host_file.write_text("")
    paths_file.write_text(PATHS)
    for path in (folder, gateway_file, host_file, paths_file):
        path.chmod(0o755)
    holder, inside = build_network()
    gateway = Role(folder, "gateway", ["gateway", "run", "-c", str(gateway_file)], journal=True, watchdog_us=1_000_000)
    host = Role(folder, "host", ["host", "run", "h0", "-c", str(host_file)], journal=False, prefix=inside)
    paths = Role(folder, "paths", ["paths", "run", "-c", str(paths_file)], journal=False,
                 prefix=inside, watchdog_us=1_000_000, capabilities=PATHS_CAPABILITIES)
    show_kea_its_places(gateway)
    try:
        check_host_without_server(host)
        check_gateway(gateway, gateway_file)
        check_host(host, host_file)
        gateway.stop()
        check_paths(paths, paths_file)
    except Exception:
        for role in (gateway, host, paths):
            if role.log.exists():
                print(f"--- log of the {role.name}", role.log.read_text()[-6000:], sep="\n")
        raise
    finally:
        for process in (gateway.process, host.process, paths.process, holder):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for tool in ("kea-dhcp4", "systemd-analyze", "setpriv", "ip"):
        if shutil.which(tool) is None:
            print(f"SKIP: no {tool}")
            return 77
    if os.environ.get("ANABRANCH_SERVICE_ROOT") is None:
        root = os.geteuid() == 0
        os.environ["ANABRANCH_SERVICE_ROOT"] = "yes" if root else "no"
        os.execvp("unshare", ["unshare", "-nm" if root else "-Urnm", sys.executable, *sys.argv])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="anabranch-service-"))
    try:
        run(folder)
    except Failed as why:
        print(f"FAILED: {why}")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("ok")
    return 0


ANABRANCH = os.path.realpath(sys.argv[1])
sys.exit(main())
