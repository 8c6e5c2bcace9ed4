#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`anabranch paths run` is killed without warning.

Usage: paths_killed.py ANABRANCH. A client with two links, each with a router's address of the server behind
it. Worker and parent of the path manager are killed in turn, new connections get two subflows from the kernel
within a second; running ones go on, and the next start takes them over: a link fails right after it and all
hashes are right. At the end nothing of ours is left.
"""
import json
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import PROGRAMS, Namespace, Skipped, cable, expect, main, wait_until

MPTCP = 262
SOL_MPTCP, MPTCP_INFO = 284, 1
SERVER = "198.18.0.1"
PORT = 7000
TRANSFERS = 200
AFTER_FAILURE = 20_000_000  # octets of all transfers together
BOUND = 1.0  # seconds from the kill to a new connection with two subflows
HELPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers", "transfers.py")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


class Network:
    """The client is single-homed twice: an address, a router and a source rule on each link."""

    def __init__(self):
        self.client, self.server = Namespace(), Namespace()
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

    def pm_type(self):
        return self.client.run("sysctl", "-n", "net.mptcp.pm_type").strip()


class Paths:
    def __init__(self, executable, network, folder):
        self.executable, self.network, self.folder = executable, network, folder
        self.environment = os.environ | {"RUNTIME_DIRECTORY": str(folder / "run"),
                                         "STATE_DIRECTORY": str(folder / "state")}
        self.settings = folder / "paths.toml"
        # The root of cgroup2 is the whole machine's: no program of a test belongs there.
        self.settings.write_text("[limits]\nbpf = false\n", encoding="utf-8")
        self.runs = 0

    def start(self):
        self.runs += 1
        self.log = self.folder / f"log-paths-{self.runs}"
        with open(self.log, "w", encoding="utf-8") as errors:
            self.process = self.network.client.start(
                [self.executable, "--log-level", "debug", "paths", "run", "-c", self.settings], stderr=errors,
                env=self.environment)
        wait_until("the path manager has new connections", lambda: self.network.pm_type() == "1", 20)
        self.worker = wait_until("its worker", lambda: children(self.process.pid))[0]

    def show(self):
        text = self.network.client.run(self.executable, "paths", "show", "-j", env=self.environment)
        return json.loads(text).get("connections", [])

    def cleanup(self):
        return self.network.client.run(self.executable, "paths", "cleanup", env=self.environment)


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


def extra_subflows(connection):
    """mptcpi_subflows, the first octet of struct mptcp_info."""
    return connection.getsockopt(SOL_MPTCP, MPTCP_INFO, 1)[0]


def new_connection_time(network, since):
    """Seconds from `since` until a connection made after it has a further subflow. One that was made a moment
    too early belongs to nobody, so a new one is tried every few milliseconds."""
    connections = []
    try:
        while not any(map(extra_subflows, connections)):
            expect(time.monotonic() < since + 10, "new connections never get a second subflow")
            connections.append(network.client.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP))
            connections[-1].connect((SERVER, PORT))
            connections[-1].send(b"x")
            time.sleep(0.01)
        return time.monotonic() - since
    finally:
        for connection in connections:
            connection.close()


def made_before(paths, early):
    """A socket that was made before the path manager of new ones was switched has the kernel's, also when it
    connects later: the first command that is refused shows it, and is not repeated."""
    early.connect((SERVER, PORT))
    early.send(b"x")
    wait_until("a socket made before the start is left to the kernel",
               lambda: [connection["observed_only"] for connection in paths.show()] == [True])
    # A path that comes is a reason to look at every connection again.
    paths.network.client.ip("addr add 10.2.0.77/24 dev c2")
    wait_until("another path is seen", lambda: "10.2.0.77" in paths.log.read_text(encoding="utf-8"))
    paths.network.client.ip("addr del 10.2.0.77/24 dev c2")
    early.close()
    wait_until("it is gone", lambda: not paths.show())
    log = paths.log.read_text(encoding="utf-8")
    expect(log.count("own path manager has this connection") == 1, "it is told once that the kernel has it")
    expect(log.count("was refused") <= 2, "commands for it are repeated")


def killed(executable, folder):
    network = Network()
    if network.client.command("sysctl", "-n", "net.mptcp.pm_type").returncode != 0:
        raise Skipped("this kernel has no path manager in user space")
    with open(folder / "log-server", "w", encoding="utf-8") as log:
        network.server.start([sys.executable, HELPER, "listen", SERVER, str(PORT)], stderr=log)
    wait_until("the server listens", lambda: str(PORT) in network.server.run("ss", "-tlnH"))
    rules = network.client.run("ip", "rule") + network.client.run("ip", "-6", "rule")
    limits = network.client.run("ip", "mptcp", "limits")
    endpoints = network.client.run("ip", "mptcp", "endpoint")

    paths = Paths(executable, network, folder)
    early = network.client.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
    paths.start()
    made_before(paths, early)
    transfers = Transfers(network, TRANSFERS)
    wait_until("every transfer has two subflows", lambda: len(network.subflows()) == 2 * TRANSFERS, 30)

    for name, victim, other in (("worker", lambda: paths.worker, lambda: paths.process.pid),
                                ("parent", lambda: paths.process.pid, lambda: paths.worker)):
        survivor = other()
        since = time.monotonic()
        os.kill(victim(), 9)
        took = new_connection_time(network, since)
        print(f"{name} killed: a new connection has two subflows after {took * 1000:.0f} ms")
        expect(took <= BOUND, f"{name} killed: a new connection has two subflows after {took:.2f} s")
        if name == "worker":
            expect(paths.process.wait(timeout=5) == 1, "the parent ends as a failure, so that it is started again")
        else:
            paths.process.wait(timeout=5)
            wait_until("the worker has ended", lambda: not os.path.exists(f"/proc/{survivor}"))
        expect(network.pm_type() == "0", "the kernel's path manager is back")
        wait_until("running connections have their subflows, and only they",
                   lambda: len(network.subflows()) == 2 * TRANSFERS)
        paths.start()

    adopted = len(paths.show())
    expect(adopted == TRANSFERS, f"{adopted} of {TRANSFERS} connections are taken over")

    # The link that carries the first subflows fails; the other has to carry everything.
    network.server.ip("link set s1 down")
    carried = network.received("s2")
    wait_until("the other link carries the transfers", lambda: network.received("s2") > carried + AFTER_FAILURE, 20)
    ended = transfers.end()
    print(f"{TRANSFERS} transfers: {ended[0]} right, {ended[1]} wrong, {ended[2]} missing")
    expect(ended == [TRANSFERS, 0, 0], f"right, wrong, missing: {ended}")

    paths.process.terminate()
    expect(paths.process.wait(timeout=10) == 0, "the path manager stops in order")
    expect(network.pm_type() == "0", "the kernel's path manager is back after the stop")
    paths.cleanup()
    expect(network.client.run("ip", "rule") + network.client.run("ip", "-6", "rule") == rules, "rules are left")
    expect(network.client.run("ip", "mptcp", "limits") == limits, "limits are left")
    expect(network.client.run("ip", "mptcp", "endpoint") == endpoints, "endpoints are left")


main(killed, ["ss", "ip"])
