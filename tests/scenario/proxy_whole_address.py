#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A whole public address of the converter leads to a LAN host behind the CPE: every port of it, exact to the octet,
with the remote host's address, over IPv4 and IPv6, by MPTCP between the proxies. The converter's own ports stay its
own, ports that nobody listens on are refused, and nobody but the converter gets in at the CPE.

Usage: proxy_whole_address.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import expect, main, wait_until
from proxy_exchange import SIZE, dial, exchange, greeting, read_again, serve, shown
from proxy_pair import CONVERTER, CONVERTER6, CONVERTER_PORT, CONVERTER_TOML, CPE, CPE_TOML, HOST, Pair

PUBLIC, PUBLIC6 = "198.18.9.10", "2001:db8:1989::10"
ROUTED, CPE_2 = "198.18.77.10", "172.16.2.1"
CPE6, HOST6 = "2001:db8:1641::1", "2001:db8:1::2"
REMOTE, REMOTE6 = "172.21.1.2", "2001:db8:2100::2"
PORTS = 22, 443, 9000, 50_000
NOBODY_LISTENS = 9001
JOIN_PORT = 5126
OUTSIDE = CONVERTER_TOML.replace('listen = [', f'listen = ["{PUBLIC}:{CONVERTER_PORT}", ') + f"""
[[incoming]]
name = "host"
listen = "{PUBLIC}"
client = "{CPE}"

[[incoming]]
name = "host6"
listen = "{PUBLIC6}"
client = "{CPE6}"
"""
INSIDE = CPE_TOML + f"""
[[converter]]
name = "operator6"
address = "{CONVERTER6}"
weight = 0

[[incoming]]
name = "host"
listen = "{CPE}"
host = "{HOST}"

[[incoming]]
name = "host6"
listen = "{CPE6}"
host = "{HOST6}"
"""


def every_port(pair):
    before = pair.counter(pair.cpe, "MPCapableACKRX")
    for port in PORTS:
        serve(pair.host, HOST, port)
        seen = exchange(pair, PUBLIC, port, size=SIZE // 4, node=pair.server)
        expect(seen == REMOTE, f"at port {port} the LAN host sees {seen}")
    expect(pair.counter(pair.cpe, "MPCapableACKRX") == before + len(PORTS), "not each by MPTCP")
    view = shown(pair.converter_role)["incoming"][0]
    expect((view["listen"], view["client"], view["accepted"]) == (PUBLIC, CPE, len(PORTS)), f"{view}")
    expect(shown(pair.cpe_role)["incoming"][0]["outcomes"] == {"established": len(PORTS)}, "the CPE counts otherwise")


def ipv6(pair):
    before = pair.counter(pair.cpe, "MPCapableACKRX")
    serve(pair.host, HOST6, PORTS[0])
    seen = exchange(pair, PUBLIC6, PORTS[0], size=SIZE // 4, node=pair.server)
    expect(seen == REMOTE6, f"the LAN host sees {seen}")
    expect(pair.counter(pair.cpe, "MPCapableACKRX") == before + 1, "not by MPTCP")


def not_each_port(pair):
    """The converter's own, one that nobody listens on, and any port from elsewhere."""
    served = shown(pair.converter_role)["accepted"]
    with dial(pair, PUBLIC, CONVERTER_PORT, node=pair.server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        wait_until("the converter serves its own port", lambda: shown(pair.converter_role)["accepted"] == served + 1)
    try:
        with dial(pair, PUBLIC, NOBODY_LISTENS, node=pair.server) as connection:
            expect(connection.recv(100) is None, "a port that nobody listens on is not reset")
    except ConnectionResetError:  # as early as in connect(), when it comes that soon
        pass
    with pair.core.socket(socket.AF_INET, socket.SOCK_STREAM) as stranger:
        expect(stranger.connect_ex((CPE, PORTS[2])) != 0, "the CPE lets strangers in")


def both_uplinks(pair):
    """Further subflows need a port that the CPE announces: those of a whole address have no listener of their own."""
    pair.cpe.ip(f"mptcp endpoint add 172.16.2.1 dev up2 signal port {JOIN_PORT}")
    before = pair.counter(pair.cpe, "MPJoinAckRx")
    expect(exchange(pair, PUBLIC, PORTS[2], node=pair.server) == REMOTE, "another address is seen")
    expect(pair.counter(pair.cpe, "MPJoinAckRx") > before, "no second subflow")


def routed(pair):
    """An address that is not the converter's own, and comes to it by a route."""
    pair.core.ip(f"route add {ROUTED} via {CONVERTER}")
    read_again(pair.cpe_role, INSIDE + f'[[incoming]]\nname = "routed"\nlisten = "{CPE_2}"\nhost = "{HOST}"\n')
    read_again(pair.converter_role, OUTSIDE + f'[[incoming]]\nname = "routed"\nlisten = "{ROUTED}"\nclient = "{CPE_2}"\n')
    for address in (ROUTED, PUBLIC):
        expect(exchange(pair, address, PORTS[2], size=100_000, node=pair.server) == REMOTE, "another address is seen")


def taken_away(pair):
    """By a reload: what runs goes on, nothing new comes."""
    with dial(pair, PUBLIC, PORTS[2], node=pair.server) as connection:
        expect(greeting(connection) == REMOTE, "another address is seen")
        read_again(pair.converter_role, CONVERTER_TOML)
        with pair.server.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
            expect(other.connect_ex((PUBLIC, PORTS[2])) != 0, "the address is still led to the CPE")
        read_again(pair.cpe_role, CPE_TOML)
        connection.sendall(b"x" * 1000)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        expect(len(answer) == 32 + 1000, f"the running connection came back with {len(answer)} octets")


def scenario(executable, folder):
    pair = Pair(executable, folder)
    # The source of the converter's own connections stays the address that the CPE knows.
    pair.converter.ip(f"address add {PUBLIC}/24 dev eth0", f"address add {PUBLIC6}/64 dev eth0 preferred_lft 0")
    read_again(pair.converter_role, OUTSIDE)
    read_again(pair.cpe_role, INSIDE)
    for step in (every_port, ipv6, not_each_port, both_uplinks, routed, taken_away):
        began = time.monotonic()
        step(pair)
        print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    pair.stop()
    for node in (pair.cpe, pair.converter):
        expect("anabranch" not in node.run("nft", "list", "tables"), "a table is left")
        expect("proto 173" not in node.run("ip", "rule"), "a rule is left")


main(scenario, ["nft", "ss", "tc"])
