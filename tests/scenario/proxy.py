#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The proxy pair: TCP of a LAN host, MPTCP with the destination in the SYN between `anabranch cpe` and `anabranch
converter`, TCP to the server. Octets are exact both ways, over IPv4 and IPv6; without data in SYNs; with a cookie;
past a converter that says no; with a second converter when the first drains; and with a CPE that was killed.

Usage: proxy.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import expect, main, wait_until
from proxy_exchange import PORT, SIZE, dial, exchange, greeting, read_again, serve, shown
from proxy_pair import CONVERTER, CONVERTER6, CONVERTER_PORT, CONVERTER_TOML, CPE_TOML, HOST, SERVER, SERVER6, Pair, Role

REFUSED_HERE, MPTCP_PORT = 9001, 9002
MPTCP = 262
SECOND_PORT = 5125
CPE_ADDRESS, REMOTE = "172.16.1.1", "172.21.1.2"
OUTSIDE_PORT, INSIDE_PORT = 8080, 8081
CONNECT = bytes.fromhex("010622630a0501bb00000000000000000000ffffc0000250")  # 192.0.2.80:443
CPE = CPE_TOML.replace("[cpe]\n", '[cpe]\nretry = "1s"\n') + f"""
[[incoming]]
name = "host"
listen = "{CPE_ADDRESS}:{INSIDE_PORT}"
host = "{HOST}:9000"
"""
CONVERTER_RULES = CONVERTER_TOML + f"""
[[incoming]]
name = "host"
listen = "{CONVERTER}:{OUTSIDE_PORT}"
client = "{CPE_ADDRESS}:{INSIDE_PORT}"

[[rule]]
name = "not from here"
action = "reject"
ports = ["{REFUSED_HERE}"]
"""


def whole_path(pair):
    began = {name: pair.counter(pair.cpe, name) for name in ("TCPFastOpenActive", "MPCapableSYNTX")}
    expect(exchange(pair) == CONVERTER, "the server does not see the converter")
    expect(exchange(pair, SERVER6) == CONVERTER6, "the server does not see the converter over IPv6")
    expect(pair.mptcp_connections() == 2, f"{pair.mptcp_connections()} MPTCP connections for two of TCP")
    expect(pair.counter(pair.cpe, "TCPFastOpenActive") == began["TCPFastOpenActive"] + 2, "no data in the SYNs")
    view = shown(pair.cpe_role)
    expect(view["syn_data"] == 2 and view["outcomes"] == {"converted": 2} and view["plain_tcp"] == 0, f"shown: {view}")
    joins = pair.mptcp_joins()
    expect(joins >= 1, "no second subflow")
    print(f"two exchanges of {SIZE} octets each way, {joins} further subflows")


def nothing_is_dropped(pair):
    """Links without a rate, where windows are what limits: the kernel would drop what it has announced room for."""
    for k in (1, 2):
        for node, interface in ((pair.cpe, f"up{k}"), (pair.core, f"c{k}")):
            node.run("tc", "qdisc", "del", "dev", interface, "root")
    before = pair.counter(pair.cpe, "NoDSSInWindow")
    for _ in range(8):
        began = time.monotonic()
        expect(exchange(pair, size=SIZE // 2) == CONVERTER, "not converted")
        expect(time.monotonic() - began < 2, f"an exchange took {time.monotonic() - began:.1f} s")
    dropped = pair.counter(pair.cpe, "NoDSSInWindow") - before
    expect(dropped == 0, f"{dropped} segments were dropped beyond the window")


def server_speaks_first_and_fast(pair):
    """The kernel loses what is written before the third ACK: here the ACK comes late."""
    pair.core.run("nft", "-f", "-", input="table inet late { chain f { type filter hook forward priority 0; policy accept;"
                  f" ip daddr {CONVERTER} tcp flags & (syn | ack) == ack drop; }}; }}")
    connection = dial(pair)
    wait_until("the converter has connected", lambda: f"{CONVERTER}:" in pair.server.run("ss", "-tnH", "state", "established"))
    pair.core.run("nft", "delete", "table", "inet", "late")
    expect(greeting(connection) == CONVERTER, "no greeting")
    connection.close()


def without_syn_data(pair):
    """A converter, or something before it, that does not take data of SYNs: it follows, and is not tried again."""
    pair.sysctl(pair.converter, "net/ipv4/tcp_fastopen", 0)
    before = shown(pair.cpe_role)["syn_data"]
    for _ in range(2):
        expect(exchange(pair, size=100_000) == CONVERTER, "not converted without data in the SYN")
    view = shown(pair.cpe_role)
    expect(view["syn_data"] == before, "data in a SYN was taken")
    expect(not view["converters"][0]["syn_data"], f"it is not remembered: {view['converters']}")
    pair.sysctl(pair.converter, "net/ipv4/tcp_fastopen", 3)


def said_no(pair):
    """A rule of the converter: the CPE goes there directly, with what the host has sent so far."""
    expect(exchange(pair, port=REFUSED_HERE, size=100_000) == HOST, "what the converter rejects does not go direct")
    expect(shown(pair.converter_role)["rules"] == [{"name": "not from here", "action": "reject", "connections": 1}],
           "the rule is not counted")
    expect(shown(pair.cpe_role)["direct"] == {"peer-not-authorized": 1}, f"{shown(pair.cpe_role)['direct']}")


def cookie(pair):
    """The first connection fetches one, the others have it."""
    pair.converter_role.stop()
    pair.converter_role.config.write_text(CONVERTER_RULES.replace("[clients]\n", '[clients]\ncookie = "required"\n'))
    pair.converter_role.start()
    wait_until("the converter is used again", lambda: shown(pair.cpe_role)["converters"][0]["reachable"])
    for _ in range(3):
        expect(exchange(pair, size=100_000) == CONVERTER, "not converted with a cookie")
    outcomes = shown(pair.converter_role)["outcomes"]
    expect(outcomes["established"] == 3 and outcomes.get("missing-cookie", 0) <= 1, f"{outcomes}")
    expect(shown(pair.cpe_role)["converters"][0]["cookie"], "the cookie is not kept")


def drained(pair, executable, folder):
    """A connection of the first converter goes on while new ones go to the second; then the first ends by itself."""
    second = Role(executable, pair.converter, folder / "second", "converter",
                  CONVERTER_TOML.replace(f":{CONVERTER_PORT}\"", f":{SECOND_PORT}\""))
    second.start()
    read_again(pair.cpe_role,
               CPE + f'\n[[converter]]\nname = "second"\naddress = "{CONVERTER}"\nport = {SECOND_PORT}\nweight = 0\n')
    with dial(pair) as connection:
        expect(greeting(connection) == CONVERTER, "not converted")
        first = pair.converter_role
        first.namespace.run(executable, "converter", "drain", env=first.environment)
        expect(exchange(pair, size=100_000) == CONVERTER, "not converted by the second converter")
        expect(shown(second)["outcomes"].get("established", 0) == 1, f"{shown(second)['outcomes']}")
        expect(first.process.poll() is None, "the draining converter did not wait for its connection")
        connection.sendall(b"x")
        connection.shutdown(socket.SHUT_WR)
        expect(len(connection.recv(100)) > 0, "no answer by way of the draining converter")
    wait_until("the draining converter ends", lambda: first.process.poll() is not None)
    expect(first.process.returncode == 0, f"it ended with {first.process.returncode}")
    second.stop()
    read_again(pair.cpe_role, CPE)
    first.config.write_text(CONVERTER_RULES)
    first.start()
    wait_until("the first one is used again", lambda: exchange(pair, size=10) == CONVERTER)


def bypassed(pair):
    """A server that speaks MPTCP is connected without the converter from the second time on."""
    read_again(pair.cpe_role, CPE.replace("[cpe]\n", "[cpe]\nbypass = true\n"))
    pair.sysctl(pair.server, "net/mptcp/enabled", 1)
    serve(pair.server, SERVER, MPTCP_PORT, MPTCP)
    expect(exchange(pair, port=MPTCP_PORT, size=100_000) == CONVERTER, "the first connection is not converted")
    expect(exchange(pair, port=MPTCP_PORT, size=SIZE) == "172.16.1.1", "the second connection is not the CPE's own")
    expect(exchange(pair, port=PORT, size=10) == CONVERTER, "a server without MPTCP is not converted")
    expect(pair.counter(pair.server, "MPCapableACKRX") == 2, "not by MPTCP")
    pair.sysctl(pair.server, "net/mptcp/enabled", 0)
    read_again(pair.cpe_role, CPE)


def addresses_kept(pair):
    """Servers see the client of the converter, the CPE, and answer by way of the converter."""
    pair.converter_role.stop()
    pair.core.ip(f"rule add iif srv0 to 172.16.1.1 ipproto tcp sport {PORT} lookup 300 pref 300",
                 f"route add default via {CONVERTER} table 300")
    pair.converter_role.config.write_text(CONVERTER_RULES + '[source]\nmode = "preservation"\n')
    pair.converter_role.start()
    wait_until("the converter is used again", lambda: shown(pair.cpe_role)["converters"][0]["reachable"])
    expect(exchange(pair, size=SIZE) == "172.16.1.1", "the server does not see the client's address")
    pair.core.ip("rule del pref 300")
    pair.converter_role.stop()
    expect("anabranch" not in pair.converter.run("nft", "list", "tables"), "the converter leaves a table")
    expect("proto 173" not in pair.converter.run("ip", "rule"), "the converter leaves a rule")
    pair.converter_role.config.write_text(CONVERTER_RULES)
    pair.converter_role.start()
    wait_until("the converter is used again", lambda: shown(pair.cpe_role)["converters"][0]["reachable"])


def incoming(pair):
    """From a remote host to a port of the converter, and on to a LAN host, which sees the remote host's address."""
    serve(pair.host, HOST, PORT)
    before = pair.counter(pair.cpe, "MPCapableACKRX")
    seen = exchange(pair, CONVERTER, OUTSIDE_PORT, node=pair.server)
    expect(seen == REMOTE, f"the LAN host sees {seen}")
    expect(pair.counter(pair.cpe, "MPCapableACKRX") == before + 1, "not by MPTCP")
    view = shown(pair.cpe_role)["incoming"][0]
    expect(view["accepted"] == 1 and view["outcomes"] == {"established": 1}, f"{view}")
    stranger = pair.core.socket(socket.AF_INET, socket.SOCK_STREAM)
    stranger.settimeout(5)
    stranger.connect((CPE_ADDRESS, INSIDE_PORT))
    stranger.sendall(CONNECT)
    expect(stranger.recv(100) == bytes.fromhex("010222631e012000"), "the CPE serves others than its converter")
    stranger.close()
    expect(shown(pair.converter_role)["incoming"][0]["outcomes"] == {"converted": 1}, "the converter counts otherwise")


def cpe_killed(pair):
    """Nobody listens: connections are direct at once, though its rules are still there; cleanup removes them."""
    pair.cpe_role.process.kill()
    pair.cpe_role.process.wait()
    began = time.monotonic()
    expect(exchange(pair, size=10) == HOST and time.monotonic() - began < 0.5, "not direct after the CPE was killed")
    pair.cpe.run(pair.cpe_role.executable, "cpe", "cleanup", env=pair.cpe_role.environment)
    expect("anabranch" not in pair.cpe.run("nft", "list", "tables"), "cleanup leaves the table")
    for family in ("-4", "-6"):
        expect("proto 173" not in pair.cpe.run("ip", family, "rule"), "cleanup leaves a rule")
        expect("proto 173" not in pair.cpe.run("ip", family, "route", "show", "table", "all"), "cleanup leaves a route")
    pair.cpe_role.start()


def nothing_left(pair):
    pair.stop()
    expect("anabranch" not in pair.cpe.run("nft", "list", "tables"), "a table is left")
    expect("proto 173" not in pair.cpe.run("ip", "rule"), "a rule is left")


def scenario(executable, folder):
    pair = Pair(executable, folder, converter=CONVERTER_RULES, cpe=CPE)
    for address in (SERVER, SERVER6):
        for port in (PORT, REFUSED_HERE):
            serve(pair.server, address, port)
    steps = ((whole_path, (pair,)), (nothing_is_dropped, (pair,)), (server_speaks_first_and_fast, (pair,)), (said_no, (pair,)), (cookie, (pair,)),
             (drained, (pair, executable, folder)), (bypassed, (pair,)),
             (addresses_kept, (pair,)), (incoming, (pair,)), (without_syn_data, (pair,)), (cpe_killed, (pair,)), (nothing_left, (pair,)))
    for step, arguments in steps:
        began = time.monotonic()
        step(*arguments)
        print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)


main(scenario, ["nft", "ss", "tc"])
