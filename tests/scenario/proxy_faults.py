#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the proxy pair leaves alone, and what becomes of connections when a part of it, or the server, is not there:
direct within a second, remembered, tried again; ends and resets handed on; settings read again under way.

Usage: proxy_faults.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import os
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import Failed, expect, main, wait_until
from proxy_exchange import let_in
from proxy_pair import CONVERTER, CPE_TOML, HOST, SERVER, SERVER6, Pair

PORT, DIRECT_PORT, REJECTED_PORT, OTHER_PORT = 9000, 9100, 9101, 9102
NOBODY_LISTENS = 9
MPTCP = 262
RETRY = 2.0
SETTINGS = CPE_TOML.replace("[cpe]\n", f'[cpe]\nretry = "{RETRY:g}s"\nunreachable_after = "1s"\n') + f"""
[[rule]]
name = "past the pair"
action = "direct"
ports = ["{DIRECT_PORT}"]

[[rule]]
name = "not at all"
action = "reject"
ports = ["{REJECTED_PORT}"]
"""


def serve(node, address, port, protocol=socket.IPPROTO_TCP):
    """Says to each caller what address it sees, then sends back what comes."""
    def talk(peer, seen):
        with peer:
            try:
                peer.sendall(f"{seen.removeprefix('::ffff:')}\n".encode())
                while data := peer.recv(65536):
                    peer.sendall(data)
            except OSError:
                pass

    let_in(node, address, port, talk, protocol)


class Talk:
    """A connection of the host to such a server."""

    def __init__(self, pair, address=SERVER, port=PORT, protocol=socket.IPPROTO_TCP, patience=5.0):
        began = time.monotonic()
        self.socket = pair.host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, protocol)
        self.socket.settimeout(patience)
        try:
            self.socket.connect((address, port))
            self.lines = self.socket.makefile("rb")
            self.seen = self.lines.readline().decode().strip()
        except OSError:
            self.socket.close()
            raise
        self.took = time.monotonic() - began
        expect(self.seen, f"the server at port {port} says nothing, the connection has ended")

    def echoes(self, text=b"hello\n"):
        self.socket.sendall(text)
        return self.lines.readline() == text

    def ends(self):
        """How, when it is not us who ends it."""
        try:
            return "closed" if self.lines.read(1) == b"" else "data"
        except ConnectionResetError:
            return "reset"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()


def refusal(pair, port, address=SERVER):
    """What happens to a connection that must not come about, and how fast."""
    began = time.monotonic()
    try:
        with Talk(pair, address, port) as talk:
            return f"served, seen as {talk.seen}", 0.0
    except ConnectionRefusedError:
        return "refused", time.monotonic() - began
    except ConnectionResetError:
        return "reset", time.monotonic() - began
    except socket.timeout:
        return "silence", time.monotonic() - began


def through_the_pair(pair):
    for address in (SERVER, SERVER6):
        with Talk(pair, address) as talk:
            expect(talk.seen == CONVERTER or ":" in talk.seen and talk.seen.startswith("2001:db8:1989:"),
                   f"{address} sees {talk.seen} in place of the converter")
            expect(talk.echoes(), f"no echo from {address}")
    expect(pair.mptcp_connections() == 2, "two connections were not two MPTCP connections")


def left_alone(pair):
    """By rule, because it is for the CPE itself, because it speaks MPTCP itself."""
    with Talk(pair, port=DIRECT_PORT) as talk:
        expect(talk.seen == HOST, f"a direct connection is seen as {talk.seen}")
    serve(pair.cpe, "10.1.0.1", PORT)
    with Talk(pair, "10.1.0.1") as talk:
        expect(talk.seen == HOST, f"the CPE sees {talk.seen}")
    outcome, took = refusal(pair, REJECTED_PORT)
    expect(outcome in ("refused", "reset") and took < 1, f"what is rejected is {outcome} after {took:.1f} s")
    for node in (pair.host, pair.server):
        pair.sysctl(node, "net/mptcp/enabled", 1)
    serve(pair.server, SERVER, OTHER_PORT, MPTCP)
    before = pair.mptcp_connections()
    with Talk(pair, port=OTHER_PORT, protocol=MPTCP) as talk:
        expect(talk.seen == HOST and talk.echoes(), f"a host that speaks MPTCP is seen as {talk.seen}")
    expect(pair.mptcp_connections() == before, "a SYN with MP_CAPABLE was intercepted")
    expect(pair.counter(pair.server, "MPCapableACKRX") == 1, "MPTCP did not reach the server")
    for node in (pair.host, pair.server):
        pair.sysctl(node, "net/mptcp/enabled", 0)


def refused(pair):
    """The first time the host is connected already; then it is told by the server itself."""
    outcome, _ = refusal(pair, NOBODY_LISTENS)
    expect(outcome in ("reset", "refused"), f"a server that refuses: {outcome}")
    outcome, took = refusal(pair, NOBODY_LISTENS)
    expect(outcome == "refused" and took < 0.5, f"a server that has refused: {outcome} after {took:.1f} s")
    with Talk(pair) as talk:
        expect(talk.seen == CONVERTER, "another port of that server is left alone, too")


def settings_read_again(pair):
    with Talk(pair) as talk:
        for role in (pair.cpe_role, pair.converter_role):
            role.process.send_signal(signal.SIGHUP)
            expect(role.answers(), f"the {role.name} does not answer")
        pair.cpe_role.config.write_text(SETTINGS.replace(str(DIRECT_PORT), str(PORT)))
        pair.cpe_role.process.send_signal(signal.SIGHUP)

        def direct_now():
            with Talk(pair) as fresh:
                return fresh.seen == HOST

        wait_until("the new rule holds", direct_now)
        expect(talk.echoes(), "a running connection did not survive new settings")
    pair.cpe_role.config.write_text(SETTINGS)
    pair.cpe_role.process.send_signal(signal.SIGHUP)
    wait_until("the old rules hold again", lambda: seen_as(pair) == CONVERTER)


def seen_as(pair, port=PORT):
    with Talk(pair, port=port) as talk:
        return talk.seen


def converter_killed(pair):
    """Connections over it end; new ones are direct; when it is back it is used again."""
    with Talk(pair) as talk:
        expect(talk.echoes(), "no echo")
        pair.converter_role.process.kill()
        pair.converter_role.process.wait()
        began = time.monotonic()
        ending = talk.ends()
        expect(ending in ("closed", "reset") and time.monotonic() - began < 2, f"with its converter dead it is {ending}")
    for number in range(3):
        with Talk(pair) as talk:
            expect(talk.seen == HOST and talk.echoes(), f"without a converter the server sees {talk.seen}")
            limit = 1.5 if number == 0 else 0.3
            expect(talk.took < limit, f"connection {number + 1} without a converter took {talk.took:.2f} s")
    pair.converter_role.start()
    wait_until("the converter is used again", lambda: seen_as(pair) == CONVERTER, RETRY + 5)


def converter_silent(pair):
    """Nothing comes back from it, not even a refusal."""
    with Talk(pair) as before:
        pair.core.ip(f"route add blackhole {CONVERTER}/32")
        with Talk(pair) as talk:
            expect(talk.seen == HOST and talk.took < 1.5, f"seen as {talk.seen} after {talk.took:.2f} s")
        with Talk(pair) as talk:
            expect(talk.seen == HOST and talk.took < 0.3, f"the second one took {talk.took:.2f} s: it is not remembered")
        pair.core.ip(f"route del blackhole {CONVERTER}/32")
        wait_until("the converter is used again", lambda: seen_as(pair) == CONVERTER, RETRY + 5)
        expect(before.echoes(), "the connection from before did not survive")


def cpe_stopped(pair):
    """It takes its interception with it, and its connections."""
    with Talk(pair) as talk:
        pair.cpe_role.stop()
        expect(talk.ends() in ("closed", "reset"), "a connection goes on without the CPE")
    with Talk(pair) as talk:
        expect(talk.seen == HOST and talk.took < 0.5, f"without the CPE role seen as {talk.seen} after {talk.took:.2f} s")
    expect("anabranch" not in pair.cpe.run("nft", "list", "tables"), "the CPE leaves a table behind")
    pair.cpe_role.start()
    expect(seen_as(pair) == CONVERTER, "a CPE that starts again does not intercept")


def cpe_killed(pair):
    """What it could not take along does not harm its next start."""
    pair.cpe_role.process.kill()
    pair.cpe_role.process.wait()
    pair.cpe_role.start()
    expect(seen_as(pair) == CONVERTER, "after a kill the CPE does not intercept")


def scenario(executable, folder):
    pair = Pair(executable, folder, cpe=SETTINGS)
    for address in (SERVER, SERVER6):
        for port in (PORT, DIRECT_PORT, REJECTED_PORT):
            serve(pair.server, address, port)
    failures = []
    for step in (through_the_pair, left_alone, refused, settings_read_again, converter_killed, converter_silent, cpe_stopped,
                 cpe_killed):
        began = time.monotonic()
        try:
            step(pair)
            print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)
        except (Failed, OSError) as failure:
            failures.append(f"{step.__name__}: {type(failure).__name__} {failure}")
    expect(not failures, "\n".join(failures))
    pair.stop()


main(scenario, ["nft"])
