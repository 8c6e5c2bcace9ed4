#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""64 uplinks in one configuration, and what a change of one of them touches: rtnetlink, nftables and
tracked connections are watched while it happens.

Usage: gateway_many.py ANABRANCH, as root or as an ordinary user.
"""
import json
import os
import re
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
import dhcp
from namespaces import Gateway, Namespace, cable, expect, main, wait_until

MOST = 64


def uplink(k, next_hop=None, more="", prefix=None):
    nat = 'nat = "prefix"\nexternal_prefix = "100.%d.0.0/16"\n' % (64 + k // 2) if k % 2 == 0 and k < 126 else ""
    return (
        f'[[uplink]]\nname = "isp{k}"\ninterface = "up{k}"\nnext_hop = "{next_hop or f"172.16.{k}.2"}"\n'
        f'index = {k}\nsource_prefix = "{prefix or f"10.{k}.0.0/16"}"\n{nat}{more}'
    )


def config(uplinks):
    return '[lan]\ninterface = "lan0"\n' + "".join(uplinks)


class Trace:
    """What ip and nft report as changed, from one call of seen() to the next."""

    def __init__(self, namespace, folder):
        self.namespace = namespace
        self.files = []
        self.mark = 0
        for name, arguments in (
            ("ip", ["ip", "-4", "-o", "monitor", "route", "rule", "address"]),
            ("nft", ["nft", "monitor"]),
        ):
            path = folder / f"trace-{name}"
            namespace.start(arguments, stdout=open(path, "w"), stderr=open(os.devnull, "w"))
            self.files.append(open(path))
        self.seen()

    def seen(self):
        """Ends with a change of our own in each of the two, so that nothing of before is missed."""
        self.mark += 1
        route, table = f"192.0.2.{self.mark}", f"mark{self.mark}"
        lines = []

        def arrived():
            for file in self.files:
                lines.extend(line.rstrip("\n") for line in file.readlines())
            # Until it listens the marks are lost: they are made again.
            self.namespace.command("ip", "route", "replace", "blackhole", route, "table", "9999")
            self.namespace.command("ip", "route", "del", "blackhole", route, "table", "9999")
            self.namespace.command("nft", f"add table ip {table}; delete table ip {table}")
            return any(route in line for line in lines) and any(table in line for line in lines)

        wait_until("the monitors tell of our mark", arrived)
        noise = re.compile(r"192\.0\.2\.|mark\d|new generation|^$")
        return [line for line in lines if not noise.search(line)]


def only(lines, allowed, what):
    foreign = [line for line in lines if not re.search(allowed, line)]
    expect(lines, f"{what}: nothing was seen")
    expect(not foreign, f"{what} touched more than its own: {foreign[:5]}")


def about(k):
    """What the kernel says of uplink k: its table, interface, rule, chains, prefixes, address."""
    return (
        rf"table {17300 + k}\b|dev up{k}\b|linkdown.*up{k}\b|^{1000 + k}:|^Deleted {1000 + k}:|from-{k}\b|to-{k}\b"
        rf"|10\.{k}\.|100\.{64 + k // 2}\.|172\.16\.{k}\."
    )


def tracked():
    """Tracked connections of this namespace: the original tuple and the kernel's own number of each.
    Asked over ctnetlink, since ordinary users may not read /proc/net/nf_conntrack."""
    out = set()
    get, dump = 0x101, 0x301
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.bind((0, 0))
        netlink.send(struct.pack("=IHHIIBBH", 20, get, dump, 1, 0, socket.AF_INET, 0, 0))
        while True:
            answer = netlink.recv(1 << 20)
            while answer:
                length, kind = struct.unpack("=IH", answer[:6])
                if kind in (2, 3):  # error, done
                    expect(kind == 3, "tracked connections cannot be listed")
                    return out
                rest, found = answer[20:length], {}
                while rest:
                    size, attribute = struct.unpack("=HH", rest[:4])
                    found[attribute & 0x3FFF] = rest[4:size]
                    rest = rest[(size + 3) & ~3 :]
                out.add((found[1], found[12]))
                answer = answer[(length + 3) & ~3 :]


def scenario(executable, folder):
    here, host, far = Namespace(os.getpid()), Namespace(), Namespace()
    cable(here, "lan0", host, "h0")
    lines, far_lines = [], ["addr add 198.18.0.1/32 dev lo"]
    for k in range(1, MOST + 1):
        lines += [f"link add up{k} type veth peer name w{k} netns {far.pid}", f"link set up{k} up"]
        lines.append(f"addr add 172.16.{k}.1/24 dev up{k}")
        far_lines += [f"link set w{k} up", f"addr add 172.16.{k}.2/24 dev w{k}"]
        if k % 2 == 0:
            far_lines.append(f"route add 100.{64 + k // 2}.0.0/16 via 172.16.{k}.1")
    here.ip(*lines)
    far.ip(*far_lines)
    host_lines = []
    for k in range(1, MOST + 1):
        host_lines += [f"addr add 10.{k}.0.50/16 dev h0", f"route add default via 10.{k}.0.1 table {k}"]
        host_lines.append(f"rule add from 10.{k}.0.50 lookup {k}")
    host.ip(*host_lines)

    everything = [uplink(k) for k in range(1, MOST + 1)]
    gateway = Gateway(executable, here, folder / "gateway")
    began = time.monotonic()
    gateway.start(config(everything), 60)
    print(f"64 uplinks: ready, Kea included, after {time.monotonic() - began:.2f} s")
    gateway.do("check", "-c", str(gateway.config))
    shown = json.loads(gateway.do("show", "-j"))
    expect([u["state"] for u in shown["uplinks"]] == ["up"] * MOST, "show does not say that 64 uplinks are up")
    last = dhcp.Client(host.packet_socket("h0"), here.mac("lan0"), "10.1.0.1").lease([MOST, 0])
    expect(last["address"].startswith(f"10.{MOST}."), f"index 64 got {last['address']}")
    expect(last[dhcp.EXT_ROUTE] == bytes([MOST, MOST]), f"index 64 got EXT_ROUTE {last[dhcp.EXT_ROUTE]}")
    for k in (1, 2, 33, MOST):
        expect(host.reaches("198.18.0.1", f"10.{k}.0.50"), f"path {k} does not work")

    trace = Trace(here, folder)
    others = {entry for entry in tracked() if socket.inet_aton("10.2.0.50") not in entry[0]}
    expect(len(others) >= 3, "there are no tracked connections to be left alone")

    def change(what, k, new, allowed=None):
        began = time.monotonic()
        gateway.reload(config(new))
        took = time.monotonic() - began
        seen = trace.seen()
        only(seen, allowed or about(k), what)
        expect(others <= tracked(), f"{what}: tracked connections of other uplinks are gone")
        print(f"{what}: {took * 1000:.0f} ms, {len(seen)} changes seen, all of uplink {k}")

    far.ip("link set w2 down")
    wait_until("isp2 is down", lambda: gateway.says("isp2 (path 2) is down"))
    # The kernel passes over the route by itself.
    lines = trace.seen()
    expect(not lines, f"a lost carrier changed something: {lines}")
    expect(others <= tracked(), "the lost carrier: tracked connections of other uplinks are gone")
    far.ip("link set w2 up", "route replace 100.65.0.0/16 via 172.16.2.1")
    wait_until("isp2 is back", lambda: gateway.says("isp2 (path 2) is back"))
    wait_until("path 2 works", lambda: host.reaches("198.18.0.1", "10.2.0.50"))
    trace.seen()

    gateway.reload(config(everything))
    expect(trace.seen() == [], "a reload of the same file changed something")
    far.ip("addr add 172.16.5.9/24 dev w5")
    everything[4] = uplink(5, next_hop="172.16.5.9")
    change("another next hop", 5, everything)
    everything[6] = uplink(7, more='fail_open = "isp9"\n')
    change("a fail_open", 7, everything)
    without = everything[:11] + everything[12:]
    change("an uplink removed", 12, without)
    change("an uplink added", 12, everything)
    everything[13] = uplink(14, prefix="10.200.0.0/16")
    change("another source prefix", 14, everything, about(14) + r"|10\.200\.")
    gateway.stop()


main(scenario, ["kea-dhcp4", "nft", "ip"])
