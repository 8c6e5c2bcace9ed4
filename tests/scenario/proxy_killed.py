#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A converter, then a CPE, that is killed or stopped in the middle of transfers: whoever reads, LAN host or server, gets a
reset, and never a part that looks like the whole. The one that is left loses nothing: it has as many descriptors as
before, and with its other half back the pair works.

Usage: proxy_killed.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from bad_peers import at_rest
from namespaces import expect, main, wait_until
from proxy_pair import CONVERTER, CPE_TOML, SERVER, SERVER6, Pair

GIVE_PORT, TAKE_PORT = 9000, 9001
SETTINGS = CPE_TOML.replace("[cpe]\n", '[cpe]\nretry = "1s"\n')
PIECE = bytes(65536)
ENOUGH = 2_000_000
PATIENCE = 15


class End:
    """One that reads until something ends it."""

    def __init__(self, what, connection):
        self.what, self.connection, self.octets, self.ending = what, connection, 0, None
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        self.connection.settimeout(PATIENCE)
        try:
            while data := self.connection.recv(65536):
                self.octets += len(data)
            self.ending = "an orderly end"
        except ConnectionResetError:
            self.ending = "reset"
        except OSError as error:
            self.ending = f"{type(error).__name__} {error}"
        self.connection.close()

    def ends(self):
        self.thread.join(PATIENCE + 5)
        return self.ending


class Server:
    """At one port it gives without an end, at the other it takes."""

    def __init__(self, pair):
        self.taking = []
        for address in (SERVER, SERVER6):
            self.listen(pair, address, GIVE_PORT, self.give)
            self.listen(pair, address, TAKE_PORT, lambda peer: self.taking.append(End("the server", peer)))

    @staticmethod
    def listen(pair, address, port, serve):
        listener = pair.server.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(100)

        def accept():
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    @staticmethod
    def give(peer):
        with peer:
            Server.give_all(peer)

    @staticmethod
    def give_all(peer):
        try:
            while True:
                peer.sendall(PIECE)
        except OSError:
            pass


def transfers(pair, server):
    """A download and an upload of each family, all well under way: those who read."""
    readers = []
    for address in (SERVER, SERVER6):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        down, up = (pair.host.socket(family, socket.SOCK_STREAM) for _ in range(2))
        for connection, port in ((down, GIVE_PORT), (up, TAKE_PORT)):
            connection.settimeout(PATIENCE)
            connection.connect((address, port))
        readers.append(End("the host", down))
        threading.Thread(target=server.give, args=(up,), daemon=True).start()
    wait_until("the server is sent to", lambda: len(server.taking) == 2, PATIENCE)
    readers += server.taking
    server.taking = []
    wait_until("every transfer is under way", lambda: all(reader.octets > ENOUGH for reader in readers), PATIENCE)
    return readers


def ended(pair, server, role, how):
    readers = transfers(pair, server)
    role.process.send_signal(how)
    role.process.wait(timeout=PATIENCE)
    wrong = [f"{reader.what} sees {reader.ends()} after {reader.octets} octets" for reader in readers if reader.ends() != "reset"]
    expect(not wrong, f"{role.name}, {how.name}: " + "; ".join(wrong))


def converted(pair):
    """A connection that goes by the pair, seen at the converter."""
    before = pair.mptcp_connections()
    with pair.host.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        connection.connect((SERVER, GIVE_PORT))
        connection.recv(1000)
    return pair.mptcp_connections() > before


def scenario(executable, folder):
    pair = Pair(executable, folder, cpe=SETTINGS)
    server = Server(pair)
    for role, other in ((pair.converter_role, pair.cpe_role), (pair.cpe_role, pair.converter_role)):
        wait_until(f"the converter at {CONVERTER} is used", lambda: converted(pair), PATIENCE)
        for how in (signal.SIGKILL, signal.SIGTERM):
            began = time.monotonic()
            descriptors, _ = at_rest(other, PATIENCE)
            ended(pair, server, role, how)
            role.start()
            wait_until("the pair works again", lambda: converted(pair), PATIENCE)
            now, _ = at_rest(other, PATIENCE)
            expect(now == descriptors, f"the {other.name} has {now} descriptors after {how.name}, {descriptors} before")
            print(f"{role.name} ended by {how.name}: {time.monotonic() - began:.1f} s", flush=True)
    pair.stop()


main(scenario, ["ss", "nft"])
