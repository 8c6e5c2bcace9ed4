#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The host role on a link that somebody floods: the flooders and fuzzers of thc-ipv6 one after the other, and
before that 1,000 provisioning domains a second, malformed Router Advertisements, hostile DHCPv6 servers and some
of the flooders all at once. What a lawful gateway has given stays and works meanwhile; what the host holds, remembers
and writes is bounded.

Usage: host_flood.py ANABRANCH [PART...], as root or as an ordinary user. Ends with "ok" (exit 0), "SKIP: why"
(exit 77) or "FAILED: why" (exit 1). The parts run side by side, each in namespaces of its own:

    h0 (the host, 10.1.0.50/16) ---- w0 (a router, a DHCP server, a DHCPv6 server, attackers)
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from attacker import icmpv6  # noqa: E402
from container_server import ContainerServer  # noqa: E402
from dhcp_wire import Failed, Server, command, expect, wait_until  # noqa: E402
from router import Router, domain, ext_route, header, of_path, prefix_information  # noqa: E402
from wired import PATIENCE, endpoints, main, output, read  # noqa: E402

FAR = "2001:db8:f:f::1"  # beyond the router
MPTCP, SOL_MPTCP, TCP_CONGESTION = 262, 284, 13
ATTACKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers", "attacker.py")
ON_LINK = 0x80
ALONE, TOGETHER = 0.7, 6.0  # s that a flood lasts
ALL_NODES, ROUTER = "ff02::1", "fe80::616e:6162:0:2"
TOOLS = {
    "router advertisements": ["flood_router26"],
    "the same past RA guard": ["flood_router26", "-F"],
    "the same, short-lived, M": ["flood_router26", "-s", "-m"],
    "neighbour advertisements": ["flood_advertise6"],
    "neighbour solicitations": ["flood_solicitate6"],
    "router solicitations": ["flood_rs6"],
    "redirects": ["flood_redir6"],
    "DHCPv6 clients": ["flood_dhcpc6"],
    "fuzzed advertisements": ["fuzz_ip6", "-a", "-x", "-4", "w0", ALL_NODES],
    "fuzzed DHCPv6 clients": ["fuzz_dhcps6"],
}
# These answer clients that ask, answer hosts that look whether an address is free, and end the router of path 2 as
# far as default routes go; its domain is not in such an advertisement (docs/host.md tells what would end it).
SILENT = [["fuzz_dhcpc6", "w0"], ["dos-new-ip6", "w0"], ["kill_router6", "w0", ROUTER]]
IN_THE_MIDST = [TOOLS[what] for what in ("router advertisements", "neighbour advertisements", "DHCPv6 clients")]
# What is the most that eight paths of four prefixes, eight routes and four resolvers each can make.
BOUNDS = {"links": 7, "addresses": 7 * 8 + 1, "rules": 8 * 13, "routes": 8 * 16, "endpoints": 8}
MOST_GROWTH = 4096  # kB
MOST_LINES = 10  # of the log, a second
MOST_SILENCE = 3.0  # s, of a connection


class UndisturbedRouter(Router):
    """Its frames need no neighbour table: the kernel has one for all network namespaces, and the one that is
    flooded is the host's."""

    def __init__(self, wire):
        self.frames = wire.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
        self.frames.bind(("w0", 0))
        super().__init__(wire)

    def send(self, message, index, raw=None):
        self.frames.send(icmpv6(self.source(index), message, mac=self.frames.getsockname()[4]))


class Transfer:
    """An MPTCP connection to beyond the router, on which there is always something to do."""

    def __init__(self, wire, source):
        for run in (command, wire.command):
            run("sysctl -qw net.mptcp.blackhole_timeout=0")
        # What the other end has not seen ending counts there for a while.
        wire.command("ip mptcp limits set subflows 8")
        listener = wire.inside(lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM, MPTCP))
        self.client = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, MPTCP)
        for one in (listener, self.client):
            one.settimeout(PATIENCE)
            one.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, b"cubic")
        listener.bind((FAR, 0))
        listener.listen()
        self.port = listener.getsockname()[1]
        self.client.bind((source, 0))
        try:
            self.client.connect((FAR, self.port))
        except OSError as error:
            raise Failed(f"no connection from {source}: {error}") from error
        self.server, _ = listener.accept()
        self.server.settimeout(PATIENCE)
        self.octets, self.silence, self.error, self.running = 0, 0.0, None, True
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self.ask, self.answer)]
        for thread in self.threads:
            thread.start()

    def ask(self):
        try:
            while self.running:
                began = time.monotonic()
                self.client.sendall(b"x" * 20_000)
                expect(self.client.recv(1), "the connection has ended")
                self.octets += 20_000
                self.silence = max(self.silence, time.monotonic() - began)
                time.sleep(0.005)
        except (OSError, Failed) as error:
            self.error = error
        self.client.close()

    def answer(self):
        try:
            while True:
                left = 20_000
                while left > 0:
                    got = len(self.server.recv(left))
                    if got == 0:
                        return
                    left -= got
                self.server.sendall(b"y")
        except OSError as error:
            self.error = self.error or error

    def check(self, when):
        expect(self.error is None, f"{when}: {self.error}")
        # A connection that has become plain TCP refuses.
        try:
            self.client.getsockopt(SOL_MPTCP, 1, 64)
        except OSError as error:
            raise Failed(f"{when}: no MPTCP any more, {error}") from error

    def sources(self):
        """Of its established subflows."""
        lines = output(f"ss -Htn state established dst [{FAR}]:{self.port}").splitlines()
        return {re.match(r"\[([0-9a-f:]+)", line.split()[2]).group(1) for line in lines}

    def end(self):
        self.running = False
        for thread in self.threads:
            thread.join(PATIENCE)


def connected(wire, addresses, index):
    """A Transfer from path `index` with a subflow over the other path too. The kernel's path manager tries each once,
    and its one neighbour table for all namespaces may be full for a while: so there are three attempts."""
    for attempt in (1, 2, 3):
        transfer = Transfer(wire, addresses[index])
        try:
            wait_until("subflows over both paths", lambda: set(addresses.values()) <= transfer.sources(), 5)
            return transfer
        except Failed as failure:
            transfer.end()
            print(f"  attempt {attempt}: {failure}: {transfer.sources()}; {counters(wire)}")
            for enter in ("", f"nsenter -t {wire.holder.pid} -n "):
                print("    " + "; ".join(output(f"{enter}ip -6 neigh").splitlines()[:8]))
    raise Failed("no connection has a subflow over each path")


def counters(wire):
    """What MPTCP has counted at both ends."""
    return "; ".join(" ".join(" ".join(line.split()[:2]) for line in output(f"{enter}nstat -as").splitlines()
                              if line.startswith("MPTcp")) for enter in ("", f"nsenter -t {wire.holder.pid} -n "))


class Held:
    """What is ours in the kernel, and how much the process takes."""

    def __init__(self, host):
        self.links = sorted(line.split()[0] for line in output("ip -br link").splitlines() if line.startswith("anab"))
        self.addresses = sorted(
            one["local"] for link in json.loads(output("ip -j addr")) for one in link["addr_info"]
            if link["ifname"].startswith("anab") and one.get("scope") == "global")
        self.rules = sorted(line for family in "46" for line in output(f"ip -{family} rule").splitlines() if "173" in line)
        self.routes = [line for family in "46" for line in
                       output(f"ip -{family} route show table all proto 173").splitlines()]
        self.endpoints = endpoints()
        self.descriptors, self.memory, self.cpu = host.descriptors(), host.memory(), host.cpu()

    def lasting(self):
        return self.links, self.addresses, self.rules, self.endpoints

    def check(self):
        for what, most in BOUNDS.items():
            expect(len(getattr(self, what)) <= most, f"{len(getattr(self, what))} {what}")


class Most:
    """Of several looks the highest numbers."""

    def __init__(self):
        self.numbers = dict.fromkeys(BOUNDS, 0)

    def add(self, held):
        held.check()
        self.numbers = {what: max(number, len(getattr(held, what))) for what, number in self.numbers.items()}


def arrived():
    """Packets at h0 so far."""
    return int(read("/sys/class/net/h0/statistics/rx_packets"))


def thc(wire, words, seconds):
    """One of its tools; it ends by a signal, since most of them know no other end."""
    arguments = [f"atk6-{words[0]}", *words[1:], *([] if "w0" in words else ["w0"])]
    return subprocess.Popen(
        ["nsenter", "-t", str(wire.holder.pid), "-n", "timeout", "-k", "1", f"{seconds}", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def attacker(wire, seconds, *words):
    """One of our own, ready to begin."""
    return subprocess.Popen(
        ["nsenter", "-t", str(wire.holder.pid), "-n", sys.executable, ATTACKER, "w0", f"{seconds}", *words],
        stdout=subprocess.PIPE, text=True)


def finish(process):
    try:
        return process.communicate(timeout=PATIENCE)[0] or ""
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise Failed("an attacker does not end") from error


def gateway(wire):
    """Path 1 is the interface's own, path 2 has both families, path 3 an address by DHCPv6; nobody leases path 4."""
    router = UndisturbedRouter(wire)
    router.has(1, 2, 3, 4)
    for index in (1, 2, 3, 4):
        wire.command(f"ip addr add 2001:db8:{index}::1/64 dev w0 nodad")
    wire.command(f"ip addr add {FAR}/128 dev lo")
    server = Server("10.1.0.1")
    server.offers[2] = "10.2.16.5"
    wire.servers.append(server)
    ContainerServer(wire, {3: "2001:db8:3::7:3"})
    wait_until("the link-local address", lambda: "fe80" in output("ip -6 addr show dev h0 -tentative"))
    router.says[1] = of_path(1, 4, outside=prefix_information("2001:db8:1::/64"))
    router.says[2] = of_path(2, 4)
    for index in (3, 4):
        leased = prefix_information(f"2001:db8:{index}::/64", flags=ON_LINK)
        inside = domain(f"isp{index}.example", leased, ext_route(index, 4), lifetime=1800)
        router.says[index] = header(0) + inside.replace(header(1800), header(1800, managed=True))
    return router


def one_by_one(host, wire, transfer, addresses):
    """Each of the tools."""
    for what, words in TOOLS.items():
        if not shutil.which(f"atk6-{words[0]}"):
            print(f"  {what}: no atk6-{words[0]}, left out")
            continue
        before, began, packets = Held(host), time.monotonic(), arrived()
        finish(thc(wire, words, ALONE))
        took, packets = time.monotonic() - began, arrived() - packets
        after = Held(host)
        after.check()
        transfer.check(what)
        expect(packets > 10, f"{what}: {packets} packets")
        shown = {index: host.up(index) for index in (2, 3)}
        expect(shown == addresses, f"{what}: {shown}")
        print(f"  {what}: {packets / took:.0f} packets/s, {(after.cpu - before.cpu) / took * 100:.0f} % of a "
                     f"processor, {after.memory - before.memory:+d} kB, silent for {transfer.silence * 1000:.0f} ms")
        transfer.silence = 0


def all_at_once(host, wire, router, transfer, whole):
    """Everything together; the lawful router withdraws path 2 in the midst of it, and brings it back."""
    link = json.loads(output(f"ip -j -6 addr show dev {host.macvlan(3)}"))[0]
    parties = {"domains": (), "malformed": ()}
    for index in (3, 4):
        link = json.loads(output(f"ip -j addr show dev {host.macvlan(index)}"))[0]
        local = next(one["local"] for one in link["addr_info"] if one["scope"] == "link")
        parties[f"servers {index}"] = (str(index), link["address"], local)
    running = {name: attacker(wire, TOGETHER, name.split()[0], *more) for name, more in parties.items()}
    for process in running.values():
        expect(process.stdout.readline() == "ready\n", "an attacker is not ready")
    before, counted, began, packets = Held(host), host.report(), time.monotonic(), arrived()
    lines = host.log().count("\n")
    floods = [thc(wire, words, TOGETHER / 2) for words in (*IN_THE_MIDST, *SILENT)
              if shutil.which(f"atk6-{words[0]}")]
    heard, most = [], Most()
    for state, lifetime in (("withdrawn", 0), ("up", 1800)):
        time.sleep(TOGETHER / 4)
        most.add(Held(host))
        said = next_time = time.monotonic()
        # The endpoint of its IPv6 address may have given way to those of paths that are none.
        while (2 in endpoints()) != (lifetime > 0):
            expect(time.monotonic() < said + 5, f"path 2 is not {state}")
            # As a gateway does, since a packet is lost where there is no more room.
            if time.monotonic() >= next_time:
                router.say(2, of_path(2, 4, lifetime=lifetime))
                next_time += 0.4
        heard.append(time.monotonic() - said)
    while any(process.poll() is None for process in running.values()) and time.monotonic() < began + PATIENCE:
        most.add(Held(host))
    figures = {name: json.loads(finish(process)) for name, process in running.items()}
    for process in floods:
        finish(process)
    took, packets = time.monotonic() - began, arrived() - packets
    after, report = Held(host), host.report()
    most.add(after)
    transfer.check("in the flood")
    expect(transfer.silence < MOST_SILENCE, f"the connection was silent for {transfer.silence:.1f} s")
    counts = {what: number - counted["advertisements"][what] for what, number in report["advertisements"].items()}
    sent = figures["domains"]["sent"], figures["malformed"]["sent"]
    # The rest is lost where the kernel has no more room for what the host has not read.
    expect(sent[0] > 400 * TOGETHER, f"only {sent[0]} domains were sent")
    expect(counts["ignored"] > sent[1] / 10 and counts["refused"] > sent[0] / 10, f"{counts} of {figures}")
    ignored = {index: host.path(index)["ignored"] for index in (3, 4)}
    for index in (3, 4):
        number = figures[f"servers {index}"]["sent"]
        expect(ignored[index] > number / 10, f"of {number} DHCPv6 messages for path {index}, {ignored[index]} are counted")
    # Path 3 renews every two seconds.
    expect(figures["servers 3"]["overheard"] > 0, "no client was overheard")
    written = host.log().count("\n") - lines
    expect(written <= MOST_LINES * took, f"{written} lines in {took:.1f} s")
    wait_until("what the flood made goes", lambda: Held(host).lasting() == whole.lasting(), 25)
    again = time.monotonic() - began - took
    calm = Held(host)
    expect(abs(calm.descriptors - whole.descriptors) <= 2, f"{calm.descriptors} descriptors, {whole.descriptors} before")
    grown = calm.memory - whole.memory
    expect(grown <= MOST_GROWTH or host.sanitized(), f"memory grew by {grown} kB")
    told = ", ".join(f"{name} {one['rate']}/s" + (f" with {one['overheard']} messages overheard" if "overheard" in one else "")
                     for name, one in figures.items())
    print(f"  all at once: {packets / took:.0f} packets/s ({told}; with {len(floods)} of thc-ipv6), "
          f"{(after.cpu - before.cpu) / took * 100:.0f} % of a processor, {written} log lines in {took:.1f} s")
    print(f"  advertisements {counts}, DHCPv6 ignored {ignored}")
    print("  at most " + ", ".join(f"{number} {what}" for what, number in most.numbers.items()))
    print(f"  path 2 withdrawn after {heard[0] * 1000:.0f} ms, back after {heard[1] * 1000:.0f} ms; a connection silent "
          f"for {transfer.silence * 1000:.0f} ms at most; all as before {again:.1f} s after it")
    print(f"  memory {whole.memory} kB before, {after.memory} kB at its end, {calm.memory} kB afterwards")


def part_flood(host, wire):
    router = gateway(wire)
    host.start(log_level="info")
    addresses = {index: host.wait_up(index) for index in (2, 3)}
    host.wait_up(1)
    wait_until("five endpoints", lambda: set(endpoints()) == {1, 2, 101, 102, 103})
    wait_until("path 4 is asked for", lambda: host.state(4) in ("acquiring", "no-offer"))
    whole = Held(host)
    transfer = connected(wire, addresses, 3)
    # First, as long as the client of path 4 asks often.
    all_at_once(host, wire, router, transfer, whole)
    transfer.silence = 0
    one_by_one(host, wire, transfer, addresses)
    expect({index: host.up(index) for index in (2, 3)} == addresses, "a path has another address")
    expect(host.path(2)["pvd"] == "isp2.example" and host.path(3)["pvd"] == "isp3.example", "another domain is in charge")
    octets = transfer.octets
    wait_until("it goes on", lambda: transfer.octets > octets)
    transfer.check("at the end")
    transfer.end()
    later = Transfer(wire, addresses[2])
    wait_until("a new connection over path 2 carries data", lambda: later.octets > 0)
    later.check("afterwards")
    later.end()
    host.stop()
    return f"{transfer.octets / 1e6:.0f} MB carried"


main([part_flood], ["ss"])
