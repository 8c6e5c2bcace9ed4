# SPDX-License-Identifier: MIT
"""What the scenarios about `anabranch paths run` share: a client with two links to a server, the role, and many
transfers with their hashes.

    [client] c1 10.1.0.2 --- s1 10.1.0.1 [server, 198.18.0.1 on its loopback]
             c2 10.2.0.2 --- s2 10.2.0.1
"""
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from namespaces import PROGRAMS, Namespace, Skipped, cable, expect, wait_until

SERVER = "198.18.0.1"
PORT = 7000
MPTCP = 262
HELPER = str(Path(__file__).resolve().parent / "transfers.py")
# The root of cgroup2 is the whole machine's: no program of a test belongs there.
NO_BPF = "[limits]\nbpf = false\n"


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


class Network:
    """The client is single-homed twice: an address, a router and a source rule on each link."""

    def __init__(self):
        self.client, self.server = Namespace(), Namespace()
        if self.client.command("sysctl", "-n", "net.mptcp.pm_type").returncode != 0:
            raise Skipped("this kernel has no path manager in user space")
        self.server.ip(f"addr add {SERVER}/32 dev lo")
        for k in (1, 2):
            cable(self.client, f"c{k}", self.server, f"s{k}")
            self.client.ip(f"addr add 10.{k}.0.2/24 dev c{k}",
                           f"route add default via 10.{k}.0.1 dev c{k} metric {100 + k}",
                           f"route add default via 10.{k}.0.1 dev c{k} table {100 + k}",
                           f"rule add from 10.{k}.0.2 lookup {100 + k}")
            self.server.ip(f"addr add 10.{k}.0.1/24 dev s{k}")
        for namespace in (self.client, self.server):
            namespace.command("sysctl", "-qw", "net.mptcp.blackhole_timeout=0")
        # Somebody who accepts further subflows, as servers do.
        self.server.run("ip", "mptcp", "limits", "set", "subflows", "8", "add_addr_accepted", "8")

    def subflows(self):
        """Local addresses of established subflows to the server, by the peer's connection."""
        lines = self.client.run("ss", "-tHn", "state", "established", f"dport = :{PORT}").splitlines()
        return [line.split()[2].rsplit(":", 1)[0].split("%")[0] for line in lines]

    def received(self, interface):
        return json.loads(self.server.run("ip", "-j", "-s", "link", "show", interface))[0]["stats64"]["rx"]["bytes"]

    def shape(self, rate):
        """What the client sends on each link."""
        for link in ("c1", "c2"):
            self.client.run("tc", "qdisc", "add", "dev", link, "root", "tbf", "rate", rate, "burst", "15k", "latency",
                            "50ms")

    def carry(self, octets):
        """Whether each link has carried so many since this was last true."""
        now = [self.received(name) for name in ("s1", "s2")]
        before = self.__dict__.setdefault("carried", now)
        if all(new - old >= octets for new, old in zip(now, before)):
            del self.carried
            return True
        return False

    def pm_type(self):
        return self.client.run("sysctl", "-n", "net.mptcp.pm_type").strip()

    def listen(self, folder):
        """The server's end of the transfers."""
        with open(folder / "log-server", "w", encoding="utf-8") as log:
            self.server.start([sys.executable, HELPER, "listen", SERVER, str(PORT)], stderr=log)
        wait_until("the server listens", lambda: str(PORT) in self.server.run("ss", "-tlnH"))


class Paths:
    """`anabranch paths run` on the client, with files of its own."""

    def __init__(self, executable, network, folder, settings="", options=()):
        self.executable, self.network, self.folder = executable, network, folder
        self.environment = os.environ | {"RUNTIME_DIRECTORY": str(folder / "run"),
                                         "STATE_DIRECTORY": str(folder / "state")}
        self.file = folder / "paths.toml"
        self.write(settings)
        self.options = list(options)
        self.runs = 0

    def write(self, settings):
        self.file.write_text(settings + NO_BPF, encoding="utf-8")

    def start(self):
        self.runs += 1
        self.log = self.folder / f"log-paths-{self.runs}"
        with open(self.log, "w", encoding="utf-8") as errors:
            self.process = self.network.client.start(
                [self.executable, "--log-level", "debug", "paths", "run", "-c", self.file, *self.options],
                stderr=errors, env=self.environment)
        wait_until("the path manager has new connections", lambda: self.network.pm_type() == "1", 20)
        self.worker = wait_until("its worker", lambda: children(self.process.pid))[0]

    def do(self, *arguments):
        return self.network.client.run(self.executable, "paths", *arguments, env=self.environment)

    def shown(self):
        return json.loads(self.do("show", "-j"))

    def stop(self):
        self.process.terminate()
        expect(self.process.wait(timeout=10) == 0, "the path manager stops in order")
        expect(self.network.pm_type() == "0", "the kernel's path manager is back after the stop")


class Transfers:
    def __init__(self, network, count):
        self.process = subprocess.Popen(
            [*network.client.enter, sys.executable, HELPER, "send", SERVER, str(PORT), str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        PROGRAMS.append(self.process)
        expect(self.process.stdout.readline() == "ready\n", "the transfers do not begin")

    def end(self):
        self.process.stdin.write("\n")
        self.process.stdin.close()
        words = self.process.stdout.readline().split()
        self.process.wait(timeout=90)
        return [int(word) for word in words]


class Bulk(threading.Thread):
    """One transfer as fast as the links let it, so that it needs both."""

    def __init__(self, network):
        super().__init__(daemon=True)
        self.connection = network.client.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        self.connection.connect((SERVER, PORT))
        self.hash = hashlib.sha256()
        self.over = False
        self.start()

    def run(self):
        piece = os.urandom(1 << 16)
        while not self.over:
            self.connection.sendall(piece)
            self.hash.update(piece)
        self.connection.shutdown(socket.SHUT_WR)

    def arrived(self):
        self.over = True
        self.join(30)
        self.connection.settimeout(30)
        return self.connection.recv(100).decode() == self.hash.hexdigest()
