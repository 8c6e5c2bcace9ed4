#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A converter among bad clients: messages that are wrong in every way there is, clients that leave in mid-set-up, slow
ones, storms of resets, servers that refuse, vanish and never answer. Each error is told in-band with its code, and after
2,000 bad connections the converter has as many descriptors and as much memory as before, and works.

Usage: converter_hostile.py ANABRANCH [--soak], as root or as an ordinary user; --soak: 100,000 bad connections. Ends with
"ok", "SKIP: why" or "FAILED: why".
"""
import json
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
import namespaces
import convert
from bad_peers import MEMORY_ROOM, at_rest, crowd, reset
from convert import connect, hear, info, message, tlv
from namespaces import Failed, expect, main
from proxy_pair import CONVERTER, CONVERTER6, CONVERTER_PORT, CONVERTER_TOML, SERVER, SERVER6, Network, Role

SOAK = "--soak" in sys.argv
BAD_CONNECTIONS = 100_000 if SOAK else 2_000
AT_ONCE = 50
STORM = 10 * AT_ONCE
SETUP_SECONDS = 2
PORT = 9000
ECHO = b"what the client sends"
MPTCP = 262
TCP_FASTOPEN_NO_COOKIE = 34
MSG_FASTOPEN = 0x20000000
UNROUTED = "198.19.0.1"
SILENT = "198.18.0.77"
SETTINGS = CONVERTER_TOML + f'\n[limits]\nsetup = "{SETUP_SECONDS}s"\n'


class Bad:
    """A message and what must come of it: an error code, or "reset" or "closed" without a word."""

    def __init__(self, name, octets, outcome, value=None, echo=False):
        self.name, self.octets, self.outcome, self.value, self.echo = name, octets, outcome, value, echo


def bad_messages():
    good = connect(SERVER, PORT)
    whole = message(good)
    yield Bad("version 2", message(good, version=2), convert.UNSUPPORTED_VERSION, b"\x01")
    yield Bad("version 0", message(good, version=0), convert.UNSUPPORTED_VERSION, b"\x01")
    yield Bad("total length 0", message(good, words=0), "reset")
    yield Bad("another magic", message(good, magic=0x1234), "reset")
    yield Bad("total length too small", message(good, words=3), convert.MALFORMED, echo=True)
    yield Bad("the last TLV is longer than the message", message(tlv(convert.CONNECT, bytes(18), words=6)), convert.MALFORMED, echo=True)
    yield Bad("a TLV of length 0", message(tlv(convert.CONNECT, bytes(18), words=0)), convert.MALFORMED, echo=True)
    yield Bad("a Connect that is too short", message(tlv(convert.CONNECT, bytes(10))), convert.MALFORMED, echo=True)
    yield Bad("two Connects", message(good, good), convert.MALFORMED, echo=True)
    yield Bad("two Infos", message(info(), info()), convert.MALFORMED, echo=True)
    yield Bad("type 0", message(tlv(0, bytes(2)), good), convert.UNSUPPORTED_MESSAGE, echo=True)
    yield Bad("an unknown type", message(tlv(99, bytes(2)), good), convert.UNSUPPORTED_MESSAGE, echo=True)
    yield Bad("a TLV of the other direction", message(tlv(convert.SUPPORTED, bytes([0, 0, 30])), good), convert.UNSUPPORTED_MESSAGE, echo=True)
    yield Bad("nothing in it", message(), convert.MALFORMED, echo=True)
    for address in ("224.0.0.1", "255.255.255.255", "127.0.0.1", "0.0.0.0", "ff02::1", "::1"):
        yield Bad(f"a Connect to {address}", message(connect(address, 80)), convert.MALFORMED, echo=True)
    yield Bad("port 0", message(connect(SERVER, 0)), convert.MALFORMED, echo=True)
    for address in ("10.1.2.3", "192.168.1.1", "169.254.1.1", "100.64.0.1", "fe80::1", "fd00::1"):
        yield Bad(f"a Connect to {address}", message(connect(address, 80)), convert.NOT_AUTHORIZED)
    yield Bad("an option nobody can place", message(connect(SERVER, PORT, bytes([29, 2]))), convert.UNSUPPORTED_OPTION, b"\x1d")
    yield Bad("an option of length 1", message(connect(SERVER, PORT, bytes([30, 1, 0, 0]))), convert.MALFORMED, echo=True)
    yield Bad("an option longer than its Connect", message(connect(SERVER, PORT, bytes([30, 9, 0, 0]))), convert.MALFORMED, echo=True)
    yield Bad("a port that refuses", message(connect(SERVER, 9)), convert.CONNECTION_RESET)
    yield Bad("a network without a route", message(connect(UNROUTED, 80)), convert.UNREACHABLE)
    yield Bad("an error", message(tlv(convert.ERROR, bytes([convert.CONNECTION_RESET, 0]))), "reset")
    yield Bad("a message of 1020 octets with nothing right in it", message(tlv(99, bytes(1014))), convert.UNSUPPORTED_MESSAGE)
    yield Bad("HTTP", b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", "closed or told")
    yield Bad("TLS", bytes.fromhex("16030100c8010000c40303") + whole * 3, "closed or told")


def echo_server(network):
    """Sends back what comes. Also listens where nobody takes connections, so that a SYN gets no answer once it is full."""
    def serve(listener):
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=echo, args=(peer,), daemon=True).start()

    def echo(peer):
        with peer:
            try:
                while data := peer.recv(65536):
                    peer.sendall(data)
            except OSError:
                pass

    for family, address in ((socket.AF_INET, SERVER), (socket.AF_INET6, SERVER6)):
        listener = network.server.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, PORT))
        listener.listen(1024)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()


class Hostile:
    def __init__(self, executable, folder):
        self.network = Network()
        self.executable, self.folder = executable, folder
        # Packets to it are swallowed: a server that never answers.
        self.network.core.ip(f"route add blackhole {SILENT}/32", f"route add unreachable {UNROUTED}/32")
        echo_server(self.network)
        self.random = random.Random(1)
        self.role = self.converter("converter", SETTINGS)

    def converter(self, name, settings):
        role = Role(self.executable, self.network.converter, self.folder / name, "converter", settings)
        role.start()
        return role

    def dial(self, octets=b"", node=None, protocol=socket.IPPROTO_TCP, address=CONVERTER, syn_data=False):
        """A connection to the converter on which `octets` were sent; in the SYN if `syn_data`."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = (node or self.network.cpe).socket(family, socket.SOCK_STREAM, protocol)
        connection.settimeout(5)
        if syn_data:
            connection.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
            connection.sendto(octets, MSG_FASTOPEN, (address, CONVERTER_PORT))
            return connection
        connection.connect((address, CONVERTER_PORT))
        if octets:
            connection.sendall(octets)
        return connection

    def ask(self, octets, **how):
        with self.dial(octets, **how) as connection:
            return hear(connection)

    def works(self, why, **how):
        """A good client gets its echo, in the first octets behind the answer's message."""
        how = {"octets": message(connect(SERVER, PORT)) + ECHO} | how
        with self.dial(**how) as connection:
            answer = hear(connection, enough=4 + len(ECHO))
            expect(answer.valid and answer.rest == ECHO, f"{why}: {answer!r}")

    def good_clients(self):
        self.works("over TCP")
        self.works("over TCP with SYN data", syn_data=True)
        self.works("over MPTCP", protocol=MPTCP)
        self.works("over MPTCP with SYN data", protocol=MPTCP, syn_data=True)
        self.works("over IPv6", address=CONVERTER6)
        self.works("to an IPv6 server", octets=message(connect(SERVER6, PORT)) + ECHO)
        answer = self.ask(message(info()))
        kinds = answer.tlvs.get(convert.SUPPORTED, b"")[2:].rstrip(b"\0")
        expect(30 in kinds and not set(kinds) & {0, 1, 2, 3, 5, 29}, f"Supported TCP Extensions: {answer!r}")

    def single_octets(self):
        """A good client that is only slow."""
        with self.dial() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in message(connect(SERVER, PORT)) + ECHO:
                connection.sendall(bytes([octet]))
                time.sleep(0.005)
            answer = hear(connection, enough=4 + len(ECHO))
            expect(answer.valid and answer.rest == ECHO, f"octet by octet: {answer!r}")

    def told(self, bad, **how):
        answer = self.ask(bad.octets, **how)
        expect(answer.end != "silence", f"{bad.name}: the converter says nothing and does not close")
        if bad.outcome == "closed or told":
            expect(answer.valid or not answer.octets, f"{bad.name}: {answer!r}")
            return
        if bad.outcome == "reset":
            expect(answer.octets == b"" and answer.end == "reset", f"{bad.name}: {answer!r} in place of a reset")
            return
        expect(answer.valid and answer.error == bad.outcome, f"{bad.name}: {answer!r} in place of error {bad.outcome}")
        expect(bad.value is None or answer.value.startswith(bad.value), f"{bad.name}: {answer!r}")
        expect(not bad.echo or bad.octets[:4] in answer.octets[4:], f"{bad.name}: no echo of it in {answer!r}")

    def every_error(self):
        wrong = []
        for how in ({}, {"protocol": MPTCP, "syn_data": True}):
            for bad in bad_messages():
                try:
                    self.told(bad, **how)
                except (Failed, OSError) as failure:
                    wrong.append(f"{failure} {how}")
        expect(not wrong, "\n".join(wrong))

    def strangers(self):
        """Who is not among the clients gets nothing of it."""
        answer = self.ask(message(connect(SERVER, PORT)), node=self.network.host)
        expect(answer.error in (None, convert.NOT_AUTHORIZED) and answer.end != "silence" and not answer.rest,
               f"a stranger gets {answer!r}")

    def silence(self):
        """Neither a client that says half of it nor a server that never answers is waited for longer than allowed."""
        began = time.monotonic()
        half = self.dial(message(connect(SERVER, PORT))[:10])
        lost = self.dial(message(connect(SILENT, 80)))
        answer = hear(lost, SETUP_SECONDS + 3)
        expect(answer.error == convert.NETWORK_FAILURE, f"a server that never answers: {answer!r}")
        expect(hear(half, SETUP_SECONDS + 3).end in ("closed", "reset"), "a client that says half of it is waited for")
        took = time.monotonic() - began
        expect(SETUP_SECONDS - 0.5 < took < SETUP_SECONDS + 2, f"set-up ended after {took:.1f} s")
        half.close()
        lost.close()

    def early_ends(self):
        """A close and a reset behind every octet of a set-up."""
        whole = message(connect(SERVER, PORT)) + b"x"
        for size in range(len(whole) + 1):
            for abort in (False, True):
                connection = self.dial(whole[:size])
                if abort:
                    reset(connection)
                else:
                    connection.shutdown(socket.SHUT_WR)
                    answer = hear(connection)
                    expect(answer.end != "silence", f"end of stream after {size} octets: {answer!r}")
                    if size == len(whole):
                        expect(answer.valid and answer.rest == b"x", f"half-close in the set-up: {answer!r}")
                    connection.close()

    def bad_clients(self, count):
        """Many at once, without a look at what they are told."""
        messages = [bad.octets for bad in bad_messages()] + [message(connect(SERVER, PORT)) + ECHO]

        def once(chosen: random.Random):
            octets = chosen.choice(messages) if chosen.random() < 0.9 else chosen.randbytes(chosen.randrange(1, 2000))
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM, chosen.choice((socket.IPPROTO_TCP, MPTCP))) as connection:
                connection.settimeout(5)
                if chosen.random() < 0.3:
                    connection.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
                    connection.sendto(octets, MSG_FASTOPEN, (CONVERTER, CONVERTER_PORT))
                else:
                    connection.connect((CONVERTER, CONVERTER_PORT))
                    connection.sendall(octets[:chosen.randrange(len(octets) + 1)] if chosen.random() < 0.5 else octets)
                leave = chosen.randrange(4)
                if leave == 0:
                    reset(connection)
                elif leave == 1:
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(65536)
                elif leave == 2:
                    connection.settimeout(0.05)
                    connection.recv(65536)

        crowd(self.network.cpe, count, AT_ONCE, once)

    def reset_storm(self):
        """Of clients whose connections are relayed: each resets, with octets under way both ways."""
        octets = message(connect(SERVER, PORT)) + bytes(200_000)

        def once(_):
            with self.dial_here() as connection:
                connection.sendall(octets)
                connection.recv(1000)
                reset(connection)

        before = self.shown()["outcomes"].get("established", 0)
        crowd(self.network.cpe, STORM, AT_ONCE, once)
        after = self.shown()["outcomes"].get("established", 0)
        expect(after - before == STORM, f"{after - before} of {STORM} connections were established to be reset")

    @staticmethod
    def dial_here():
        """By MPTCP, in the namespace of the calling thread."""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
        connection.settimeout(10)
        connection.connect((CONVERTER, CONVERTER_PORT))
        return connection

    def shown(self):
        return json.loads(self.role.show())

    def figures(self):
        """Descriptors and heap of the converter at rest, every connection of which is counted once."""
        out = at_rest(self.role, SETUP_SECONDS + 10)
        view = self.shown()
        expect(view["connections"] == 0 and view["connections_in_setup"] == 0, f"connections are left: {view}")
        expect(sum(view["outcomes"].values()) == view["accepted"], f"not every connection is counted: {view}")
        return out

    def cookies(self):
        """A converter that asks for them."""
        self.role.stop()
        settings = SETTINGS.replace("[clients]\n", '[clients]\ncookie = "required"\n')
        self.role = self.converter("careful", settings)
        ask = connect(SERVER, PORT)
        answer = self.ask(message(ask))
        expect(answer.error == convert.MISSING_COOKIE and len(answer.value) > 8, f"without a cookie: {answer!r}")
        cookie = answer.value[1:]
        self.works("with its cookie", octets=message(convert.cookie(cookie), ask) + ECHO)
        wrong = bytes([cookie[0] ^ 1]) + cookie[1:]
        answer = self.ask(message(convert.cookie(wrong), ask))
        expect(answer.error == convert.NOT_AUTHORIZED, f"a wrong cookie: {answer!r}")
        answer = self.ask(message(convert.cookie(cookie), ask), node=self.network.core)
        expect(answer.error is not None and not answer.rest, f"somebody else's cookie: {answer!r}")


def scenario(executable, folder):
    if SOAK:
        namespaces.LIFETIME = 6 * 3600
    hostile = Hostile(executable, folder)
    failures = []
    for step in (hostile.good_clients, hostile.single_octets, hostile.every_error, hostile.strangers, hostile.silence,
                 hostile.early_ends, hostile.reset_storm):
        began = time.monotonic()
        try:
            step()
            print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)
        except (Failed, OSError) as failure:
            failures.append(f"{step.__name__}: {type(failure).__name__} {failure}")
    expect(not failures, "\n".join(failures))
    # The first bad ones may make the converter keep buffers: what counts is that more do not make more.
    hostile.bad_clients(BAD_CONNECTIONS // 4)
    descriptors, memory = hostile.figures()
    began = time.monotonic()
    hostile.bad_clients(BAD_CONNECTIONS)
    took = time.monotonic() - began
    now, grown = hostile.figures()
    print(f"{BAD_CONNECTIONS} bad connections in {took:.1f} s: descriptors {descriptors} and {now}, "
          f"heap {memory >> 10} and {grown >> 10} KiB", flush=True)
    expect(now == descriptors, f"{now} descriptors after bad clients, {descriptors} before")
    expect(grown <= memory + MEMORY_ROOM, f"{grown >> 10} KiB after bad clients, {memory >> 10} before")
    hostile.works("after bad clients")
    hostile.works("after bad clients, MPTCP with SYN data", protocol=MPTCP, syn_data=True)
    hostile.cookies()
    hostile.role.stop()


main(scenario, ["ss"])
