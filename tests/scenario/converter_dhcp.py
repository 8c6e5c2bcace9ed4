#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Converters told by DHCP: the gateway hands them out, a device's host role hears of them, its CPE uses them
for the TCP of a computer behind it. Others' addresses after a reload, and nobody's connection is lost.

  computer 192.168.7.2 --- lan0 [device: host, cpe] h0 --- lan0 [gateway] up1 === core --- first  198.18.9.9
                                  dhclient on h0                          up2       |----- second 198.18.8.8
                                                                                    +----- server 198.18.0.1

Usage: converter_dhcp.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import json
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from lan import HERE, copy_of, read, write
from namespaces import Gateway, Namespace, cable, end, expect, main, start, wait_until
from proxy_pair import Network, Role

FIRST, SECOND, FIRST6 = "198.18.9.9", "198.18.8.8", "2001:db8:1989::9"
SERVER, PORT = "198.18.0.1", 9000
CONVERT = 5124
COMPUTER = "192.168.7.2"
UPLINK = """[[uplink]]
name = "isp{0}"
interface = "up{0}"
next_hop = "172.16.{0}.2"
index = {0}
source_prefix = "10.{0}.0.0/16"
nat = "none"
[uplink.ipv6]
source_prefix = "2001:db8:{0}::/64"
next_hop = "fe80::b:{0}"
"""
GATEWAY = f"""[lan]
interface = "lan0"
{UPLINK.format(1)}{UPLINK.format(2)}
[dhcp]
lease_time = "30s"
[dhcp6]
mode = "kea"
lease_time = "30s"
[converters]
addresses = [%s]
"""
CONVERTER = """[converter]
listen = ["{0}"]
[clients]
allow = ["10.0.0.0/8"]
[destinations]
allow = ["198.18.0.0/15"]
"""
CPE = """[cpe]
lan = ["lan0"]
converters_from_dhcp = true
retry = "1s"
"""
# At most: the lease of a path is renewed after half of 30 s, then the host asks once more for its own path's.
RENEWAL = 40
DHCLIENT = 'interface "h0" { supersede dhcp-renewal-time 5; }\n'


def told(*addresses):
    return GATEWAY % ", ".join(f'"{address}"' for address in addresses)


class House:
    """The network, with the gateway in the script's own namespace."""

    def __init__(self, executable, folder):
        self.executable = executable
        self.gateway, self.device, self.computer, self.core, self.first, self.second, self.server = nodes = [
            Namespace(os.getpid()), *[Namespace() for _ in range(6)]]
        for node in nodes:
            Network.sysctl(node, "net/mptcp/blackhole_timeout", 0)
            for setting in ("net/ipv6/conf/all/accept_dad", "net/ipv6/conf/default/accept_dad",
                            "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter"):
                Network.sysctl(node, setting, 0)
        for node in (self.computer, self.server):
            Network.sysctl(node, "net/mptcp/enabled", 0)
        for node in (self.device, self.core):
            Network.sysctl(node, "net/ipv4/ip_forward", 1)
        cable(self.gateway, "lan0", self.device, "h0")
        cable(self.computer, "eth0", self.device, "lan0")
        self.computer.ip(f"addr add {COMPUTER}/24 dev eth0", "route add default via 192.168.7.1")
        self.device.ip("addr add 192.168.7.1/24 dev lan0")
        self.device.run("nft", "-f", "-", input="table ip nat { chain post { type nat hook postrouting priority srcnat;"
                        " ip saddr 192.168.7.0/24 oifname h0 masquerade; }; }")
        for k in (1, 2):
            cable(self.gateway, f"up{k}", self.core, f"c{k}")
            self.gateway.ip(f"addr add 172.16.{k}.1/24 dev up{k}")
            self.core.ip(f"addr add 172.16.{k}.2/24 dev c{k}", f"addr add fe80::b:{k}/64 dev c{k} nodad",
                         f"route add 10.{k}.0.0/16 via 172.16.{k}.1")
        self.behind_core(self.first, "198.18.9.1", FIRST)
        self.behind_core(self.second, "198.18.8.1", SECOND)
        self.behind_core(self.server, "198.18.0.254", SERVER)
        for node in (self.device, self.first, self.second):
            node.ip("mptcp limits set subflows 4 add_addr_accepted 4")
        self.gateway_role = Gateway(executable, self.gateway, folder / "gateway")
        self.converters = [Role(executable, node, folder / name, "converter", CONVERTER.format(f"{address}:{CONVERT}"))
                           for node, name, address in ((self.first, "first", FIRST), (self.second, "second", SECOND))]
        self.cpe = Role(executable, self.device, folder / "device", "cpe", CPE)
        self.host_log = folder / "log.host"
        self.host = None

    def behind_core(self, node, router, address):
        interface = f"to{address.split('.')[2]}"
        cable(self.core, interface, node, "eth0")
        self.core.ip(f"addr add {router}/24 dev {interface}")
        node.ip(f"addr add {address}/24 dev eth0", f"route add default via {router} congctl cubic")

    def start_host(self):
        with open(self.host_log, "a") as log:
            self.host = self.device.start([self.executable, "--log-level", "debug", "host", "run", "h0"],
                                          stderr=log, env=self.cpe.environment)

    def host_shows(self, option="-j"):
        return self.device.command(self.executable, "host", "show", "h0", *([option] if option else []),
                                   env=self.cpe.environment).stdout

    def host_tells(self):
        """{endpoint: the paths on which it was told}."""
        shown = self.host_shows()
        return {one["endpoint"]: one["paths"] for one in json.loads(shown)["converters"]} if shown else {}

    def cpe_has(self):
        return [(one["endpoint"], one["told_by"]) for one in json.loads(self.cpe.show())["converters"]]

    def accepted(self, converter):
        """MPTCP connections so far."""
        return Network.counter(self, converter, "MPCapableACKRX")


def serve(node):
    """Tells each client whom it sees, then sends back what it gets."""
    def talk(peer, seen):
        with peer:
            peer.sendall(f"{seen}\n".encode())
            while data := peer.recv(1 << 16):
                peer.sendall(data)

    def accept():
        while True:
            peer, seen = listener.accept()
            threading.Thread(target=talk, args=(peer, seen[0]), daemon=True).start()

    listener = node.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((SERVER, PORT))
    listener.listen(20)
    threading.Thread(target=accept, daemon=True).start()


def dial(house):
    """A connection of the computer, and whom the server sees."""
    connection = house.computer.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(10)
    connection.connect((SERVER, PORT))
    seen = b""
    while not seen.endswith(b"\n"):
        octet = connection.recv(1)
        expect(octet, f"the connection ends in the greeting: {seen}")
        seen += octet
    return connection, seen.decode().strip()


def echoes(connection):
    data = os.urandom(200_000)
    threading.Thread(target=connection.sendall, args=(data,), daemon=True).start()
    got = b""
    while len(got) < len(data):
        part = connection.recv(1 << 16)
        expect(part, "the connection ended")
        got += part
    return got == data


def run_dhclient(house):
    """The device's own client, which nobody has told of converters, gets and keeps the first path."""
    write("/run/h0/events", "")
    start([*house.device.enter, copy_of("dhclient"), "-4", "-d", "-cf", write("/run/h0/conf", DHCLIENT),
           "-sf", HERE + "/dhcp_event.sh", "-lf", "/run/h0/leases", "-pf", "/run/h0/pid", "h0"],
          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return wait_until("dhclient gets an address", lambda: [line for line in dhclient_said() if line[0] == "BOUND"], 20)[0][1]


def dhclient_said():
    return [line.split() for line in read("/run/h0/events").splitlines()]


def none_known(house, own):
    """Connections are direct, and it is said why."""
    text = house.device.run(house.executable, "cpe", "show", env=house.cpe.environment)
    expect("no converter is known, all connections go direct: no host role runs here" in text, text)
    connection, seen = dial(house)
    expect(seen == own, f"without a converter the server sees {seen}")
    connection.close()


def handed_on(house):
    """From the gateway's file to the CPE, for both families; one connection by way of the first converter."""
    house.start_host()
    first = f"{FIRST}:{CONVERT}"
    wait_until("the host tells of the converter on both paths", lambda: house.host_tells().get(first) == [1, 2], 20)
    wait_until("and of the one of DHCPv6", lambda: house.host_tells().get(f"[{FIRST6}]:{CONVERT}") == [2], 20)
    expect(f"converter {first}, told on path 1, 2\n" in house.host_shows(None), house.host_shows(None))
    wait_until("the CPE has both, the best first",
               lambda: house.cpe_has() == [(first, "h0"), (f"[{FIRST6}]:{CONVERT}", "h0")])
    wait_until("the second path carries", lambda: "10.2." in house.device.run("ip", "mptcp", "endpoint"))
    connection, seen = dial(house)
    expect(seen == FIRST, f"the server sees {seen}, not the converter")
    expect(echoes(connection), "other octets came back")
    expect(house.accepted(house.first) == 1, "not by MPTCP")
    expect(json.loads(house.cpe.show())["plain_tcp"] == 0, "fell back to plain TCP")
    wait_until("both paths are used", lambda: Network.counter(house, house.first, "MPJoinAckRx") >= 1)
    return connection


def host_restarted(house):
    """The CPE keeps what it knows meanwhile, and hears the new one."""
    end(house.host)
    wait_until("the CPE notices", lambda: json.loads(house.cpe.show())["host_roles"] == [])
    expect(house.cpe_has()[0] == (f"{FIRST}:{CONVERT}", "h0"), f"the CPE has forgotten: {house.cpe_has()}")
    house.start_host()
    wait_until("the CPE hears the new one", lambda: json.loads(house.cpe.show())["host_roles"] == ["h0"])
    connection, seen = dial(house)
    expect(seen == FIRST, f"after a restart of the host the server sees {seen}")
    connection.close()


def moved(house, connection):
    """Another address in the gateway's file: with the next renewal new connections go there, old ones stay."""
    house.gateway_role.reload(told(SECOND))
    shown = json.loads(house.gateway_role.do("show", "-j"))["converters"]
    expect(shown == [f"{SECOND}:{CONVERT}"], f"the gateway shows {shown}")
    began = time.monotonic()
    wait_until("the CPE has the second converter alone",
               lambda: house.cpe_has() == [(f"{SECOND}:{CONVERT}", "h0")], RENEWAL)
    print(f"the CPE has followed {time.monotonic() - began:.1f} s after the reload")
    other, seen = dial(house)
    expect(seen == SECOND, f"after the change the server sees {seen}")
    expect(house.accepted(house.second) == 1, "not by MPTCP")
    expect(echoes(connection), "the connection by way of the first converter was harmed")
    other.close()
    connection.close()


def undisturbed(own):
    """dhclient has renewed all the time."""
    wait_until("dhclient has renewed twice", lambda: [line[0] for line in dhclient_said()].count("RENEW") >= 2)
    said = [line for line in dhclient_said() if line[0] != "PREINIT"]
    expect({line[0] for line in said} == {"BOUND", "RENEW"}, f"dhclient said {said}")
    expect({(line[1], line[2]) for line in said} == {(own, "10.1.0.1")}, f"dhclient said {said}")


def scenario(executable, folder):
    # dhclient's files; nobody else's are touched, in a mount namespace of our own.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    house = House(executable, folder)
    serve(house.server)
    for converter in house.converters:
        converter.start()
    house.gateway_role.start(told(FIRST, FIRST6))
    own = run_dhclient(house)
    house.cpe.start()
    none_known(house, own)
    connection = handed_on(house)
    host_restarted(house)
    moved(house, connection)
    undisturbed(own)
    end(house.host)
    house.cpe.stop()


main(scenario, ["kea-dhcp4", "kea-dhcp6", "dhclient", "nft", "ip"])
