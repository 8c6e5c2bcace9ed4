#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Both proxies read their files again while they carry connections: where they listen, workers, cookies and their
secret, the source of connections, the log of mappings, incoming ports. What runs is not touched. What cannot be is
refused with its place in the file, and the old settings hold.

Usage: proxy_reload.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import errno
import hashlib
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import expect, main, wait_until
from proxy_exchange import PORT, dial, exchange, greeting, pattern, read_again, serve, shown
from proxy_pair import CONVERTER, CONVERTER_PORT, CONVERTER_TOML, CPE, CPE_TOML, HOST, SERVER, SERVER6, Pair

SECOND_PORT, TAKEN_PORT = 5125, 5127
OUTSIDE_PORT, INSIDE_PORT = 8080, 8081
SMALL = 20_000
SLOT = 6
CONVERTER_2 = CONVERTER_TOML.replace(f":{CONVERTER_PORT}\"", f":{SECOND_PORT}\"")
CPE_2 = CPE_TOML.replace(f"port = {CONVERTER_PORT}", f"port = {SECOND_PORT}")


class Kept:
    """A connection through the pair that is looked after until it has ended in order."""

    def __init__(self, pair, seen=CONVERTER, **where):
        self.connection = dial(pair, **where)
        found = greeting(self.connection)
        expect(found == seen, f"the server sees {found} and not {seen}")

    def ends_well(self):
        self.connection.sendall(b"x" * 1000)
        self.connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := self.connection.recv(65536):
            answer += part
        self.connection.close()
        expect(len(answer) == 32 + 1000, f"a connection that ran before came back with {len(answer)} octets")


class Transfer:
    """Octets that go up until ends_well(), at a pace that costs a busy machine nothing."""

    def __init__(self, pair):
        self.pair, self.sent, self.answer, self.over = pair, bytearray(), b"", threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        wait_until("the transfer runs", lambda: len(self.sent) > 100_000)

    def run(self):
        with dial(self.pair) as connection:
            greeting(connection)
            while not self.over.wait(0.005):
                part = os.urandom(10_000)
                connection.sendall(part)
                self.sent += part
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 18):
                self.answer += part

    def ends_well(self):
        before = len(self.sent)
        wait_until("the transfer goes on", lambda: len(self.sent) > before + 100_000)
        self.over.set()
        self.thread.join(30)
        expect(self.answer == hashlib.sha256(self.sent).digest() + pattern(len(self.sent)),
               f"a transfer of {len(self.sent)} octets was not answered as it should: {len(self.answer)}")


class Stream:
    """Short connections, one after the other, of a host that notices when one is lost."""

    def __init__(self, pair):
        self.pair, self.count, self.fault, self.over = pair, 0, None, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.over:
                expect(exchange(self.pair, size=SMALL) == CONVERTER, "one went direct")
                self.count += 1
        except Exception as error:
            self.fault = error

    def more(self, count):
        goal = self.count + count
        wait_until(f"{count} more connections", lambda: self.fault or self.count >= goal, 20)
        expect(self.fault is None, f"after {self.count} short connections: {self.fault}")

    def end(self):
        self.over = True
        self.thread.join(20)
        expect(self.fault is None, f"after {self.count} short connections: {self.fault}")


def refused(role, text, *words):
    """The reload fails and says where and why."""
    role.config.write_text(text)
    done = role.namespace.command(role.executable, role.name, "reload", env=role.environment)
    for word in (f"{role.config}:", *words):
        expect(word in done.stderr, f"'{word}' is not in what reload says: {done.stderr}")
    expect(done.returncode == 2, f"reload ended with {done.returncode}: {done.stderr}")


def answers(node, address, port):
    """Whether somebody listens there."""
    with node.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        return connection.connect_ex((address, port)) != errno.ECONNREFUSED


def threads(role):
    return len(os.listdir(f"/proc/{role.process.pid}/task"))


def listens_elsewhere(pair):
    """A transfer goes on, the new port answers, the old one does not; the CPE follows."""
    kept = Kept(pair)
    transfer = Transfer(pair)
    read_again(pair.converter_role, CONVERTER_2)
    expect(answers(pair.cpe, CONVERTER, SECOND_PORT), "nobody listens on the new port")
    expect(not answers(pair.cpe, CONVERTER, CONVERTER_PORT), "the old port still answers")
    expect(shown(pair.converter_role)["listen"][0] == f"{CONVERTER}:{SECOND_PORT}", "show tells the old port")
    read_again(pair.cpe_role, CPE_2)
    expect(exchange(pair, size=SMALL) == CONVERTER, "not converted at the new port")
    transfer.ends_well()
    kept.ends_well()
    kept = Kept(pair)
    read_again(pair.converter_role, CONVERTER_TOML)
    read_again(pair.cpe_role, CPE_TOML)
    kept.ends_well()


def workers(pair):
    """More and fewer of them at both ends, with a connection on each and others coming all the time."""
    several = "[converter]\nworkers = 3\n", "[cpe]\nworkers = 3\n"
    before = threads(pair.converter_role), threads(pair.cpe_role)
    stream = Stream(pair)
    for _ in range(3):
        read_again(pair.converter_role, CONVERTER_TOML.replace("[converter]\n", several[0]))
        read_again(pair.cpe_role, CPE_TOML.replace("[cpe]\n", several[1]))
        kept = [Kept(pair) for _ in range(8)]
        stream.more(5)
        read_again(pair.converter_role, CONVERTER_TOML.replace("[converter]\n", "[converter]\nworkers = 1\n"))
        read_again(pair.cpe_role, CPE_TOML)
        stream.more(5)
        expect((shown(pair.converter_role)["workers"], shown(pair.cpe_role)["workers"]) == (1, 1), "not one worker each")
        for one in kept:
            one.ends_well()
    stream.end()
    established = shown(pair.converter_role)["outcomes"]["established"]
    wait_until("threads without connections have ended",
               lambda: threads(pair.cpe_role) == before[1] and threads(pair.converter_role) <= before[0])
    expect(shown(pair.converter_role)["outcomes"]["established"] >= established, "what ended workers counted is lost")
    print(f"{stream.count} short connections while workers came and went")


def cookies(pair):
    """Switched on, and their secret changed: a cookie of the former secret is good for one more slot."""
    secret = pair.converter_role.folder / "secret"
    secret.write_text("a secret of enough octets")
    text = CONVERTER_TOML.replace(
        "[clients]\n", f'[clients]\ncookie = "required"\ncookie_secret_file = "{secret}"\ncookie_slot = "{SLOT}s"\n')
    kept = Kept(pair)
    read_again(pair.converter_role, text)
    kept.ends_well()
    fetched = time.monotonic()
    faults = lambda: sum(shown(pair.converter_role)["outcomes"].get(name, 0) for name in ("missing-cookie", "bad-cookie"))
    expect(exchange(pair, size=SMALL) == CONVERTER, "not converted once cookies are required")
    expect(faults() == 1, f"{faults()} answers about cookies; the first connection fetches one")
    secret.write_text("and another one, as long")
    rotated = time.monotonic()
    read_again(pair.converter_role, text)
    expect(exchange(pair, size=SMALL) == CONVERTER, "not converted after the secret was changed")
    if time.monotonic() - fetched < SLOT:
        expect(faults() == 1, "the cookie of the former secret is not taken")
    time.sleep(max(0.0, rotated + SLOT + 0.1 - time.monotonic()))
    expect(exchange(pair, size=SMALL) == CONVERTER, "not converted with a cookie of the new secret")
    expect(shown(pair.converter_role)["outcomes"].get("bad-cookie", 0) >= 1, "the former secret is still good")
    secret.write_text("short")
    refused(pair.converter_role, text, ":6:22: ", "the secret is too short", "hint: at least 16 octets")
    read_again(pair.converter_role, CONVERTER_TOML)
    expect(exchange(pair, size=SMALL) == CONVERTER, "not converted once cookies are off")


def sources(pair):
    """Servers see the client's address from one moment on, and the converter's from another."""
    pair.core.ip(f"rule add iif srv0 to {CPE} ipproto tcp sport {PORT} lookup 300 pref 300",
                 f"route add default via {CONVERTER} table 300")
    shared = Kept(pair)
    read_again(pair.converter_role, CONVERTER_TOML + '[source]\nmode = "preservation"\n')
    preserved = Kept(pair, CPE)
    shared.ends_well()
    read_again(pair.converter_role, CONVERTER_TOML)
    expect(exchange(pair, size=SMALL) == CONVERTER, "addresses are not shared again")
    preserved.ends_well()
    pair.core.ip("rule del pref 300")


def log_of_mappings(pair):
    """Begins, goes on in another file, and ends; nothing that ran is lost from it."""
    first, second = (pair.converter_role.folder / name for name in ("mappings-1", "mappings-2"))
    said = lambda file, word: (file.read_text() if file.exists() else "").count(f" {word} ")
    read_again(pair.converter_role, CONVERTER_TOML + f'[source]\nlog = "{first}"\n')
    kept = Kept(pair)
    wait_until("the connection is in the log", lambda: said(first, "begin") == 1)
    read_again(pair.converter_role, CONVERTER_TOML + f'[source]\nlog = "{second}"\n')
    other = Kept(pair)
    read_again(pair.converter_role, CONVERTER_TOML)
    expect(exchange(pair, size=SMALL) == CONVERTER, "not converted without a log")
    kept.ends_well()
    other.ends_well()
    wait_until("the ends are in the log", lambda: said(second, "end") == 2)
    expect((said(first, "begin"), said(first, "end"), said(second, "begin")) == (1, 0, 1), "another number of lines")
    refused(pair.converter_role, CONVERTER_TOML + '[source]\nlog = "/proc/none"\n', ":10:7: /proc/none: ")


def incoming_ports(pair):
    """Come and go at both ends; a connection of one that has gone goes on."""
    serve(pair.host, HOST, PORT)
    inside = f'[[incoming]]\nname = "host"\nlisten = "{CPE}:{{}}"\nhost = "{HOST}:{PORT}"\n'
    outside = f'[[incoming]]\nname = "host"\nlisten = "{CONVERTER}:{OUTSIDE_PORT}"\nclient = "{CPE}:{{}}"\n'
    here = {"address": CONVERTER, "port": OUTSIDE_PORT, "node": pair.server, "seen": "172.21.1.2"}
    read_again(pair.cpe_role, CPE_TOML + inside.format(INSIDE_PORT))
    read_again(pair.converter_role, CONVERTER_TOML + outside.format(INSIDE_PORT))
    first = Kept(pair, **here)
    read_again(pair.cpe_role, CPE_TOML + inside.format(INSIDE_PORT + 1))
    read_again(pair.converter_role, CONVERTER_TOML + outside.format(INSIDE_PORT + 1))
    second = Kept(pair, **here)
    read_again(pair.cpe_role, CPE_TOML)
    read_again(pair.converter_role, CONVERTER_TOML)
    expect(not answers(pair.server, CONVERTER, OUTSIDE_PORT), "the port of the converter still answers")
    expect(not answers(pair.converter, CPE, INSIDE_PORT + 1), "the port of the CPE still answers")
    first.ends_well()
    second.ends_well()


def refusals(pair):
    """What cannot be is said with its place, and nothing of the file is taken."""
    converter, cpe = pair.converter_role, pair.cpe_role
    rule = f'[[rule]]\nname = "none"\naction = "reject"\nports = ["{PORT}"]\n'
    kept = Kept(pair)
    refused(converter, CONVERTER_TOML.replace(f"{CONVERTER}:", "198.18.9.77:") + rule,
            ":2:10: 198.18.9.77:5124: ", "cannot listen", "hint: an address of this machine")
    with pair.converter.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind((CONVERTER, TAKEN_PORT))
        other.listen()
        refused(converter, CONVERTER_TOML.replace(f"\"{CONVERTER}:", f"\"{CONVERTER}:{TAKEN_PORT}\", \"{CONVERTER}:") + rule,
                f":2:10: {CONVERTER}:{TAKEN_PORT}: ", "hint: an address of this machine, and a port that no other program has")
    refused(converter, CONVERTER_TOML.replace("[converter]\n", '[converter]\ncongestion = "nonesuch"\n') + rule,
            ":2:14: ", "nonesuch")
    refused(converter, CONVERTER_TOML + '[source]\npool = ["198.18.9.77"]\n' + rule, ":10:8: ", "give the machine that address")
    refused(cpe, CPE_TOML.replace("[cpe]\n", '[cpe]\ncongestion = "nonesuch"\n'), ":2:14: ", "nonesuch")
    refused(cpe, CPE_TOML + f'[[incoming]]\nname = "a"\nlisten = "198.18.9.77:80"\nhost = "{HOST}:80"\n', ":10:10: ", "cannot listen")
    expect(exchange(pair, size=SMALL) == CONVERTER, "a refused file holds")
    expect(shown(converter)["rules"] == [], f"a rule of a refused file: {shown(converter)['rules']}")
    kept.ends_well()
    for role, text in ((converter, CONVERTER_TOML), (cpe, CPE_TOML)):
        read_again(role, text)


def scenario(executable, folder):
    pair = Pair(executable, folder)
    for address in (SERVER, SERVER6):
        serve(pair.server, address, PORT)
    for step in (listens_elsewhere, workers, cookies, sources, log_of_mappings, incoming_ports, refusals):
        began = time.monotonic()
        step(pair)
        print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    pair.stop()


main(scenario, ["nft", "ss", "tc"])
