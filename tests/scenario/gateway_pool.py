#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small pools: one hardware address with a client identifier after another does not empty them, one that
is full says so, and so does one that has room again.

Usage: gateway_pool.py ANABRANCH, as root or as an ordinary user.
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

CONFIG = """
[lan]
interface = "lan0"
[[uplink]]
name = "isp1"
interface = "up1"
next_hop = "172.16.1.2"
index = 1
source_prefix = "10.1.0.0/24"
pool = "10.1.0.20-10.1.0.219"
[[uplink]]
name = "isp2"
interface = "up2"
next_hop = "172.16.2.2"
index = 2
source_prefix = "10.2.0.0/24"
pool = "10.2.0.20-10.2.0.29"
[dhcp]
lease_time = "30s"
"""
ATTACKER = bytes.fromhex("02000000666f")
RELEASE = 7
RATE, SECONDS, LIMIT = 200, 4, 16


def flood(packets, server_mac, index):
    """DISCOVERs of ever new clients of one hardware address; every OFFER is taken. Returns how many
    addresses it was given and one client with its address."""
    clients, given, one = {}, set(), None
    began = time.monotonic()
    packets.settimeout(0.0005)
    sent = 0
    while time.monotonic() < began + SECONDS:
        if sent < (time.monotonic() - began) * RATE:
            client = dhcp.Client(packets, server_mac, "10.1.0.1", ATTACKER)
            packets.send(client.frame(dhcp.DISCOVER, [index, 0]))
            clients[client.xid] = client
            sent += 1
        try:
            answer = dhcp.parse(packets.recv(4096))
        except TimeoutError:
            continue
        if not answer or answer["xid"] not in clients:
            continue
        client = clients[answer["xid"]]
        if answer[dhcp.MESSAGE][0] == dhcp.OFFER:
            wish = [(dhcp.REQUESTED, socket.inet_aton(answer["address"])), (dhcp.SERVER, answer[dhcp.SERVER])]
            packets.send(client.frame(dhcp.REQUEST, [index, 0], options=wish))
            clients[client.xid] = client
        elif answer[dhcp.MESSAGE][0] == dhcp.ACK:
            given.add(answer["address"])
            one = one or (client, answer["address"])
    return sent, given, one


def scenario(executable, folder):
    here, host = Namespace(os.getpid()), Namespace()
    cable(here, "lan0", host, "h0")
    for k in (1, 2):
        # No next hop is there; without ARP none is missed.
        here.ip(f"link add up{k} type veth peer name w{k}", f"link set up{k} arp off up", f"link set w{k} up")
    packets, server_mac = host.packet_socket("h0"), here.mac("lan0")
    gateway = Gateway(executable, here, folder / "gateway")
    gateway.start(CONFIG)

    def show():
        return json.loads(gateway.do("show", "-j"))

    def pool(k):
        return show()["uplinks"][k - 1]["pool"]

    def honest(number, index):
        mac = bytes.fromhex("0200000100") + struct.pack("!B", number)
        return dhcp.Client(packets, server_mac, "10.1.0.1", mac), [index, 0]

    expect(wait_until("the pool's size", lambda: pool(1).get("size")) == 200, "the pool's size is not 200")

    # One hardware address wants it all.
    sent, given, one = flood(packets, server_mac, 1)
    print(f"{sent} clients of one hardware address in {SECONDS} s: {len(given)} got an address")
    expect(sent > RATE * SECONDS / 2, "the attack was too slow to be one")
    expect(len(given) < sent / 10, f"{len(given)} of {sent} got an address before it was held back")
    mac = ":".join(f"{octet:02x}" for octet in ATTACKER)
    wait_until("the log names it", lambda: gateway.says(f"hardware address {mac} has "))
    expect(show()["dhcp"]["held_back"] == [mac], "show does not name it")
    expect(mac in gateway.do("show"), "the text of show does not name it")
    wait_until("its leases are as many as allowed", lambda: pool(1)["assigned"] <= LIMIT)
    client, address = one
    answer = client.exchange(dhcp.REQUEST, [1, 0], ciaddr=address)
    expect(answer and answer[dhcp.MESSAGE][0] == dhcp.ACK, "what it held first it cannot renew")
    expect(client.exchange(dhcp.DISCOVER, [1, 0], patience=0.5) is None, "it still gets offers")
    began = time.monotonic()
    for index in (1, 2):
        client, wish = honest(0, index)
        client.lease(wish)

    # A pool is full, and has room again.
    holders = []
    for number in range(1, 10):
        client, wish = honest(number, 2)
        holders.append((client, client.lease(wish)["address"]))
    wait_until("the log says that path 2 is full", lambda: gateway.says("path 2 (isp2) has no address left"), 15)
    late, wish = honest(200, 2)
    expect(late.exchange(dhcp.DISCOVER, wish, patience=0.5) is None, "an address beyond the pool")
    wait_until("show counts who got none", lambda: show()["dhcp"]["refused"] >= 1)
    expect(pool(2)["assigned"] == 10, f"show tells another use of the pool: {pool(2)}")
    expect("10 of 10" in gateway.do("show"), "the text of show does not tell that the pool is full")
    client, address = holders[0]
    packets.send(client.frame(RELEASE, wish, ciaddr=address, options=[(dhcp.SERVER, socket.inet_aton("10.1.0.1"))]))
    wait_until("the log says that path 2 has room", lambda: gateway.says("path 2 (isp2) has addresses again"), 15)
    late.lease(wish)
    text = gateway.log.read_text()
    expect(len(re.findall("has no address left", text)) == 1, "the full pool is told of more than once")
    expect(text.count("leases, dhcp.leases_per_mac") <= 2, "the attack fills the log")

    # Once the attacker's leases have ended it is a client like any other.
    wait_until("it is no longer held back", lambda: show()["dhcp"]["held_back"] == [], 45)
    wait_until(
        "it gets a lease again",
        lambda: dhcp.Client(packets, server_mac, "10.1.0.1", ATTACKER).exchange(dhcp.DISCOVER, [1, 0], patience=0.5),
    )
    print(f"let go after {time.monotonic() - began:.0f} s")
    gateway.stop()


main(scenario, ["kea-dhcp4", "ip"])
