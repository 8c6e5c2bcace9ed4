#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The host's DHCP client on a wire where things go wrong: addresses that others use, servers that
refuse, fall silent or change their mind, a machine that starts anew, a flood of garbage.

Usage: host_dhcp.py ANABRANCH, as root or as an ordinary user. Ends with "ok" (exit 0), "SKIP: why"
(exit 77) or "FAILED: why" (exit 1). The parts run side by side, each in namespaces of its own:

    h0 (the host, 10.1.0.50/16) ---- w0 (a DHCP server and other stations)
"""
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from dhcp_wire import (  # noqa: E402
    ACK, BROADCAST, DECLINE, DISCOVER, EXT_ROUTE, NAK, OFFER, REQUEST, REQUESTED, STRANGER, Failed, Server, Wire,
    command, dhcp_reply, expect, udp_frame, wait_until,
)
from wired import PATIENCE, main, output  # noqa: E402


def has(host, address, index=2):
    """Whether path `index` is up with this address."""
    return host.up(index, "ipv4") == address


def addresses():
    return re.findall(r"(anab\w+) +inet ([0-9./]+)", output("ip -4 -o addr"))


def set_up(host, wire, **times):
    """One server, path 2 up at 10.2.16.5."""
    server = Server("10.1.0.1", **times)
    server.offers[2] = "10.2.16.5"
    wire.servers.append(server)
    host.start()
    wait_until("path 2 comes up", lambda: has(host, "10.2.16.5"))
    return server


def part_theft(host, wire):
    """An address that another station takes is defended once, then given up."""
    server = set_up(host, wire)
    name, _ = addresses()[0]
    with open(f"/sys/class/net/{name}/address") as file:
        mac = bytes.fromhex(file.read().strip().replace(":", ""))
    with open("/sys/class/net/h0/address") as file:
        parent = bytes.fromhex(file.read().strip().replace(":", ""))
    probes = [a for a in wire.arp if a == (mac, "0.0.0.0", "10.2.16.5")]
    expect(len(probes) == 3, f"{len(probes)} probes before the address was used")
    announcement = (mac, "10.2.16.5", "10.2.16.5")
    wait_until("the address is announced twice", lambda: wire.arp.count(announcement) == 2)

    wire.claim("10.2.16.5", parent)
    wire.claim("10.2.16.5")
    wait_until("the address is defended", lambda: host.said("02:00:00:00:00:99 claims 10.2.16.5"))
    expect(host.log().count("is defended") == 1, "the parent's own Ethernet address is taken for a stranger")
    wait_until("the defence is heard", lambda: wire.arp.count(announcement) == 3)
    expect(has(host, "10.2.16.5"), "the path went at the first claim")

    server.offers[2] = "10.2.16.6"
    given_up = time.monotonic()
    wire.claim("10.2.16.5")
    wait_until("the address is given up", lambda: host.said("02:00:00:00:00:99 keeps 10.2.16.5"))
    wait_until("it is declined", lambda: wire.heard(DECLINE))
    expect(wire.heard(DECLINE)[0].address(REQUESTED) == "10.2.16.5", "another address is declined")
    wait_until("the address is taken down", lambda: not addresses())
    wait_until("another address is up", lambda: has(host, "10.2.16.6"), 15)
    expect(time.monotonic() - given_up >= 10, "the next address was asked for within 10 s")


def part_renewal(host, wire):
    """Renewals: a stranger's refusal is ignored, changes are followed, the server's refusal too."""
    server = set_up(host, wire, lease=30, t1=2, t2=20)
    rogue = Server("10.1.0.66")
    wire.extra = lambda message: message.kind == REQUEST and wire.reply(rogue, message, NAK, "0.0.0.0")
    wait_until("a renewal", lambda: any(m.ciaddr == "10.2.16.5" for m in wire.heard(REQUEST)))
    wait_until("it is granted", lambda: host.said("10.2.16.5/16 renewed"))
    expect(not host.said("lease has ended"), "a stranger's refusal ended a lease")
    wire.extra = None

    server.length, server.count, server.offers[3] = 20, 3, "10.3.16.5"
    wait_until("the changed prefix length", lambda: [a for _, a in addresses()].count("10.2.16.5/20"))
    wait_until("the old one goes", lambda: "10.2.16.5/16" not in [a for _, a in addresses()])
    table = re.search(r"from 10\.2\.16\.5 lookup (\d+)", subprocess.getoutput("ip rule")).group(1)
    wait_until("its route", lambda: "10.2.16.0/20" in subprocess.getoutput(f"ip route show table {table}"))
    wait_until("the path that is new", lambda: has(host, "10.3.16.5", 3))
    expect(not host.said("lease has ended"), "a change ended a lease")

    server.refuse_renewal, server.offers[2] = True, "10.2.16.7"
    wait_until("the refusal is followed", lambda: host.said("path 2: the lease has ended"))
    wait_until("another address is up", lambda: has(host, "10.2.16.7"))
    server.refuse_renewal = False
    expect("10.2.16.5/20" not in [a for _, a in addresses()], "the refused address is still there")


def part_rebinding(host, wire):
    """The server is gone; another one extends the lease after T2."""
    first = set_up(host, wire, lease=12, t1=2, t2=4)
    first.answering = first.offering = False
    second = Server("10.1.0.2", lease=12, t1=2, t2=9)
    second.offering = False
    answered = []

    def rebound(message):
        if message.kind == REQUEST and message.broadcast and message.ciaddr == "10.2.16.5":
            answered.append(message)
            wire.reply(second, message, ACK, "10.2.16.5")

    wire.extra = rebound
    wait_until("the lease is asked for from everybody", lambda: answered)
    wait_until("it is extended", lambda: host.said("10.2.16.5/16 renewed"))
    # The next renewal goes to the second server's Ethernet address: a frame that is no broadcast.
    before = len(wire.messages)
    wire.servers.append(second)
    wait_until("the next renewal", lambda: [m for _, m in wire.messages[before:] if m.kind == REQUEST and m.index == 2])
    wait_until("it is granted", lambda: host.said("10.2.16.5/16 renewed", 2))
    expect(not host.said("lease has ended"), "the lease was lost")
    expect(has(host, "10.2.16.5"), "the path is not up")


def part_flood(host, wire):
    """10,000 useless packets a second for 3 s: bounded memory, few words, leases go on."""
    set_up(host, wire, lease=40, t1=2, t2=30)
    wait_until("a renewal before", lambda: host.said("10.2.16.5/16 renewed"))
    chaddr = wire.heard(REQUEST)[0].chaddr
    everybody = socket.inet_aton("255.255.255.255")
    noise = random.Random(1)
    frames = []
    for i in range(500):
        server = Server(f"10.1.1.{i % 200 + 1}")
        options = server.options(2, OFFER) | {EXT_ROUTE: b"\x02\xff", 121: noise.randbytes(i % 255)}
        form = i % 4
        if form == 0:
            payload = noise.randbytes(noise.randrange(1, 1200))
        elif form == 1:  # well formed, for our client, with another transaction id
            payload = dhcp_reply(noise.getrandbits(32), chaddr, (OFFER, ACK, NAK)[i % 3], "10.2.16.5", options)
        elif form == 2:  # cut short
            payload = dhcp_reply(noise.getrandbits(32), chaddr, OFFER, "10.2.16.5", options)[: noise.randrange(300)]
        else:  # for others
            payload = dhcp_reply(noise.getrandbits(32), noise.randbytes(6), ACK, "10.1.9.9", options)
        frames.append(udp_frame(BROADCAST, server.mac, socket.inet_aton(server.address), everybody, payload))
    before, renewed = host.memory(), host.log().count("10.2.16.5/16 renewed")
    began, sent = time.monotonic(), 0
    while sent < 30_000:  # a busy machine may need longer
        passed = time.monotonic() - began
        expect(passed < 15, f"only {sent} packets could be sent in 15 s")
        while sent < min(30_000, passed * 10_000):
            wire.socket.send(frames[sent % len(frames)])
            sent += 1
        time.sleep(0.002)
    rate = sent / (time.monotonic() - began)
    during = host.log().count("10.2.16.5/16 renewed") - renewed
    expect(during >= 1, "no renewal during the flood")
    wait_until("a renewal after", lambda: host.said("10.2.16.5/16 renewed", renewed + during + 1))
    grown = host.memory() - before
    expect(grown <= 2048, f"the flood cost {grown} kB")
    lines = [line for line in host.log().splitlines() if "flooded" in line or "DHCP packet" in line]
    expect(1 <= len(lines) <= 2, f"{len(lines)} lines about the flood")
    expect(not host.said("lease has ended") and has(host, "10.2.16.5"), "the flood ended the path")
    return f"{sent} packets, {rate:.0f} a second, {grown} kB more, {during} renewals meanwhile, {len(lines)} line(s)"


def part_offers(host, wire):
    """A server that claims 255 paths and offers addresses that are taken."""
    server = Server("10.1.0.1")
    server.count = 255
    server.offers = {2: "10.1.0.50", 3: "10.3.16.5", 4: "10.3.16.5", 5: "127.0.0.1", 6: "10.6.0.1", 7: "10.7.16.5"}
    wire.servers.append(server)
    host.start()
    for index in (3, 7):
        wait_until(f"path {index} comes up", lambda i=index: has(host, server.offers[i], i) or has(host, "10.3.16.5", 4))
    wait_until("path 7 comes up", lambda: has(host, "10.7.16.5", 7))
    for index in (2, 5, 6, 8):
        wait_until(f"path {index} is asked for", lambda i=index: wire.heard(DISCOVER, i))
        expect(not wire.heard(REQUEST, index), f"path {index}: an address that cannot be was taken")
    held = [address for _, address in addresses()]
    expect(sorted(held) == ["10.3.16.5/16", "10.7.16.5/16"], f"addresses: {held}")
    links = subprocess.getoutput("ip -o link").count(": anab")
    expect(links == 7, f"{links} interfaces for 255 paths")


KEA = {
    "interfaces-config": {"interfaces": ["w0/10.1.0.1"], "dhcp-socket-type": "raw"},
    "lease-database": {"type": "memfile", "persist": False},
    "valid-lifetime": 600,
    "option-def": [{"name": "ext-route", "code": 224, "type": "binary", "space": "dhcp4"}],
    "client-classes": [
        {"name": "path2", "test": "substring(option[224].hex,0,1) == 0x02"},
        {"name": "path1", "test": "not member('path2')"},
    ],
    "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "/run/kea/log", "flush": True}]}],
}


def kea_subnet(index):
    route = {"name": "ext-route", "data": f"{index:02x}02", "csv-format": False, "always-send": True}
    return {
        "id": index,
        "subnet": f"10.{index}.0.0/16",
        "client-class": f"path{index}",
        "pools": [{"pool": f"10.{index}.16.1-10.{index}.16.9"}],
        "option-data": [{"name": "routers", "data": f"10.{index}.0.1"}, route],
    }


def part_kea(host, wire):
    """Kea gives an address in use, hears so, gives another; the machine starts anew; the lease is given back."""
    os.makedirs("/run/kea")
    subnets = [kea_subnet(1), kea_subnet(2)]
    with open("/run/kea/kea.conf", "w") as file:
        json.dump({"Dhcp4": KEA | {"shared-networks": [{"name": "lan", "interface": "w0", "subnet4": subnets}]}}, file)
    os.environ |= {"KEA_PIDFILE_DIR": "/run/kea", "KEA_LOCKFILE_DIR": "none", "KEA_LOGGER_DESTINATION": "/run/kea/log"}
    enter = ["nsenter", "-t", str(wire.holder.pid), "-n"]
    for index in (1, 2):
        command(f"{' '.join(enter)} ip addr add 10.{index}.0.1/16 dev w0")

    def kea_said(text):
        return os.path.exists("/run/kea/log") and text in open("/run/kea/log").read()

    wire.used["10.2.16.1"] = STRANGER
    with open("/run/kea/out", "w") as out:
        kea = subprocess.Popen([*enter, "kea-dhcp4", "-c", "/run/kea/kea.conf"], stdout=out, stderr=out)
    try:
        wait_until("Kea starts", lambda: kea_said("DHCP4_STARTED"), 20)
        host.start()
        wait_until("the conflict", lambda: host.said("02:00:00:00:00:99 uses 10.2.16.1 already"))
        wait_until("Kea hears of it", lambda: kea_said("DHCPDECLINE for addr 10.2.16.1"))
        expect(not addresses(), "the address was used in spite of the conflict")
        wait_until("another address is up", lambda: has(host, "10.2.16.2"), 15)

        # The machine starts anew: no process, no macvlan, nothing in the runtime directory.
        host.kill()
        command(f"ip link del {addresses()[0][0]}")
        shutil.rmtree("/run/host")
        began, before = time.monotonic(), len(host.log())
        host.start()
        wait_until("the address is up again", lambda: has(host, "10.2.16.2"))
        took = time.monotonic() - began
        expect("DHCP REBOOTING" in host.log()[before:], "the remembered lease was not asked for")
        expect("DHCP SELECTING" not in host.log()[before:], "the host asked for any address")

        host.stop()
        command(f"{host.executable} host cleanup h0")
        wait_until("Kea gets the lease back", lambda: kea_said("10.2.16.2 was released"))
        expect(not os.path.exists("/run/state/host-h0.leases"), "the lease is still remembered")
        return f"up {took:.2f} s after the machine's restart"
    except Failed:
        sys.stdout.write(open("/run/kea/log").read()[-3000:])
        raise
    finally:
        kea.terminate()
        kea.wait(PATIENCE)


main([value for name, value in list(globals().items()) if name.startswith("part_")], ["kea-dhcp4"])
