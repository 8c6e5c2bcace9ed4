#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What bounds the proxy pair: memory and connections at both ends, told in-band by the converter, gone around by the CPE, and
over when there is room again. Besides, what set-ups meet on the way: ICMP errors told with their code, TCP options that
clients want in the SYN to the server, SYNs over two uplinks of which one is dead.

Usage: proxy_limits.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import json
import os
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
import convert
from convert import connect, hear, info, message
from namespaces import Failed, expect, main, wait_until
from proxy_pair import (CONVERTER, CONVERTER_PORT, CONVERTER_TOML, CPE_TOML, HOST, SERVER, SERVER6, Pair)

ECHO, FLOOD, FAST_OPEN = 9000, 9001, 9002
MPTCP = 262
TCP_FASTOPEN = 23
KIND_MPTCP, KIND_FAST_OPEN = 30, 34
MEMORY = 1_000_000
A_CONNECTION = 16384
CPE_LIMITS = CPE_TOML.replace("[cpe]\n", '[cpe]\nunreachable_after = "5s"\n')
# What a router on the way says of packets to this port, and the code.
UNREACHABLE = {9010: ("net-unreachable", 0), 9011: ("host-unreachable", 1), 9012: ("prot-unreachable", 2),
               9013: ("port-unreachable", 3), 9014: ("admin-prohibited", 13)}
UNREACHABLE6 = {9010: ("no-route", 0), 9011: ("addr-unreachable", 3), 9013: ("port-unreachable", 4), 9014: ("admin-prohibited", 1)}
RESET, SILENT = 9020, 9021


def serve(node, address, port, talk, fast_open=False):
    """`talk` has each connection to itself."""
    def one(peer, seen):
        with peer:
            try:
                talk(peer, seen[0])
            except OSError:
                pass

    def accept():
        while True:
            peer, seen = listener.accept()
            threading.Thread(target=one, args=(peer, seen), daemon=True).start()

    listener = node.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if fast_open:
        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
    listener.bind((address, port))
    listener.listen(100)
    threading.Thread(target=accept, daemon=True).start()


def echo(peer, seen):
    peer.sendall(f"{seen}\n".encode())
    while data := peer.recv(65536):
        peer.sendall(data)


def flood(peer, _):
    while True:
        peer.sendall(bytes(65536))


class Limits(Pair):
    def dial(self, port=ECHO, address=SERVER):
        """A connection of the LAN host, and who the server sees."""
        connection = self.host.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.settimeout(10)
        connection.connect((address, port))
        if port != ECHO:
            return connection, None
        seen = b""
        while not seen.endswith(b"\n"):
            data = connection.recv(100)
            expect(data, "the server says nothing, the connection has ended")
            seen += data
        return connection, seen.decode().strip()

    def ask(self, octets, enough=None):
        """What the converter says to one that asks it for itself."""
        with self.cpe.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP) as connection:
            connection.settimeout(10)
            connection.connect((CONVERTER, CONVERTER_PORT))
            connection.sendall(octets)
            return hear(connection, 10, enough)

    def shown(self, role):
        return json.loads(role.show())

    def reload(self, role, text):
        def reloads():
            return role.log.read_text().count("read again")

        before = reloads()
        role.config.write_text(text)
        role.process.send_signal(signal.SIGHUP)
        wait_until("the settings are read", lambda: reloads() > before)

    def at_rest(self, role):
        wait_until("no connection is left", lambda: not (self.shown(role)["connections"] or self.shown(role)["connections_in_setup"]))

    def converted(self):
        connection, seen = self.dial()
        connection.close()
        return seen == CONVERTER

    def until_converted(self):
        """A host that has met a limit is left alone for 10 s."""
        wait_until("the host's connections are converted again", self.converted, 30, every=0.5)


def converter_memory(pair):
    """A client that does not read fills it: the next is told error 64, and served when the first is gone."""
    pair.reload(pair.converter_role, CONVERTER_TOML + f"\n[limits]\nmemory = {MEMORY}\n")
    slow, _ = pair.dial(FLOOD)
    wait_until("the converter's memory is full", lambda: pair.shown(pair.converter_role)["memory"] > MEMORY, 20)
    answer = pair.ask(message(connect(SERVER, ECHO)))
    expect(answer.error == convert.RESOURCE_EXCEEDED, f"with its memory full the converter says {answer!r}")
    shown = pair.shown(pair.converter_role)
    expect(shown["outcomes"].get("memory", 0) >= 1, f"not counted: {shown['outcomes']}")
    expect("limit of memory" in pair.converter_role.log.read_text(), "not in the log")
    connection, seen = pair.dial()
    expect(seen == HOST, f"while the converter is full the CPE does not go around it: {seen}")
    connection.close()
    slow.close()
    wait_until("the converter has memory again", lambda: pair.shown(pair.converter_role)["memory"] < MEMORY, 20)
    answer = pair.ask(message(connect(SERVER, ECHO)), enough=5)
    expect(answer.valid and answer.error is None, f"with its memory free the converter says {answer!r}")
    pair.reload(pair.converter_role, CONVERTER_TOML)
    pair.until_converted()


def connections_of_a_host(pair):
    """Beyond the limit they go direct; then the host is left alone, until some time later."""
    pair.reload(pair.cpe_role, CPE_LIMITS + "\n[limits]\nper_client = 2\n")
    pair.at_rest(pair.cpe_role)
    before = pair.shown(pair.cpe_role)
    open_ones = [pair.dial() for _ in range(3)]
    expect([seen for _, seen in open_ones] == [CONVERTER, CONVERTER, HOST], f"with a limit of 2: {open_ones}")
    expect(pair.shown(pair.cpe_role)["direct"].get("limit-per-client") == 1, "what went direct is not counted")

    def left_alone():
        open_ones.append(pair.dial())
        return pair.shown(pair.cpe_role)["beyond_limit_syns"] > before["beyond_limit_syns"]

    # The interception learns of it by what the CPE sends to the host.
    wait_until("the host is left alone", left_alone)
    expect(open_ones[-1][1] == HOST, "a connection that is left alone does not reach the server as the host's")
    for connection, _ in open_ones:
        connection.sendall(b"x")
        expect(connection.recv(1) == b"x", "a connection from before does not go on")
        connection.close()
    pair.until_converted()


def connections_beyond_are_reset(pair):
    """Where the file says so."""
    pair.reload(pair.cpe_role, CPE_LIMITS + '\n[limits]\ntotal = 1\nbeyond = "reset"\n')
    pair.at_rest(pair.cpe_role)
    first, _ = pair.dial()
    try:
        _, seen = pair.dial()
        raise Failed(f"a connection beyond the limit is served, seen as {seen}")
    except ConnectionResetError:
        pass
    expect(pair.shown(pair.cpe_role)["outcomes"].get("limit-total") == 1, "what was reset is not counted")
    first.close()


def memory_of_the_cpe(pair):
    """Connections at rest fill it, too."""
    pair.reload(pair.cpe_role, CPE_LIMITS + f"\n[limits]\nmemory = {3 * A_CONNECTION + A_CONNECTION // 2}\n")
    pair.at_rest(pair.cpe_role)
    open_ones = [pair.dial() for _ in range(4)]
    expect([seen for _, seen in open_ones] == 3 * [CONVERTER] + [HOST], f"with memory for three: {open_ones}")
    expect(pair.shown(pair.cpe_role)["direct"].get("limit-memory") == 1, "what went direct is not counted")
    expect("limit of memory" in pair.cpe_role.log.read_text(), "not in the log")
    for connection, _ in open_ones:
        connection.close()
    pair.reload(pair.cpe_role, CPE_LIMITS)
    pair.until_converted()


def icmp_errors(pair):
    """A router between converter and server says why; a server that resets, and one that says nothing."""
    wrong = []

    def check(what, address, port, error, code, options=b""):
        answer = pair.ask(message(connect(address, port, options)))
        told = (answer.error, answer.value[0] if answer.valid and code is not None else None)
        if told != (error, code):
            wrong.append(f"{what}: {answer!r} in place of error {error} {code}")

    for port, (name, code) in UNREACHABLE.items():
        check(f"ICMP {name}", SERVER, port, convert.UNREACHABLE, code)
    for port, (name, code) in UNREACHABLE6.items():
        check(f"ICMPv6 {name}", SERVER6, port, convert.UNREACHABLE, code)
    # Of MPTCP the kernel tells no code: the first of those that make the same error, and none of a refused port.
    offered = bytes([KIND_MPTCP, 2])
    check("ICMP host-unreachable to MPTCP", SERVER, 9011, convert.UNREACHABLE, 1, offered)
    check("ICMPv6 addr-unreachable to MPTCP", SERVER6, 9011, convert.UNREACHABLE, 3, offered)
    check("ICMPv6 admin-prohibited to MPTCP", SERVER6, 9014, convert.UNREACHABLE, 1, offered)
    check("RST", SERVER, RESET, convert.CONNECTION_RESET, None)
    check("RST to MPTCP", SERVER, RESET, convert.CONNECTION_RESET, None, offered)
    pair.reload(pair.converter_role, CONVERTER_TOML + '\n[limits]\nsetup = "500ms"\n')
    check("silence", SERVER, SILENT, convert.NETWORK_FAILURE, None)
    check("silence to MPTCP", SERVER, SILENT, convert.NETWORK_FAILURE, None, offered)
    pair.reload(pair.converter_role, CONVERTER_TOML)
    expect(not wrong, "\n".join(wrong))


def options(pair):
    """What is offered is placed in the SYN: Fast Open, with the cookie the server has given."""
    kinds = set(pair.ask(message(info())).tlvs[convert.SUPPORTED][2:].rstrip(b"\0"))
    expect(kinds == {4, 8, KIND_MPTCP, KIND_FAST_OPEN}, f"Supported TCP Extensions: {kinds}")

    def told(option, data=b""):
        """The options that the server's SYN+ACK had, by kind."""
        answer = pair.ask(message(connect(SERVER, FAST_OPEN, option)) + data, enough=8)
        expect(answer.valid and answer.error is None, f"Fast Open: {answer!r}")
        out, rest = {}, answer.tlvs[convert.EXTENDED_HEADER][2:]
        while rest and rest[0] != 0:
            out[rest[0]] = rest[2:rest[1]]
            rest = rest[rest[1]:]
        return out

    cookie = told(bytes([KIND_FAST_OPEN, 2])).get(KIND_FAST_OPEN)
    expect(cookie, "the server's cookie is not told")
    before = pair.counter(pair.server, "TCPFastOpenPassive")
    again = told(bytes([KIND_FAST_OPEN, 2 + len(cookie)]) + cookie, b"hello")
    expect(4 in again, f"SACK permitted is not told: {again}")
    expect(pair.counter(pair.server, "TCPFastOpenPassive") == before + 1, "the SYN to the server had no data in it")
    expect(wait_until("the data of the SYN", lambda: pair.heard), "no data")
    expect(pair.heard == [b"hello"], f"the server has got {pair.heard} in place of one hello")
    other = bytes([KIND_FAST_OPEN, 2 + len(cookie)]) + bytes([cookie[0] ^ 1]) + cookie[1:]
    answer = pair.ask(message(connect(SERVER, FAST_OPEN, other)))
    expect(answer.error == convert.UNSUPPORTED_OPTION and answer.value[0] == KIND_FAST_OPEN, f"another cookie: {answer!r}")


def two_syns(pair):
    """The set-up waits for neither of two uplinks; the converter sees one connection, the CPE counts who was first."""
    pair.reload(pair.cpe_role, CPE_LIMITS.replace("[cpe]\n", '[cpe]\nduplicate_syn = ["up1", "up2"]\n'))
    established = pair.shown(pair.converter_role)["outcomes"]["established"]
    number = 1

    def set_up():
        began = time.monotonic()
        connection, seen = pair.dial()
        connection.close()
        expect(seen == CONVERTER, f"the server sees {seen}")
        return time.monotonic() - began

    def first_over(uplink):
        return pair.shown(pair.cpe_role)["first_answers"].get(uplink, 0)

    set_up()
    expect(first_over("up1") + first_over("up2") == 1, "with both uplinks there nothing is counted")
    for dead, alive in ((1, "up2"), (2, "up1")):
        before = first_over(alive)
        pair.core.run("nft", f"add rule inet way dead iifname c{dead} drop")
        # A SYN that is sent again takes a second, and a converter that is silent goes direct after five.
        took = [set_up() for _ in range(3)]
        number += len(took)
        expect(min(took) < 0.9, f"with uplink {dead} dead the set-up takes {took} s")
        expect(first_over(alive) == before + len(took), f"uplink {dead} is dead, and {alive} was not first")
        pair.core.run("nft", "flush chain inet way dead")
    outcomes = pair.shown(pair.converter_role)["outcomes"]
    expect(outcomes["established"] == established + number,
           f"{number} connections were {outcomes['established'] - established} for the converter")


def scenario(executable, folder):
    pair = Limits(executable, folder, cpe=CPE_LIMITS)
    pair.sysctl(pair.server, "net/ipv4/tcp_fastopen", 3)
    for router in (pair.core, pair.server):
        pair.sysctl(router, "net/ipv4/icmp_ratelimit", 0)
        pair.sysctl(router, "net/ipv6/icmp/ratelimit", 0)
    rules = [f"    ip daddr {SERVER} tcp dport {port} reject with icmp type {name}" for port, (name, _) in UNREACHABLE.items()]
    rules += [f"    ip6 daddr {SERVER6} tcp dport {port} reject with icmpv6 type {name}" for port, (name, _) in UNREACHABLE6.items()]
    rules += [f"    tcp dport {SILENT} drop"]
    pair.core.run("nft", "-f", "-", input="table inet way {\n  chain dead {\n    type filter hook prerouting priority 0;\n  }\n"
                  "  chain forward {\n    type filter hook forward priority 0;\n" + "\n".join(rules) + "\n  }\n}\n")
    pair.heard = []

    def listen(peer, _):
        if data := peer.recv(100):
            pair.heard.append(data)

    serve(pair.server, SERVER, ECHO, echo)
    serve(pair.server, SERVER, FLOOD, flood)
    serve(pair.server, SERVER, FAST_OPEN, listen, fast_open=True)
    failures = []
    for step in (converter_memory, connections_of_a_host, connections_beyond_are_reset, memory_of_the_cpe, icmp_errors, options,
                 two_syns):
        began = time.monotonic()
        try:
            step(pair)
            print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)
        except (Failed, OSError, KeyError) as failure:
            failures.append(f"{step.__name__}: {type(failure).__name__} {failure}")
    expect(not failures, "\n".join(failures))
    pair.stop()


main(scenario, ["nft"])
