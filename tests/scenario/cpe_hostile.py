#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A CPE whose converter is not what it should be: it closes or resets at every octet of its answer, says nothing, nonsense,
every error and none, and speaks octet by octet. The LAN host is served all the same where nothing of it can have been
delivered, else it gets a reset, and never another's octets. After 500 such connections, of hosts that come and go as they
like, the CPE has as many descriptors and as much memory as before, and works.

Usage: cpe_hostile.py ANABRANCH [--soak], as root or as an ordinary user; --soak: 20,000 connections. Ends with "ok",
"SKIP: why" or "FAILED: why".
"""
import json
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
import convert
import namespaces
from bad_peers import MEMORY_ROOM, at_rest, crowd, reset
from convert import connect, message, tlv
from namespaces import Failed, expect, main, wait_until
from proxy_pair import CONVERTER, CONVERTER_PORT, CPE_TOML, HOST, SERVER, Network, Role

SOAK = "--soak" in sys.argv
CONNECTIONS = 20_000 if SOAK else 500
AT_ONCE = 25
MPTCP = 262
SETUP_SECONDS = 2
FIRST_PORT, SERVED_PORT = 10000, 9000
GREETING = b"from the converter\n"
SETTINGS = CPE_TOML.replace("[cpe]\n", f'[cpe]\nsetup = "{SETUP_SECONDS}s"\nretry = "1s"\nrefused_direct = "1s"\nsyn_data = false\n')
GOOD = message()
DIRECT, RESET, CONVERTED = "direct", "reset", "converted"


class Way:
    """What the converter answers to a Connect and how it leaves, and what the host must see."""

    def __init__(self, name, answer, leave, seen):
        self.name, self.answer, self.leave, self.seen = name, answer, leave, seen


def error(code, value=b"\0"):
    return message(tlv(convert.ERROR, bytes([code]) + value))


def ways():
    yield Way("a good answer", GOOD, "serve", CONVERTED)
    yield Way("a good answer, octet by octet", GOOD, "serve slowly", CONVERTED)
    yield Way("a good answer with options of the server", message(tlv(convert.EXTENDED_HEADER, bytes([0, 0, 4, 2, 0, 0]))), "serve", CONVERTED)
    whole = error(convert.NOT_AUTHORIZED)
    for size in range(len(whole)):
        for leave in ("close", "reset"):
            yield Way(f"{size} octets of an answer, then {leave}", whole[:size], leave, DIRECT)
    yield Way("silence", b"", "wait", RESET)
    yield Way("half an answer, then silence", whole[:5], "wait", RESET)
    for code in (convert.MALFORMED, convert.UNSUPPORTED_MESSAGE, convert.NOT_AUTHORIZED, convert.UNSUPPORTED_OPTION, 40):
        yield Way(f"error {code}", error(code), "close", DIRECT)
    for code in (convert.UNSUPPORTED_VERSION, 20):
        yield Way(f"error {code}, after which it is no converter", error(code, b"\2"), "close", DIRECT)
    for code in (convert.NETWORK_FAILURE, convert.CONNECTION_RESET, convert.UNREACHABLE):
        yield Way(f"error {code}", error(code), "close", RESET)
    yield Way("a cookie is missing, whatever it gets", error(convert.MISSING_COOKIE, bytes(9)), "close", DIRECT)
    yield Way("a cookie of 1,000 octets", error(convert.MISSING_COOKIE, bytes(1001)), "close", DIRECT)
    yield Way("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n", "close", DIRECT)
    yield Way("another magic", message(magic=0x1234), "wait", DIRECT)
    yield Way("version 2", message(version=2), "wait", DIRECT)
    yield Way("total length 0", message(words=0), "wait", DIRECT)
    yield Way("a TLV longer than its message", message(tlv(convert.ERROR, bytes(2), words=9)), "wait", DIRECT)
    yield Way("a TLV of length 0", message(tlv(convert.ERROR, bytes(2), words=0)), "wait", DIRECT)
    yield Way("type 0", message(tlv(0, bytes(2))), "wait", DIRECT)
    yield Way("an unknown type", message(tlv(99, bytes(2))), "wait", DIRECT)
    yield Way("two errors", message(tlv(convert.ERROR, bytes([96, 0])), tlv(convert.ERROR, bytes([96, 0]))), "wait", DIRECT)
    yield Way("a Connect", message(connect(SERVER, 80)), "wait", DIRECT)
    yield Way("1,020 octets of an unknown type", message(tlv(99, bytes(1014))), "wait", DIRECT)
    # Of this one the CPE keeps away for a second.
    yield Way("error 64", error(convert.RESOURCE_EXCEEDED, b"\1"), "close", DIRECT)


WAYS = list(ways())


class Converter:
    """What it does with a Connect depends on the port in it. An Info it answers as a converter does."""

    def __init__(self, node):
        self.listener = node.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((CONVERTER, CONVERTER_PORT))
        self.listener.listen(1024)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            try:
                client.settimeout(SETUP_SECONDS + 3)
                asked = b""
                while len(asked) < 4 or len(asked) < 4 * asked[1]:
                    octets = client.recv(4096)
                    if not octets:
                        return
                    asked += octets
                if asked[4] == convert.INFO:
                    client.sendall(message(tlv(convert.SUPPORTED, bytes([0, 0, 30]))))
                    client.recv(4096)
                    return
                # Behind a cookie or not, the Connect is the last one.
                begin = 4 * asked[1] - 20
                self.answer(client, WAYS[int.from_bytes(asked[begin + 2:begin + 4]) - FIRST_PORT], asked[4 * asked[1]:])
            except OSError:
                pass

    def answer(self, client, way, early):
        if way.leave == "serve slowly":
            for octet in way.answer:
                client.sendall(bytes([octet]))
                time.sleep(0.01)
        else:
            client.sendall(way.answer)
        if way.leave == "reset":
            return reset(client)
        if way.leave == "wait":
            client.settimeout(SETUP_SECONDS + 3)
            while client.recv(4096):
                pass
        if way.leave.startswith("serve"):
            client.sendall(GREETING + early)
            while octets := client.recv(65536):
                client.sendall(octets)
        return None


def serve_directly(node):
    """Whatever port is asked for: tells whom it sees, then sends back what comes."""
    last = FIRST_PORT + len(WAYS) - 1
    node.run("nft", "-f", "-", input="table ip ports { chain in { type nat hook prerouting priority -100;"
             f" tcp dport {FIRST_PORT}-{last} redirect to :{SERVED_PORT}; }}; }}")
    listener = node.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("0.0.0.0", SERVED_PORT))
    listener.listen(1024)

    def talk(peer, seen):
        with peer:
            try:
                peer.settimeout(30)
                peer.sendall(f"{seen}\n".encode())
                while octets := peer.recv(65536):
                    peer.sendall(octets)
            except OSError:
                pass

    def accept():
        while True:
            peer, seen = listener.accept()
            threading.Thread(target=talk, args=(peer, seen[0]), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


class Hostile:
    def __init__(self, executable, folder):
        self.network = Network()
        serve_directly(self.network.server)
        self.converter = Converter(self.network.converter)
        self.role = Role(executable, self.network.cpe, folder / "cpe", "cpe", SETTINGS)
        self.role.start()

    def dial(self, number):
        connection = self.network.host.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.settimeout(SETUP_SECONDS + 5)
        connection.connect((SERVER, FIRST_PORT + number))
        return connection

    def seen(self, number, early=b""):
        """What the host of a connection sees."""
        try:
            # A reset may come before the kernel has told that the connection is there.
            with self.dial(number) as connection:
                if early:
                    connection.sendall(early)
                lines = connection.makefile("rb")
                first = lines.readline()
                expect(not early or not first or lines.read(len(early)) == early, "other octets came back than were sent")
        except ConnectionResetError:
            return RESET
        except socket.timeout:
            return "silence"
        return {GREETING: CONVERTED, f"{HOST}\n".encode(): DIRECT}.get(first, repr(first))

    def converts(self):
        return self.seen(0) == CONVERTED

    def every_way(self):
        wrong = []
        for number, way in enumerate(WAYS):
            wait_until(f"the converter is used again before {way.name}", self.converts, 15)
            seen = self.seen(number)
            if seen != way.seen:
                wrong.append(f"{way.name}: {seen} in place of {way.seen}")
        expect(not wrong, "\n".join(wrong))

    def early_data(self):
        """A host that speaks first: what it has sent is not sent twice, so without an answer there is a reset."""
        wrong = []
        for number, way in enumerate(WAYS):
            if "silence" in way.name or way.leave == "wait" or way.leave == "reset":
                continue
            wait_until(f"the converter is used again before {way.name}", self.converts, 15)
            before = self.shown()["direct"]
            seen = self.seen(number, b"who speaks first\n")
            cut_short = "octets of an answer" in way.name
            if seen != way.seen and not (cut_short and seen == RESET):
                why = [name for name, count in self.shown()["direct"].items() if count > before.get(name, 0)]
                wrong.append(f"{way.name}, early data: {seen} in place of {way.seen} {why}")
        expect(not wrong, "\n".join(wrong))

    def come_and_go(self, count):
        """Hosts that stay, leave in order or by reset, before they are answered and after it."""
        def once(chosen: random.Random):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
                connection.settimeout(SETUP_SECONDS + 5)
                connection.connect((SERVER, FIRST_PORT + chosen.choice((0, chosen.randrange(len(WAYS))))))
                if chosen.random() < 0.5:
                    connection.sendall(b"x" * chosen.randrange(1, 100_000))
                if chosen.random() < 0.5:
                    connection.settimeout(0.2)
                    connection.recv(65536)
                if chosen.random() < 0.5:
                    reset(connection)

        crowd(self.network.host, count, AT_ONCE, once)

    def shown(self):
        return json.loads(self.role.show())


def scenario(executable, folder):
    if SOAK:
        namespaces.LIFETIME = 3600
    hostile = Hostile(executable, folder)
    failures = []
    for step in (hostile.every_way, hostile.early_data):
        began = time.monotonic()
        try:
            step()
            print(f"{step.__name__}: {len(WAYS)} ways, {time.monotonic() - began:.1f} s", flush=True)
        except (Failed, OSError) as failure:
            failures.append(f"{step.__name__}: {type(failure).__name__} {failure}")
    expect(not failures, "\n".join(failures))
    # The first ones may make the CPE keep buffers: what counts is that more do not make more.
    hostile.come_and_go(CONNECTIONS // 2)
    descriptors, memory = at_rest(hostile.role, 30)
    began = time.monotonic()
    hostile.come_and_go(CONNECTIONS)
    took = time.monotonic() - began
    now, grown = at_rest(hostile.role, 30)
    print(f"{CONNECTIONS} connections in {took:.1f} s: descriptors {descriptors} and {now}, "
          f"heap {memory >> 10} and {grown >> 10} KiB", flush=True)
    expect(now == descriptors, f"{now} descriptors afterwards, {descriptors} before")
    expect(grown <= memory + MEMORY_ROOM, f"{grown >> 10} KiB afterwards, {memory >> 10} before")
    view = hostile.shown()
    expect(view["connections"] == 0 and view["connections_in_setup"] == 0, f"connections are left: {view}")
    expect(sum(view["outcomes"].values()) == view["accepted"], f"not every connection is counted: {view}")
    wait_until("the converter is used again", hostile.converts, 15)
    hostile.role.stop()


main(scenario, ["ss", "nft"])
