#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Uplinks that fail where their interface does not show it: everything beyond the provider's router is silent, or
that router itself is gone. It is noticed, said, worked around, and over within a round of probes.

  host --- lan0 [gateway] up1 --- [isp1] --- [core 198.51.100.1, .2]
                          up2 --- [isp2] ---

Usage: gateway_health.py ANABRANCH, as root or as an ordinary user.
"""
import json
import os
import re
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
import dhcp
from namespaces import Gateway, Namespace, cable, expect, main, wait_until

TARGET, OTHER = "198.51.100.1", "198.51.100.2"
NOTICED, BACK, LATE = 1.5, 0.5, 0.3  # seconds: three rounds, one round, and what a busy machine may take

UPLINK = """
[[uplink]]
name = "isp{0}"
interface = "up{0}"
next_hop = "172.16.{0}.2"
index = {0}
source_prefix = "10.{0}.0.0/16"
{1}
[uplink.health]
{2}
"""


def config(first, second="", more="", mode="off"):
    return f'dhcp = "{mode}"\n[lan]\ninterface = "lan0"\n' + UPLINK.format(1, more, first) + UPLINK.format(2, "", second)


class Server(threading.Thread):
    """An HTTP server in the core; what it says may be changed."""

    def __init__(self, core):
        super().__init__(daemon=True)
        self.status = "204 No Content"
        self.socket = core.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((TARGET, 80))
        self.socket.listen(64)
        self.requests = set()
        self.start()

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            with connection:
                connection.settimeout(1)
                try:
                    self.requests.add(connection.recv(1024).split(b"\r\n\r\n")[0].decode())
                    connection.sendall(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\n\r\n".encode())
                except OSError:
                    pass  # a plain TCP probe


class Network:
    def __init__(self):
        self.here, self.host, self.core = Namespace(os.getpid()), Namespace(), Namespace()
        cable(self.here, "lan0", self.host, "h0")
        self.core.ip(f"addr add {TARGET}/32 dev lo", f"addr add {OTHER}/32 dev lo")
        self.isps = {}
        for k in (1, 2):
            isp = self.isps[k] = Namespace()
            cable(self.here, f"up{k}", isp, "w")
            cable(isp, "c", self.core, f"x{k}")
            self.here.ip(f"addr add 172.16.{k}.1/24 dev up{k}")
            isp.ip(
                f"addr add 172.16.{k}.2/24 dev w", f"addr add 172.17.{k}.1/24 dev c",
                f"route add 198.51.100.0/24 via 172.17.{k}.2",
            )
            self.core.ip(f"addr add 172.17.{k}.2/24 dev x{k}", f"route add 172.16.{k}.0/24 via 172.17.{k}.1")
            isp.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
            self.host.ip(
                f"addr add 10.{k}.16.50/16 dev h0", f"route add default via 10.{k}.0.1 dev h0 table 10{k}",
                f"rule add from 10.{k}.16.50 lookup 10{k}",
            )

    def silence(self, k):
        """The provider's router goes on, what it should forward it drops."""
        self.isps[k].run("nft", "table ip silence { chain dropped { type filter hook forward priority 0; policy drop; }; }")

    def heal(self, k):
        self.isps[k].run("nft", "delete table ip silence")

    def reaches(self, k):
        return self.host.reaches(TARGET, f"10.{k}.16.50")

    def connects(self, k):
        """A plain TCP connection of a host of path k."""
        with self.host.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            connection.bind((f"10.{k}.16.50", 0))
            try:
                connection.connect((TARGET, 80))
                connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
                return connection.recv(100).startswith(b"HTTP/1.1 ")
            except OSError:
                return False

    def table(self, number):
        return self.here.run("ip", "route", "show", "table", str(number))


class Watched(Gateway):
    """A gateway whose log tells when something happened."""

    def count(self, pattern):
        return len(re.findall(pattern, self.log.read_text()))

    def after(self, change, pattern, patience=5.0):
        """Seconds from before `change` to the next line of the log with `pattern`."""
        seen = self.count(pattern)
        began = time.monotonic()
        change()
        while self.count(pattern) == seen:
            expect(time.monotonic() < began + patience, f"not within {patience} s: {pattern}")
            time.sleep(0.005)
        return time.monotonic() - began

    def uplink(self, k):
        return json.loads(self.do("show", "-j"))["uplinks"][k - 1]

    def knows_answers(self, k):
        return "probe_rtt_s" in self.uplink(k)


DOWN, UP = r"uplink isp1 \(path 1\) is down", r"uplink isp1 \(path 1\) is back"


def each_kind(network, gateway, server):
    """Whatever the probe: silence is noticed within three rounds, its end within one."""
    kinds = {
        "icmp": f"icmp:{TARGET}",
        "tcp": f"tcp:{TARGET}:80",
        "refused": f"tcp:{TARGET}:9",
        "http": f"http://{TARGET}/generate_204 Host: probe.example.org",
    }
    for kind, probe in kinds.items():
        gateway.reload(config(f'probes = ["{probe}"]'))
        wait_until(f"{kind}: an answer", lambda: gateway.knows_answers(1))
        expect(gateway.uplink(1)["state"] == "up", f"{kind}: not up at first")
        wait_until(f"{kind}: path 1 works", lambda: network.reaches(1))
        noticed = gateway.after(lambda: network.silence(1), DOWN)
        uplink = gateway.uplink(1)
        expect(uplink["state"] == "down", f"{kind}: show says {uplink['state']}")
        expect(f"no answer from {probe.split(' ')[0]} for " in uplink["why"], f"{kind}: show says: {uplink['why']}")
        expect(uplink["probe_loss"] > 0, f"{kind}: no loss is shown")
        expect("metric 100" not in network.table(17301), f"{kind}: the table leads into the dark")
        expect("unreachable" in network.table(17301), f"{kind}: nothing in the table")
        expect("metric 100" in network.table(17701), f"{kind}: the probes' own table is empty")
        expect(network.host.refuses(TARGET, "10.1.16.50"), f"{kind}: no ICMP unreachable at once")
        expect(network.reaches(2), f"{kind}: the other path suffers")
        back = gateway.after(lambda: network.heal(1), UP)
        expect(network.reaches(1), f"{kind}: path 1 does not work again")
        print(f"{kind}: noticed after {noticed * 1e3:.0f} ms, used again after {back * 1e3:.0f} ms")
        expect(noticed <= NOTICED + LATE, f"{kind}: noticed after {noticed:.2f} s")
        expect(back <= BACK + LATE, f"{kind}: back after {back:.2f} s")
    expect(any("GET /generate_204 HTTP/1.1\r\nHost: probe.example.org" in r for r in server.requests),
           f"the server was asked something else: {server.requests}")

    # A server that answers, but not well.
    server.status = "503 Service Unavailable"
    wait_until("a bad status is bad news", lambda: gateway.uplink(1)["state"] == "down")
    expect("(HTTP status 503)" in gateway.uplink(1)["why"], f"show says: {gateway.uplink(1)['why']}")
    server.status = "204 No Content"
    wait_until("a good status is good news", lambda: gateway.uplink(1)["state"] == "up")


def connections_go_on(network, gateway):
    """A TCP connection of a path without fail_open outlives its silence: its translation stays."""
    gateway.reload(config(f'probes = ["icmp:{TARGET}"]'))
    wait_until("answers", lambda: gateway.knows_answers(1))
    with network.core.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.bind((TARGET, 7))
        listening.listen()
        with network.host.socket(socket.AF_INET, socket.SOCK_STREAM) as ours:
            ours.settimeout(5)
            ours.bind(("10.1.16.50", 0))
            ours.connect((TARGET, 7))
            theirs, _ = listening.accept()
            with theirs:
                theirs.settimeout(5)
                gateway.after(lambda: network.silence(1), DOWN)
                # What the far end sends again meets a gateway that still knows whose it is.
                theirs.sendall(b"from the dark")
                gateway.after(lambda: network.heal(1), UP)
                try:
                    expect(ours.recv(100) == b"from the dark", "what the host is sent does not arrive")
                    ours.sendall(b"into the light")
                    expect(theirs.recv(100) == b"into the light", "what the host sends does not arrive")
                except OSError as error:
                    expect(False, f"the connection is lost: {error}")


def any_answer_is_enough(network, gateway):
    gateway.reload(config(f'probes = ["icmp:{TARGET}", "icmp:{OTHER}"]'))
    wait_until("answers", lambda: gateway.knows_answers(1))
    downs = gateway.count(DOWN)
    network.isps[1].ip(f"route add blackhole {OTHER}/32")
    wait_until("half of the probes are lost", lambda: gateway.uplink(1)["probe_loss"] > 0.2)
    expect(gateway.uplink(1)["state"] == "up" and gateway.count(DOWN) == downs, "one silent target takes the uplink down")
    text = gateway.do("show")
    expect(re.search(r"isp1 .* up .* ms +\d+ %", text), f"show does not tell round trip and loss:\n{text}")
    network.isps[1].ip(f"route del blackhole {OTHER}/32")


def fails_open(network, gateway):
    """Hosts that have only TCP and only this address go on through the other uplink."""
    gateway.reload(config(f'probes = ["icmp:{TARGET}"]', f'probes = ["icmp:{TARGET}"]', 'fail_open = "isp2"'))
    wait_until("answers", lambda: gateway.knows_answers(1) and gateway.knows_answers(2))
    expect(network.connects(1), "no TCP on path 1")
    noticed = gateway.after(lambda: network.silence(1), DOWN)
    expect(noticed <= NOTICED + LATE, f"noticed after {noticed:.2f} s")
    expect(gateway.uplink(1)["state"] == "fail-open", "show does not say fail-open")
    expect(gateway.count(r"isp1 .* is down: .*; [1-9]\d* tracked connection") > 0, "the connections are still tracked")
    expect(network.connects(1), "plain TCP finds no way")
    expect(network.reaches(1), "an echo finds no way")
    # Both dead: nobody is sent into the dark.
    gateway.after(lambda: network.silence(2), r"uplink isp2 \(path 2\) is down")
    wait_until("path 1 is down, too", lambda: gateway.uplink(1)["state"] == "down")
    expect(network.host.refuses(TARGET, "10.1.16.50"), "sent on to an uplink that is dead")
    gateway.after(lambda: network.heal(2), r"uplink isp2 \(path 2\) is back")
    expect(network.connects(1), "plain TCP finds no way through the uplink that is back")
    gateway.after(lambda: network.heal(1), UP)
    expect(network.connects(1), "plain TCP does not return")


def next_hop_vanishes(network, gateway):
    """Without any probe the kernel's own ARP is what tells."""

    def vanish():
        network.isps[1].ip("link set w arp off")
        # The kernel's knowledge is old now, which else would take half a minute.
        network.here.ip(f"neigh change 172.16.1.2 dev up1 lladdr {address} nud probe")

    address = json.loads(network.isps[1].run("ip", "-j", "link", "show", "w"))[0]["address"]
    gateway.reload(config(""))
    wait_until("path 1 works", lambda: network.reaches(1))
    noticed = gateway.after(vanish, DOWN, 10)
    expect("the next hop 172.16.1.2 does not answer ARP" in gateway.uplink(1)["why"], "show does not say why")
    expect(network.host.refuses(TARGET, "10.1.16.50"), "no ICMP unreachable at once")
    back = gateway.after(lambda: network.isps[1].ip("link set w arp on"), UP)
    print(f"next hop: noticed after {noticed:.1f} s, used again after {back * 1e3:.0f} ms")
    expect(back <= BACK + LATE, f"back after {back:.2f} s")
    expect(network.reaches(1), "path 1 does not work again")

    # With probes it is noticed as soon as they are, and said which of the two it is.
    gateway.reload(config(f'probes = ["icmp:{TARGET}"]'))
    wait_until("answers", lambda: gateway.knows_answers(1))
    noticed = gateway.after(vanish, DOWN)
    expect(noticed <= NOTICED + LATE, f"noticed after {noticed:.2f} s with probes")
    wait_until("the reason", lambda: "does not answer ARP" in gateway.uplink(1)["why"])
    back = gateway.after(lambda: network.isps[1].ip("link set w arp on"), UP)
    expect(back <= BACK + LATE, f"back after {back:.2f} s with probes")

    # A cable that is pulled and put back.
    gateway.after(lambda: network.isps[1].ip("link set w down"), DOWN)
    expect("has no carrier" in gateway.uplink(1)["why"], "show does not say that the carrier is lost")
    gateway.after(lambda: network.isps[1].ip("link set w up"), UP)
    wait_until("path 1 works", lambda: network.reaches(1))


def leases_are_withheld(network, gateway):
    """Of a path that is silent there is nothing new; the count stays."""
    gateway.reload(config("", f'probes = ["icmp:{TARGET}"]', mode="kea"))
    wait_until("Kea runs", lambda: json.loads(gateway.do("show", "-j"))["dhcp"]["state"] == "running")
    client = dhcp.Client(network.host.packet_socket("h0"), network.here.mac("lan0"), "10.1.0.1")

    def offered(index):
        answer = client.exchange(dhcp.DISCOVER, [index, 0], patience=0.5)
        return answer and list(answer[dhcp.EXT_ROUTE])

    expect(wait_until("an offer of path 2", lambda: offered(2)) == [2, 2], "another path is offered")
    gateway.after(lambda: network.silence(2), r"uplink isp2 \(path 2\) is down")
    wait_until("no offer of path 2", lambda: offered(2) is None)
    expect(offered(1) == [1, 2], f"path 1 is offered as {offered(1)}")
    answer = client.exchange(dhcp.REQUEST, [2, 0], patience=1, options=[(dhcp.REQUESTED, socket.inet_aton("10.2.16.9"))])
    expect(answer and answer[dhcp.MESSAGE][0] == dhcp.NAK, "a lease of path 2 is given all the same")
    answer = client.exchange(dhcp.DISCOVER, patience=1)
    expect(answer and list(answer[dhcp.EXT_ROUTE]) == [1, 2], "who names no path hears of another count")
    gateway.after(lambda: network.heal(2), r"uplink isp2 \(path 2\) is back")
    expect(wait_until("an offer of path 2", lambda: offered(2)) == [2, 2], "another path is offered")


def other_targets(network, gateway):
    """Targets are changed while the uplink is down: it is taken for what it was until one of the new ones answers."""
    gateway.reload(config(f'probes = ["icmp:{TARGET}"]'))
    wait_until("answers", lambda: gateway.knows_answers(1))
    gateway.after(lambda: network.silence(1), DOWN)
    backs, others = gateway.count(UP), gateway.count(r"uplink isp2")
    gateway.reload(config('probes = ["icmp:198.51.100.77"]'))
    expect(gateway.uplink(1)["state"] == "down", "a new target makes a dead uplink work")
    wait_until("the new target is asked", lambda: gateway.uplink(1).get("probe_loss", 0) == 1)
    expect(gateway.uplink(1)["state"] == "down" and gateway.count(UP) == backs, "it was up in between")
    # The first one was at fault: another that answers brings the uplink back.
    network.isps[1].run("nft", "add rule ip silence dropped ip saddr", OTHER, "accept")
    network.isps[1].run("nft", "add rule ip silence dropped ip daddr", OTHER, "accept")
    back = gateway.after(lambda: gateway.reload(config(f'probes = ["icmp:{OTHER}"]')), UP)
    expect(back <= BACK + LATE, f"back after {back:.2f} s")
    # Without probes nothing speaks against it.
    gateway.reload(config(f'probes = ["icmp:{TARGET}"]'))
    gateway.after(lambda: None, DOWN)
    gateway.after(lambda: gateway.reload(config("")), UP)
    network.heal(1)
    expect(gateway.count(r"uplink isp2") == others, "the other uplink was touched")
    bad = gateway.config.read_text().replace("[uplink.health]\n", '[uplink.health]\nprobes = ["icmp:example.org"]\n', 1)
    gateway.config.write_text(bad)
    refused = network.here.command(gateway.executable, "gateway", "reload", env=gateway.environment)
    expect(refused.returncode == 2 and "example.org" in refused.stderr, f"{refused.returncode}: {refused.stderr}")
    expect(gateway.uplink(1)["state"] == "up" and "probes" not in gateway.uplink(1), "a wrong file was taken")


def flapping(network, gateway):
    """Nothing grows with the number of times that an uplink goes and comes."""
    quick = f'probes = ["icmp:{TARGET}", "tcp:{TARGET}:80"]\ninterval = "100ms"\ntimeout = "80ms"'
    gateway.reload(config(quick))
    wait_until("answers", lambda: gateway.knows_answers(1))

    def size():
        here = network.here
        return {
            "descriptors": len(os.listdir(f"/proc/{gateway.process.pid}/fd")),
            "routes": len(here.run("ip", "route", "show", "table", "all", "proto", "173").splitlines()),
            "rules": len(here.run("ip", "rule").splitlines()),
            "nft": here.run("nft", "list", "ruleset").count("\n"),
        }

    def settled():
        # While probes are open their sockets are, too.
        sizes = [size() for _ in range(5)]
        return min(sizes, key=lambda each: each["descriptors"])

    def memory():
        with open(f"/proc/{gateway.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])

    gateway.after(lambda: network.silence(1), DOWN)
    gateway.after(lambda: network.heal(1), UP)
    before, kilobytes = settled(), memory()
    began = time.monotonic()
    for _ in range(15):
        gateway.after(lambda: network.silence(1), DOWN)
        gateway.after(lambda: network.heal(1), UP)
    took = time.monotonic() - began
    grown = memory() - kilobytes
    print(f"15 times down and up in {took:.1f} s, {grown} kB more memory")
    after = wait_until("sizes as before", lambda: (now := settled()) and (now["descriptors"] <= before["descriptors"] and now))
    expect(after == before, f"it grows: {before} became {after}")
    expect(grown < 1000, f"{grown} kB more memory")


def scenario(executable, folder):
    network = Network()
    server = Server(network.core)

    def everything():
        return network.here.run("ip", "rule") + network.here.run("ip", "-4", "route", "show", "table", "all")

    before = everything()
    gateway = Watched(executable, network.here, folder / "gateway")
    gateway.start(config(""))
    each_kind(network, gateway, server)
    connections_go_on(network, gateway)
    any_answer_is_enough(network, gateway)
    fails_open(network, gateway)
    next_hop_vanishes(network, gateway)
    leases_are_withheld(network, gateway)
    other_targets(network, gateway)
    flapping(network, gateway)
    gateway.stop()
    gateway.do("cleanup", "-c", str(gateway.config))
    after = everything()
    expect(after == before, f"cleanup leaves something: {after}")


main(scenario, ["kea-dhcp4", "ip", "nft"])
