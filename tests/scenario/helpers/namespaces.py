# SPDX-License-Identifier: MIT
"""What the gateway's scenarios in Python share: network namespaces of their own, programs in them that
are ended with the scenario, waiting for events, and how a scenario ends."""
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from dhcp import NoLease
from waiting import Failed, Skipped, expect, wait_until  # others take them from here, too


def enter(descriptor):
    """setns(2) of this thread."""
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")


PROGRAMS = []
# Seconds after which a namespace goes by itself, if its scenario was killed.
LIFETIME = 600


def start(arguments, **options):
    """A program in the background, killed when the scenario ends."""
    program = subprocess.Popen(arguments, **{"stdin": subprocess.DEVNULL} | options)
    PROGRAMS.append(program)
    return program


def end_left_behind():
    """Workers of a program that was killed, sessions of a server: what else runs in the scenario's own mount namespace."""
    def mounts(pid):
        try:
            return os.readlink(f"/proc/{pid}/ns/mnt")
        except OSError:  # it is gone, or another user's
            return None

    ours = mounts("self")
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
        if pid != os.getpid() and mounts(pid) == ours:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass


def end(program):
    program.terminate()
    return program.wait(timeout=15)


class Namespace:
    """A network namespace; Namespace() is a new one, HERE is the one the scenario runs in."""

    def __init__(self, pid=None):
        if pid is None:
            own = os.readlink("/proc/self/ns/net")
            pid = start(["unshare", "-n", "sleep", str(LIFETIME)]).pid
            wait_until("a namespace", lambda: os.readlink(f"/proc/{pid}/ns/net") != own)
        self.pid = pid
        self.enter = [] if pid == os.getpid() else ["nsenter", "-t", str(pid), "-n"]
        self.ip("link set lo up")

    def command(self, *arguments, **options):
        options = {"capture_output": True, "text": True, "check": False} | options
        return subprocess.run([*self.enter, *arguments], **options)

    def run(self, *arguments, **options):
        """Its standard output; a failure ends the scenario."""
        done = self.command(*arguments, **options)
        expect(done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def start(self, arguments, **options):
        return start([*self.enter, *arguments], **options)

    def ip(self, *lines):
        """Lines for ip(8), each a command without "ip", all in one go."""
        return self.run("ip", "-batch", "-", input="\n".join(lines) + "\n")

    def socket(self, *arguments):
        """A socket of this namespace, for the scenario's own process."""
        with open("/proc/self/ns/net") as own, open(f"/proc/{self.pid}/ns/net") as there:
            enter(there.fileno())
            try:
                return socket.socket(*arguments)
            finally:
                enter(own.fileno())

    def packet_socket(self, interface):
        """IPv4 frames of one interface."""
        packets = self.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        packets.bind((interface, 0))
        return packets

    def mac(self, interface):
        return bytes.fromhex(json.loads(self.run("ip", "-j", "link", "show", interface))[0]["address"].replace(":", ""))

    def reaches(self, target, source):
        return self.command(sys.executable, str(HELPERS / "ping.py"), target, source).returncode == 0

    def refuses(self, target, source):
        """ICMP unreachable comes back at once."""
        return self.command(sys.executable, str(HELPERS / "ping.py"), target, source).returncode == 2


HELPERS = Path(__file__).resolve().parent


def cable(one, name, other, peer):
    one.ip(f"link add {name} type veth peer name {peer} netns {other.pid}", f"link set {name} up")
    other.ip(f"link set {peer} up")


class Gateway:
    """`anabranch gateway run` in a namespace, with files of its own."""

    def __init__(self, executable, namespace, folder):
        self.executable = executable
        self.namespace = namespace
        self.folder = Path(folder)
        self.folder.mkdir()
        self.config = self.folder / "gateway.toml"
        self.log = self.folder / "log"
        self.environment = os.environ | {
            "RUNTIME_DIRECTORY": str(self.folder / "run"),
            "STATE_DIRECTORY": str(self.folder / "state"),
        }
        self.process = None

    def start(self, config, patience=20.0, log_level="debug"):
        self.config.write_text(config)
        with open(self.log, "w") as errors:
            arguments = [self.executable, "--log-level", log_level, "gateway", "run", "-c", str(self.config)]
            self.process = self.namespace.start(arguments, stderr=errors, env=self.environment)
        wait_until("the gateway is ready", lambda: self.says("gateway is ready"), patience)

    def says(self, text):
        expect(self.process.poll() is None, "the gateway has ended")
        return text in self.log.read_text()

    def do(self, *arguments):
        return self.namespace.run(self.executable, "gateway", *arguments, env=self.environment)

    def reload(self, config):
        self.config.write_text(config)
        self.do("reload")

    def stop(self):
        code = end(self.process)
        expect(code == 0, f"the gateway ended with {code}")


def main(scenario, tools=()):
    """Runs scenario(executable, folder) in namespaces of its own; as root or as an ordinary user."""
    executable = os.path.abspath(sys.argv[1])
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for tool in tools:
        if not shutil.which(tool):
            print(f"SKIP: no {tool}")
            sys.exit(77)
    if os.environ.get("ANABRANCH_SCENARIO") != "inside":
        os.environ["ANABRANCH_SCENARIO"] = "inside"
        flags = "-nm" if os.geteuid() == 0 else "-Urnm"
        script = os.path.abspath(sys.modules["__main__"].__file__)
        os.execvp("unshare", ["unshare", flags, "--", sys.executable, script, executable, *sys.argv[2:]])
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
    folder = tempfile.mkdtemp(prefix="anabranch-scenario.")
    code = 0
    try:
        scenario(executable, Path(folder))
        print("ok")
    except Skipped as reason:
        print(f"SKIP: {reason}")
        code = 77
    except (Failed, NoLease) as failure:
        for log in filter(Path.is_file, Path(folder).rglob("log*")):
            print(f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-40:]))
        print(f"FAILED: {failure}")
        code = 1
    finally:
        for program in PROGRAMS:
            if program.poll() is None:
                program.kill()
                program.wait()
        end_left_behind()
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(code)
