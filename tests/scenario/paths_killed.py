#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`anabranch paths run` is killed without warning.

Usage: paths_killed.py ANABRANCH. A client with two links, each with a router's address of the server behind
it. Worker and parent of the path manager are killed in turn, new connections get two subflows from the kernel
within a second; running ones go on, and the next start takes them over: a link fails right after it and all
hashes are right. At the end nothing of ours is left.
"""
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import expect, main, wait_until
from path_manager import PORT, SERVER, Network, Paths, Transfers

MPTCP = 262
SOL_MPTCP, MPTCP_INFO = 284, 1
TRANSFERS = 200
AFTER_FAILURE = 20_000_000  # octets of all transfers together
BOUND = 1.0  # seconds from the kill to a new connection with two subflows
STEADY = 1.5  # s without a subflow that comes or goes


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
               lambda: [connection["observed_only"] for connection in paths.shown()["connections"]] == [True])
    # A path that comes is a reason to look at every connection again.
    paths.network.client.ip("addr add 10.2.0.77/24 dev c2")
    wait_until("another path is seen", lambda: "10.2.0.77" in paths.log.read_text(encoding="utf-8"))
    paths.network.client.ip("addr del 10.2.0.77/24 dev c2")
    early.close()
    wait_until("it is gone", lambda: not paths.shown()["connections"])
    log = paths.log.read_text(encoding="utf-8")
    expect(log.count("own path manager has this connection") == 1, "it is told once that the kernel has it")
    expect(log.count("was refused") <= 2, "commands for it are repeated")


def settle(network):
    """All transfers have two subflows, and none is just being made anew (which takes 0.6 s): the same ones for a while."""
    since, before = time.monotonic(), None

    def settled():
        nonlocal since, before
        lines = network.client.run("ss", "-tHn", "state", "established", f"dport = :{PORT}").splitlines()
        now = {line.split()[2] for line in lines}
        if now != before or len(now) != 2 * TRANSFERS:
            since, before = time.monotonic(), now
        return time.monotonic() - since > STEADY

    wait_until("the transfers have two subflows each, and keep them", settled, 40)


def killed(executable, folder):
    network = Network()
    network.listen(folder)
    rules = network.client.run("ip", "rule") + network.client.run("ip", "-6", "rule")
    limits = network.client.run("ip", "mptcp", "limits")
    endpoints = network.client.run("ip", "mptcp", "endpoint")

    paths = Paths(executable, network, folder)
    early = network.client.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
    paths.start()
    made_before(paths, early)
    transfers = Transfers(network, TRANSFERS)

    for name, victim, other in (("worker", lambda: paths.worker, lambda: paths.process.pid),
                                ("parent", lambda: paths.process.pid, lambda: paths.worker)):
        settle(network)
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

    adopted = len(paths.shown()["connections"])
    expect(adopted == TRANSFERS, f"{adopted} of {TRANSFERS} connections are taken over")

    # The link that carries the first subflows fails; the other has to carry everything.
    network.server.ip("link set s1 down")
    carried = network.received("s2")
    wait_until("the other link carries the transfers", lambda: network.received("s2") > carried + AFTER_FAILURE, 20)
    ended = transfers.end()
    print(f"{TRANSFERS} transfers: {ended[0]} right, {ended[1]} wrong, {ended[2]} missing")
    expect(ended == [TRANSFERS, 0, 0], f"right, wrong, missing: {ended}")

    paths.stop()
    paths.do("cleanup")
    expect(network.client.run("ip", "rule") + network.client.run("ip", "-6", "rule") == rules, "rules are left")
    expect(network.client.run("ip", "mptcp", "limits") == limits, "limits are left")
    expect(network.client.run("ip", "mptcp", "endpoint") == endpoints, "endpoints are left")


main(killed, ["ss", "ip"])
