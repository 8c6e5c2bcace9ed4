#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our host with other people's DHCP servers.

Usage: interop_servers.py ANABRANCH. dnsmasq hands out EXT_ROUTE, in its forms of two octets and of one, and
with /32 leases; dnsmasq, Kea and busybox's udhcpd have never heard of it.
"""
import json
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from lan import Network, ask_name, cable, copy_of, expect, program, read, scenario, serve_names, stop, wait_until, write
from single_host import HostRole, intruders_in_main_table, ours, snapshot

SERVER = ("198.18.0.1", 80)
ECHO = ("198.18.0.1", 7)
DNSMASQ = """port=0
interface=lan
bind-interfaces
no-ping
log-dhcp
log-facility=-
"""
# The recipe of docs/interoperability.md, with renewals every 5 s. EXT_ROUTE is in octets: index, count.
TWO_OCTETS = """dhcp-match=set:named,224
dhcp-match=set:known,224,00:00
dhcp-match=set:known,224,01:00
dhcp-match=set:known,224,02:00
dhcp-match=set:path2,224,02:00
dhcp-ignore=tag:named,tag:!known
dhcp-range=tag:!path2,10.1.16.0,10.1.255.250,255.255.0.0,2m
dhcp-range=tag:path2,10.2.16.0,10.2.255.250,255.255.0.0,2m
dhcp-option-force=tag:!path2,224,01:02
dhcp-option-force=tag:path2,224,02:02
dhcp-option=tag:path2,option:router,10.2.0.1
dhcp-option-force=option:T1,5
"""
ONE_OCTET = TWO_OCTETS.replace("01:02", "01").replace("02:02", "02")
# Both paths on one subnet: leases of one address, the router is on the link by option 121.
HOST_LEASES = """dhcp-match=set:path2,224,02:00
dhcp-range=tag:!path2,10.1.16.0,10.1.31.250,255.255.0.0,2m
dhcp-range=tag:path2,10.1.32.0,10.1.47.250,255.255.0.0,2m
dhcp-option-force=tag:!path2,224,01:02
dhcp-option-force=tag:path2,224,02:02
dhcp-option-force=option:netmask,255.255.255.255
dhcp-option-force=option:classless-static-route,10.1.0.1/32,0.0.0.0,0.0.0.0/0,10.1.0.1
"""
PLAIN = "dhcp-range=10.1.16.0,10.1.255.250,255.255.0.0,10m\n"
KEA = {"Dhcp4": {
    "interfaces-config": {"interfaces": ["lan/10.1.0.1"], "dhcp-socket-type": "raw"},
    "lease-database": {"type": "memfile", "persist": False},
    "subnet4": [{"id": 1, "subnet": "10.1.0.0/16", "pools": [{"pool": "10.1.16.0-10.1.255.250"}],
                 "option-data": [{"name": "routers", "data": "10.1.0.1"}]}]}}
UDHCPD = """start 10.1.16.1
end 10.1.31.250
interface lan
lease_file /run/{0}/leases
pidfile /run/{0}/pid
opt router 10.1.0.1
opt subnet 255.255.0.0
"""


class Case:
    """A wire: the network `NAME-h` with h0 and a static address, and `NAME-s` with a DHCP server."""

    def __init__(self, anabranch, name):
        self.name = name
        self.host, self.server = Network(f"{name}-h"), Network(f"{name}-s")
        cable(self.host, "h0", self.server, "lan")
        for address in ("10.1.0.1/16", "10.2.0.1/16"):
            self.server.ip(f"address add {address} dev lan")
        self.server.ip(f"address add {SERVER[0]}/32 dev lo")
        self.host.ip("address add 10.1.0.50/16 dev h0")
        self.host.ip("route add default via 10.1.0.1 dev h0")
        serve_names(self.server, *SERVER)
        os.mkdir(f"/run/{name}")
        self.log = f"/run/{name}-server.log"
        self.role = HostRole(anabranch, self.host, "h0", name)
        self.dhcp = None

    def dnsmasq(self, text):
        config = write(f"/run/{self.name}/dnsmasq.conf", DNSMASQ + f"dhcp-leasefile=/run/{self.name}/leases\n" + text)
        # -d: in the foreground, and without becoming another user, which a user namespace of one does not allow.
        self.dhcp = self.server.popen([program("dnsmasq"), "-d", "-C", config], self.log)
        self.wait_ready("DHCP, sockets bound")

    def kea(self):
        config = write(f"/run/{self.name}/kea.conf", json.dumps(KEA))
        self.dhcp = self.server.popen([copy_of("kea-dhcp4"), "-c", config], self.log,
                                      {"KEA_PIDFILE_DIR": f"/run/{self.name}", "KEA_LOCKFILE_DIR": "none"})
        self.wait_ready("DHCP4_STARTED")

    def udhcpd(self):
        config = write(f"/run/{self.name}/udhcpd.conf", UDHCPD.format(self.name))
        self.dhcp = self.server.popen([program("busybox"), "udhcpd", "-f", config], self.log)
        self.wait_ready("started")

    def wait_ready(self, words):
        wait_until(f"the server of {self.name} runs", lambda: words in read(self.log), 20)

    def end(self):
        self.role.stop()
        stop(self.dhcp)

    def expect_reachable(self, address):
        answer = wait_until(f"{self.name}: the server answers {address}",
                            lambda: ask_name(self.host, SERVER, address))
        expect(answer == (self.server.name, address), f"{self.name}: packets of {address} arrive as {answer}")

    def acknowledged(self, address):
        return sum("DHCPACK" in line and f" {address} " in line for line in read(self.log).splitlines())


def echo_server(network):
    def loop(server):
        connection = server.accept()[0]
        while octets := connection.recv(100):
            connection.sendall(octets)

    server = network.call(socket.create_server, ECHO)
    threading.Thread(target=loop, args=(server,), daemon=True).start()


def check_dnsmasq(anabranch):
    """Two paths; renewed; a killed host role changes nothing, and the next one takes them over."""
    case = Case(anabranch, "dnsmasq")
    case.dnsmasq(TWO_OCTETS)
    case.role.start()
    up = case.role.wait_up(1, 2)
    expect(up[1] == "10.1.0.50" and up[2].startswith("10.2."), f"the addresses are {up}")
    expect(case.role.paths()[2]["router"] == "10.2.0.1", "the router of path 2 is not 10.2.0.1")
    for address in up.values():
        case.expect_reachable(address)
    echo_server(case.server)
    connection = case.host.call(lambda: socket.create_connection(ECHO, 3, (up[2], 0)))
    before = case.acknowledged(up[2])
    wait_until("path 2 is renewed", lambda: case.acknowledged(up[2]) > before)
    state = ours(case.host)
    expect(len(state["links"]) == 1 and state["rules"] and state["endpoints"], f"too little is ours: {state}")
    case.role.kill()
    expect(ours(case.host) == state, "a killed host role loses something")
    before = case.acknowledged(up[2])
    case.role.start()
    expect(case.role.wait_up(1, 2) == up, "the next host role has other addresses")
    wait_until("the next host role renews path 2", lambda: case.acknowledged(up[2]) > before)
    expect(ours(case.host) == state, f"the next host role changed {state} to {ours(case.host)}")
    connection.sendall(b"still here")
    connection.settimeout(3)
    expect(connection.recv(100) == b"still here", "a connection over path 2 has broken")
    expect(not intruders_in_main_table(case.host), "a route of ours is in the main table")
    return case


def check_one_octet(anabranch):
    """The count is unknown: the host asks for one more than it has."""
    case = Case(anabranch, "octet")
    case.dnsmasq(ONE_OCTET)
    case.role.start()
    up = case.role.wait_up(1, 2)
    expect(up[2].startswith("10.2."), f"path 2 has {up[2]}")
    case.expect_reachable(up[2])
    wait_until("path 3 is asked for", lambda: case.role.paths().get(3, {}).get("state") == "acquiring")
    wait_until("dnsmasq refuses path 3", lambda: "ignored" in read(case.log))
    expect(3 not in case.role.up(), "path 3 is up, though nobody offers it")
    expect(4 not in case.role.paths(), "path 4 is asked for before there is a path 3")
    return case


def check_host_leases(anabranch):
    """Leases of /32 with option 121 on one subnet."""
    case = Case(anabranch, "slash32")
    case.dnsmasq(HOST_LEASES)
    case.role.start()
    up = case.role.wait_up(1, 2)
    expect(up[2].startswith("10.1.3") or up[2].startswith("10.1.4"), f"path 2 has {up[2]}")
    interface = case.role.paths()[2]["interface"]
    expect(case.host.addresses(interface) == [up[2] + "/32"], f"{interface} has {case.host.addresses(interface)}")
    routes = [" ".join(line.split()[:7]) for line in ours(case.host)["routes"]]
    for wanted in (f"10.1.0.1 dev {interface} table", f"default via 10.1.0.1 dev {interface} table"):
        expect(any(route.startswith(wanted) for route in routes), f"no route '{wanted}' in {routes}")
    for address in up.values():
        case.expect_reachable(address)
    return case


def check_ignorant(anabranch, name, start):
    """A server that knows no EXT_ROUTE: one line is said and nothing is changed."""
    case = Case(anabranch, name)
    start(case)
    before = snapshot(case.host)
    case.role.start()
    wait_until(f"a verdict about {name}", lambda: case.role.report().get("support") == "no", 20)
    said = case.role.said()
    expect(len(said) == 1 and "no EXT_ROUTE" in said[0], f"with {name} the host says {said}")
    after = snapshot(case.host)
    expect(after == before, f"with {name} something is changed: {set(after) ^ set(before)}")
    case.role.stop()
    return case


def run(anabranch):
    ignorant = (("plain", lambda case: case.dnsmasq(PLAIN)), ("kea", Case.kea), ("udhcpd", Case.udhcpd))
    checks = [check_dnsmasq, check_one_octet, check_host_leases]
    checks += [lambda anabranch, which=which: check_ignorant(anabranch, *which) for which in ignorant]
    for check in checks:
        check(anabranch).end()


scenario(run, "ip", "kea-dhcp4", "dnsmasq", "busybox")
