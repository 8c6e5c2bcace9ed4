#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The proxy pair: TCP of a LAN host, MPTCP with the destination in the SYN between `anabranch cpe` and `anabranch
converter`, TCP to the server. Octets are exact both ways, over IPv4 and IPv6; without data in SYNs; with a cookie;
past a converter that says no; with a second converter when the first drains; and with a CPE that was killed.

Usage: proxy.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import expect, main, wait_until
from proxy_pair import CONVERTER, CONVERTER6, CONVERTER_PORT, CONVERTER_TOML, CPE_TOML, HOST, SERVER, SERVER6, Pair, Role

PORT, REFUSED_HERE = 9000, 9001
SECOND_PORT = 5125
SIZE = 8_000_000
CPE = CPE_TOML.replace("[cpe]\n", '[cpe]\nretry = "1s"\n')
CONVERTER_RULES = CONVERTER_TOML + f"""
[[rule]]
name = "not from here"
action = "reject"
ports = ["{REFUSED_HERE}"]
"""


def pattern(size):
    return hashlib.shake_128(b"anabranch").digest(size)


def serve(node, address, port):
    """Tells first whom it sees; then takes octets until their end, and answers with their hash and as many of its own."""
    def talk(peer, seen):
        with peer:
            try:
                peer.sendall(f"{seen.removeprefix('::ffff:')}\n".encode())
                got = hashlib.sha256()
                size = 0
                while data := peer.recv(1 << 18):
                    got.update(data)
                    size += len(data)
                peer.sendall(got.digest() + pattern(size))
            except OSError:
                pass

    def accept():
        while True:
            peer, seen = listener.accept()
            threading.Thread(target=talk, args=(peer, seen[0]), daemon=True).start()

    listener = node.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(100)
    threading.Thread(target=accept, daemon=True).start()


def dial(pair, address=SERVER, port=PORT, patience=10.0):
    connection = pair.host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(patience)
    connection.connect((address, port))
    return connection


def greeting(connection):
    out = b""
    while not out.endswith(b"\n"):
        octet = connection.recv(1)
        expect(octet, f"the connection ends in the greeting: {out}")
        out += octet
    return out.decode().strip()


def exchange(pair, address=SERVER, port=PORT, size=SIZE):
    """Whom the server saw, when every octet was right both ways."""
    data = pattern(size)
    with dial(pair, address, port) as connection:
        seen = greeting(connection)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = bytearray()
        while part := connection.recv(1 << 18):
            answer += part
    expect(len(answer) == 32 + size, f"{address}: {len(answer)} octets came back of {32 + size}")
    expect(answer[:32] == hashlib.sha256(data).digest(), f"{address}: the server got other octets than were sent")
    expect(answer[32:] == data, f"{address}: other octets than the server sent")
    return seen


def shown(role):
    return json.loads(role.show())


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
    pair.cpe_role.config.write_text(CPE + f'\n[[converter]]\nname = "second"\naddress = "{CONVERTER}"\nport = {SECOND_PORT}\n'
                                    "weight = 0\n")
    pair.cpe_role.process.send_signal(signal.SIGHUP)
    wait_until("the second converter is known", lambda: len(shown(pair.cpe_role)["converters"]) == 2)
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
    pair.cpe_role.config.write_text(CPE)
    pair.cpe_role.process.send_signal(signal.SIGHUP)
    first.config.write_text(CONVERTER_RULES)
    first.start()
    wait_until("the first one is used again", lambda: exchange(pair, size=10) == CONVERTER)


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
    steps = ((whole_path, (pair,)), (server_speaks_first_and_fast, (pair,)), (said_no, (pair,)), (cookie, (pair,)),
             (drained, (pair, executable, folder)), (without_syn_data, (pair,)), (cpe_killed, (pair,)), (nothing_left, (pair,)))
    for step, arguments in steps:
        began = time.monotonic()
        step(*arguments)
        print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)


main(scenario, ["nft", "ss"])
