#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A gateway whose LAN is flooded: DHCPv6 clients without end, that want addresses and prefixes, and the flooders
and fuzzers of thc-ipv6. The pools are the bound of leases, routes and memory; other paths' pools are not touched,
and honest hosts are served.

  h0 (everybody) --- lan0 [gateway] up1, up2

Usage: gateway_flood.py ANABRANCH, as root or as an ordinary user.
"""
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
import dhcp6
import nd
from namespaces import Failed, Gateway, Namespace, cable, expect, main, wait_until

CONFIG = """dhcp = "off"
dhcp6 = "kea"
[lan]
interface = "lan0"
[advertise]
interval = "4s"
[[uplink]]
name = "isp1"
interface = "up1"
index = 1
[uplink.ipv6]
source_prefix = "2001:db8:1::/64"
next_hop = "fe80::b:1"
[[uplink]]
name = "isp2"
interface = "up2"
index = 2
[uplink.ipv6]
source_prefix = "2001:db8:2::/64"
pool = "2001:db8:2::1:0-2001:db8:2::1:1ff"
next_hop = "fe80::b:2"
delegated = "2001:db8:8000::/40"
delegated_length = 48
"""
ADDRESSES, PREFIXES = 512, 256  # of path 2
SECONDS, RATE = 5, 400
ALONE = 1.0
# DHCPv6 clients of the host's own Ethernet address, so that answers reach them.
TOOLS = {
    "DHCPv6 clients": ["flood_dhcpc6", "-N", "h0"],
    "fuzzed DHCPv6 clients": ["fuzz_dhcps6", "h0"],
    "router solicitations": ["flood_rs6", "h0"],
    "router advertisements": ["flood_router26", "h0"],
    "neighbour solicitations": ["flood_solicitate6", "h0"],
    "neighbour advertisements": ["flood_advertise6", "h0"],
}
MOST_GROWTH = 4096  # kB, of the gateway
MOST_LINES = 3  # of the log, a second


def status(pid, key):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(rf"{key}:\s*(\d+)", file.read()).group(1))


class Figures:
    def __init__(self, gateway):
        shown = json.loads(gateway.do("show", "-j"))
        pid = gateway.process.pid
        self.kea, self.time = shown["dhcp6"]["pid"], time.monotonic()
        expect(shown["dhcp6"]["state"] == "running" and self.kea, f"DHCPv6 is {shown['dhcp6']}")
        self.memory, self.kea_memory = status(pid, "VmRSS"), status(self.kea, "VmRSS")
        with open(f"/proc/{pid}/stat") as file:
            self.cpu = sum(map(int, file.read().split()[13:15])) / os.sysconf("SC_CLK_TCK")
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        # What is not told to a user without being asked for is no matter here.
        self.lines = len([line for line in gateway.log.read_text().splitlines() if " debug" not in line])

    def since(self, before):
        took = self.time - before.time
        return (f"{(self.cpu - before.cpu) / took * 100:.0f} % of a processor, gateway {before.memory} to {self.memory} kB, "
                f"Kea {before.kea_memory} to {self.kea_memory} kB, {self.lines - before.lines} log lines in {took:.1f} s")


def arrived():
    with open("/sys/class/net/lan0/statistics/rx_packets") as file:
        return int(file.read())


def leases(gateway, kind):
    """Of path 2 in Kea's file, those that stand: "0" addresses, "2" prefixes."""
    found = {}
    for line in next(gateway.folder.rglob("kea-leases6.csv")).read_text().splitlines()[1:]:
        words = line.split(",")
        if words[4] == "2" and words[6] == kind:
            found[words[0]] = words[13] == "0" and words[2] != "0"
    return sum(found.values())


def option(code, value):
    return struct.pack("!HH", code, len(value)) + value


def flood(host, number):
    """Ever new clients of path 2 that take an address and a prefix each."""
    packets = dhcp6.Client.bind(host.socket(socket.AF_INET6, socket.SOCK_DGRAM), "h0")
    packets.setblocking(False)
    path = option(dhcp6.VENDOR, struct.pack("!I", dhcp6.ENTERPRISE) + option(1, b"\2\0"))
    began, sent, given = time.monotonic(), 0, 0
    while (now := time.monotonic()) < began + SECONDS:
        if sent < (now - began) * RATE:
            client = option(dhcp6.CLIENT_ID, b"\0\4" + os.urandom(16)) + option(dhcp6.ELAPSED, b"\0\0")
            wish = option(dhcp6.IA_NA, struct.pack("!III", 1, 0, 0)) + option(dhcp6.IA_PD, struct.pack("!III", 1, 0, 0))
            message = bytes([dhcp6.SOLICIT]) + os.urandom(3) + client + wish + path
            packets.sendto(message, ("ff02::1:2", 547, 0, number))
            sent += 1
        try:
            answer = packets.recv(2048)
        except BlockingIOError:
            time.sleep(0.0005)
            continue
        if answer[0] == dhcp6.REPLY:
            given += 1
        elif answer[0] == dhcp6.ADVERTISE:
            # What it says is asked for as it is; only the status of what it has not goes.
            kept = b"".join(option(code, value) for code, value in dhcp6.options_of(answer[4:])
                            if code in (dhcp6.CLIENT_ID, dhcp6.SERVER_ID, dhcp6.IA_NA, dhcp6.IA_PD))
            message = bytes([dhcp6.REQUEST]) + answer[1:4] + kept + option(dhcp6.ELAPSED, b"\0\0") + path
            packets.sendto(message, ("ff02::1:2", 547, 0, number))
    packets.close()
    return sent, given, time.monotonic() - began


def check_honest(host, number, when):
    packets = dhcp6.Client.bind(host.socket(socket.AF_INET6, socket.SOCK_DGRAM), "h0")
    began = time.monotonic()

    def lease():
        try:
            answer = dhcp6.Client(packets, number).lease([1, 0], patience=1)
        except OSError:  # the kernel's neighbour table is full for as long as five seconds
            return None
        return answer and answer.addresses

    wait_until(f"{when}, a host gets an address of path 1", lease, 20)
    packets.close()
    return time.monotonic() - began


def check_advertised(listener):
    for index in (1, 2):
        source = f"fe80::616e:6162:0:{index}"
        try:
            listener.until("an advertisement", lambda one, source=source: one.source == source and one.works, 10)
        except TimeoutError as error:
            raise Failed(f"path {index} is not advertised any more") from error


def scenario(executable, folder):
    here, host = Namespace(os.getpid()), Namespace()
    cable(here, "lan0", host, "h0")
    for k in (1, 2):
        provider = Namespace()
        cable(here, f"up{k}", provider, f"w{k}")
        provider.ip(f"addr add fe80::b:{k}/64 dev w{k} nodad")
    # What the gateway says to hosts is looked at, not followed.
    host.run("sysctl", "-qw", "net.ipv6.conf.h0.accept_ra=0")
    host.ip("addr add fe80::99/64 dev h0 nodad")
    number = json.loads(host.run("ip", "-j", "link", "show", "h0"))[0]["ifindex"]
    gateway = Gateway(executable, here, folder / "gateway")
    gateway.start(CONFIG, log_level="info")
    check_honest(host, number, "at first")
    first = Figures(gateway)

    # A path whose pools somebody empties.
    sent, given, took = flood(host, number)
    after = Figures(gateway)
    print(f"{sent / took:.0f} DHCPv6 clients/s, {given} replies; {after.since(first)}")
    expect(sent > RATE * SECONDS / 2, "the attack was too slow to be one")
    expect(after.lines - first.lines <= MOST_LINES * took, f"{after.lines - first.lines} lines in the log")
    got = leases(gateway, "0"), leases(gateway, "2")
    print(f"{got[0]} of {ADDRESSES} addresses and {got[1]} of {PREFIXES} prefixes are leased")
    expect(got[0] <= ADDRESSES and got[1] <= PREFIXES, "more than the pools hold")
    expect(max(got) > PREFIXES / 2, "nothing was leased")
    routes = wait_until("the prefixes' routes", lambda: (n := here.run(
        "ip", "-6", "route", "show", "table", "17300").count("2001:db8:80")) >= got[1] and n)
    expect(routes <= PREFIXES + 1, f"{routes} routes")
    print(f"a host of path 1 waits {check_honest(host, number, 'with path 2 empty'):.1f} s for its address")

    left = len(TOOLS)
    for what, words in TOOLS.items():
        if not shutil.which(f"atk6-{words[0]}"):
            print(f"{what}: no atk6-{words[0]}, left out")
            left -= 1
            continue
        before, packets = Figures(gateway), arrived()
        tool = host.start(["timeout", "-k", "1", f"{ALONE}", f"atk6-{words[0]}", *words[1:]],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        tool.wait(15)
        packets, after = arrived() - packets, Figures(gateway)
        print(f"{what}: {packets / (after.time - before.time):.0f} packets/s; {after.since(before)}")
        expect(packets > 10, "no flood")
        expect(after.lines - before.lines <= MOST_LINES * (after.time - before.time) + 5, "too many lines in the log")
    print(f"after them a host of path 1 waits {check_honest(host, number, 'after the floods'):.1f} s")
    packets = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86DD))
    packets.bind(("h0", 0))
    check_advertised(nd.Listener(packets))
    last = Figures(gateway)
    print(f"in all: {last.since(first)}")
    with open(f"/proc/{gateway.process.pid}/maps") as file:
        sanitized = "libasan" in file.read()
    expect(sanitized or last.memory - first.memory <= MOST_GROWTH, f"the gateway grew by {last.memory - first.memory} kB")
    expect(last.descriptors <= first.descriptors + 2, f"{last.descriptors} descriptors, {first.descriptors} before")
    expect(last.kea == first.kea, "Kea has ended")
    gateway.stop()


main(scenario, ["nft", "ip", "kea-dhcp6"])
