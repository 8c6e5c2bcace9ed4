#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What DHCP clients get from a gateway with two uplinks, asked with packets made by hand.

Usage: gateway_dhcp.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import os
import signal
import socket
import sys
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
import dhcp
from dhcp import ACK, DISCOVER, DNS, EXT_ROUTE, INFORM, MESSAGE, NAK, REQUEST, REQUESTED, ROUTER, SERVER
from namespaces import Gateway, Namespace, cable, expect, main, wait_until
from waiting import command

CONFIG = """
[lan]
interface = "lan0"

[[uplink]]
name = "isp1"
interface = "up1"
next_hop = "172.16.1.2"
index = 1
source_prefix = "10.1.0.0/16"

[[uplink]]
name = "isp2"
interface = "up2"
next_hop = "172.16.2.2"
index = 2
source_prefix = "10.2.32.0/20"

[dhcp]
dns = ["192.0.2.53"]
"""
SERVER_ADDRESS = "10.1.0.1"
SILENCE = 0.7


class Client(dhcp.Client):
    """On the far end of the LAN's cable."""

    def __init__(self):
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        packets.bind(("h0", 0))
        with open("/sys/class/net/lan0/address") as file:
            super().__init__(packets, bytes.fromhex(file.read().strip().replace(":", "")), SERVER_ADDRESS)


def expect_path(answer, index, what):
    expect(answer is not None, f"{what}: no answer")
    expect(answer.get(EXT_ROUTE) == bytes([index, 2]), f"{what}: EXT_ROUTE is {answer.get(EXT_ROUTE)}")
    prefix, router = {1: ("10.1.", "10.1.0.1"), 2: ("10.2.", "10.2.32.1")}[index]
    if answer["address"] != "0.0.0.0":
        expect(answer["address"].startswith(prefix), f"{what}: the address is {answer['address']}")
    expect(answer.get(ROUTER) in (None, socket.inet_aton(router)), f"{what}: the router is {answer.get(ROUTER)}")


def check_first_contact():
    ack = Client().lease()
    expect_path(ack, 1, "a client without the option")
    asked = Client()
    answer = asked.exchange(DISCOVER, options=[(55, bytes([ROUTER, DNS]))])
    expect(answer.get(ROUTER) == socket.inet_aton("10.1.0.1"), "the router is not 10.1.0.1")
    expect(answer.get(DNS) == socket.inet_aton("192.0.2.53"), "the resolver is missing")


def check_indexes():
    same = Client()
    expect_path(same.lease([1, 0]), 1, "index 1")
    expect_path(same.lease([2, 0]), 2, "index 2, same client identifier")
    expect_path(Client().lease([2]), 2, "index 2 in the one-octet form")
    expect_path(Client().lease([0, 0]), 1, "index 0")
    expect_path(Client().lease([2, 0, 0]), 1, "an option of three octets, which counts as none")
    for unknown in ([9, 0], [3, 0], [255]):
        expect(Client().exchange(DISCOVER, unknown, patience=SILENCE) is None, f"index {unknown} got an OFFER")
    holder = Client()
    address = holder.lease([2, 0])["address"]
    options = [(REQUESTED, socket.inet_aton(address)), (SERVER, socket.inet_aton(SERVER_ADDRESS))]
    answer = holder.exchange(REQUEST, [9, 0], options=options)
    expect(answer and answer[MESSAGE][0] == NAK, "a REQUEST with an unknown index got no NAK")


def check_renewals():
    for index in (1, 2):
        client = Client()
        address = client.lease([index, 0])["address"]
        answer = client.exchange(REQUEST, ciaddr=address)
        expect(answer and answer[MESSAGE][0] == ACK, f"renewal on path {index} without the option is refused")
        expect_path(answer, index, f"renewal on path {index} without the option")
        answer = client.exchange(REQUEST, [index, 0], ciaddr=address)
        expect_path(answer, index, f"renewal on path {index}")
    # A stock client that comes back after a reboot.
    client = Client()
    address = client.lease([2, 0])["address"]
    answer = client.exchange(REQUEST, options=[(REQUESTED, socket.inet_aton(address))])
    expect_path(answer, 2, "INIT-REBOOT with an address of path 2")


def check_prefix_edges():
    # 10.2.32.0/20 ends at 10.2.47.255.
    expect_path(Client().lease(requested="10.2.47.200"), 2, "asking for 10.2.47.200")
    expect_path(Client().lease(requested="10.2.48.1"), 1, "asking for 10.2.48.1, beyond the prefix")
    expect_path(Client().lease(requested="10.2.31.255"), 1, "asking for 10.2.31.255, before the prefix")


def check_inform():
    for address, index in (("10.1.0.77", 1), ("10.2.40.77", 2)):
        answer = Client().exchange(INFORM, ciaddr=address)
        expect(answer and answer[MESSAGE][0] == ACK, f"an INFORM from {address} got no ACK")
        expect_path(answer, index, f"INFORM from {address}")


def check_lost_path():
    """A path that is down gives no leases, one that is back does."""
    renewing = Client()
    address = renewing.lease([2, 0])["address"]
    command("ip link set w2 down")
    wait_until("path 2 gives no OFFER", lambda: Client().exchange(DISCOVER, [2, 0], patience=0.3) is None)
    answer = renewing.exchange(REQUEST, [2, 0], ciaddr=address)
    expect(answer and answer[MESSAGE][0] == NAK, "a renewal on a path that is down got no NAK")
    expect_path(Client().lease([1, 0]), 1, "path 1 while path 2 is down")
    command("ip link set w2 up")
    wait_until("path 2 gives OFFERs again", lambda: Client().exchange(DISCOVER, [2, 0], patience=0.3))


def check_killed_server(gateway):
    """Kea is started again when it dies."""
    def starts():
        return gateway.log.read_text().count("DHCP4_STARTED")

    started, pid = starts(), gateway.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    expect(len(children) == 1, "the gateway has no Kea")
    os.kill(int(children[0]), signal.SIGKILL)
    wait_until("Kea runs again", lambda: starts() > started)
    expect_path(Client().lease([2, 0]), 2, "after Kea's restart")


def check_successor(gateway):
    """A gateway that is killed takes its Kea with it; the next one knows the leases."""
    client = Client()
    address = client.lease([2, 0])["address"]
    gateway.process.kill()
    gateway.process.wait()
    gateway.start(CONFIG)
    answer = client.exchange(REQUEST, ciaddr=address)
    expect_path(answer, 2, "renewal with the next gateway")
    expect(answer["address"] == address, "the next gateway has forgotten the lease")


def scenario(executable, folder):
    here = Namespace(os.getpid())
    for name, peer in (("lan0", "h0"), ("up1", "w1"), ("up2", "w2")):
        cable(here, name, here, peer)
    # No next hop is there; without ARP none is missed.
    here.ip("link set up1 arp off", "link set up2 arp off")
    gateway = Gateway(executable, here, folder / "gateway")
    gateway.start(CONFIG)
    for check in (check_first_contact, check_indexes, check_renewals, check_prefix_edges, check_inform):
        check()
    check_lost_path()
    check_killed_server(gateway)
    check_successor(gateway)
    gateway.stop()


main(scenario, ("kea-dhcp4", "ip"))
