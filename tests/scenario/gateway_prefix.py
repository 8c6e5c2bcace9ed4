#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prefixes mapped one to one: TCP in both directions, and what users of either path see when an uplink
fails and returns; uplink 1 fails open into uplink 2, uplink 2 fails closed.

  10.1.0.50, .51, 10.2.0.50  h0 --- lan0 [gateway] up1 --- w1  far (198.18.0.1), which routes
                                                   up2 --- w2  100.61.0.0/16 to up1, 100.62.0.0/24 to up2

Usage: gateway_prefix.py ANABRANCH, as root or as an ordinary user.
"""
import errno
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from namespaces import Gateway, Namespace, cable, expect, main, wait_until

CONFIG = """dhcp = "off"
[lan]
interface = "lan0"
[[uplink]]
name = "isp1"
interface = "up1"
next_hop = "172.16.1.2"
index = 1
source_prefix = "10.1.0.0/16"
nat = "prefix"
external_prefix = "100.61.0.0/16"
fail_open = "isp2"
[[uplink]]
name = "isp2"
interface = "up2"
next_hop = "172.16.2.2"
index = 2
source_prefix = "10.2.0.0/24"
router = "10.2.0.7"
pool = "10.2.0.20-10.2.0.200"
nat = "prefix"
external_prefix = "100.62.0.0/24"
"""
SERVER = ("198.18.0.1", 7000)
STAND_IN = "100.62.0.7"  # of uplink 2's router


class Pair:
    """One TCP connection, both ends in our hands."""

    def __init__(self, client_at, source, server_at, target):
        listener = server_at.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", target[1]))
        listener.listen()
        listener.settimeout(5)
        self.client = client_at.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.client.settimeout(5)
        self.client.bind(source)
        self.client.connect(target)
        self.server, self.seen = listener.accept()
        self.server.settimeout(5)
        listener.close()
        self.exchange()

    def exchange(self):
        payload = os.urandom(200_000)
        for one, other in ((self.client, self.server), (self.server, self.client)):
            sent, got = 0, b""
            while len(got) < len(payload):
                sent += one.send(payload[sent : sent + 20_000]) if sent < len(payload) else 0
                got += other.recv(65536)
            expect(got == payload, "the octets that arrive are not those that were sent")

    def is_reset(self):
        """Writing on it fails before its own timers would notice."""
        deadline = time.monotonic() + 3
        self.client.settimeout(0.05)
        while time.monotonic() < deadline:
            try:
                self.client.send(b"x")
                self.client.recv(1)
            except TimeoutError:
                continue
            except OSError:
                return True
        return False


def scenario(executable, folder):
    here, host, far = Namespace(os.getpid()), Namespace(), Namespace()
    cable(here, "lan0", host, "h0")
    far.ip("addr add 198.18.0.1/32 dev lo")
    external = {1: "100.61.0.0/16", 2: "100.62.0.0/24"}

    def provider(k):
        far.ip(f"link set w{k} up", f"route replace {external[k]} via 172.16.{k}.1")

    for k in (1, 2):
        cable(here, f"up{k}", far, f"w{k}")
        here.ip(f"addr add 172.16.{k}.1/24 dev up{k}")
        far.ip(f"addr add 172.16.{k}.2/24 dev w{k}")
        provider(k)
    host.ip("addr add 10.1.0.50/16 dev h0", "addr add 10.1.0.51/16 dev h0", "addr add 10.2.0.50/24 dev h0")
    for k, router in ((1, "10.1.0.1"), (2, "10.2.0.7")):
        host.ip(f"route add default via {router} dev h0 table 10{k}")
        host.ip(f"rule add from 10.{k}.0.0/16 lookup 10{k}")
    gateway = Gateway(executable, here, folder / "gateway")
    gateway.start(CONFIG)

    def outward(source, port=0):
        return Pair(host, (source, port), far, SERVER)

    def inward(target):
        return Pair(far, ("198.18.0.1", 0), host, target)

    def both_well(when):
        for source, outside in (("10.1.0.50", "100.61.0.50"), ("10.2.0.50", "100.62.0.50")):
            pair = outward(source)
            expect(pair.seen[0] == outside, f"{when}: {source} is seen as {pair.seen[0]}")
            pair = inward((outside, 7001))
            arrived = pair.server.getsockname()[0]
            expect(arrived == source, f"{when}: a connection to {outside} arrives at {arrived}")
            expect(pair.seen[0] == "198.18.0.1", f"{when}: {source} sees {pair.seen[0]}")

    both_well("at first")

    # Uplink 1 fails: old connections end at once, new ones leave through uplink 2.
    old = outward("10.1.0.50")
    far.ip("link set w1 down")
    wait_until("isp1 fails open", lambda: gateway.says("isp1 (path 1) is down"))
    expect(old.is_reset(), "a connection over the failed uplink hangs")
    guest = outward("10.1.0.50", 40000)
    expect(guest.seen[0] == STAND_IN, f"a guest of uplink 2 is seen as {guest.seen[0]}")
    other = outward("10.1.0.51", 40000)
    expect(other.seen[0] == STAND_IN and other.seen != guest.seen, "two guests with one port are mixed up")
    pair = outward("10.2.0.50")
    expect(pair.seen[0] == "100.62.0.50", f"uplink 2's own hosts are seen as {pair.seen[0]}")
    guest.exchange()

    # It returns: guests' connections end, new ones have their own address again.
    provider(1)
    wait_until("isp1 is back", lambda: gateway.says("isp1 (path 1) is back"))
    expect(guest.is_reset(), "a guest's connection hangs after the return")
    both_well("after the return of uplink 1")

    # Uplink 2 fails closed: an error at once, for new connections; nothing leaves through uplink 1.
    far.ip("link set w2 down")
    wait_until("isp2 is down", lambda: gateway.says("isp2 (path 2) is down"))
    began = time.monotonic()
    try:
        outward("10.2.0.50")
        expect(False, "a connection of prefix 2 is carried by someone")
    except OSError as error:
        expect(error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH), f"not unreachable but {error}")
    took = time.monotonic() - began
    expect(took < 0.5, f"unreachable only after {took:.1f} s")
    print(f"fail-closed: connect() fails after {took * 1000:.1f} ms")
    expect(outward("10.1.0.50").seen[0] == "100.61.0.50", "uplink 1 suffers from uplink 2's failure")
    provider(2)
    wait_until("isp2 is back", lambda: gateway.says("isp2 (path 2) is back"))
    both_well("after the return of uplink 2")
    gateway.stop()


main(scenario, ["nft", "ip"])
