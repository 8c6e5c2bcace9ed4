#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A server made after docs/balancer-control.md alone speaks with `anabranch balancer run`: it tells tokens and state, which
`show` has then, and hears which places of the ring had another owner after a reload. One with another key hears nothing.

Usage: balancer_control.py ANABRANCH, as root. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import hashlib
import hmac
import json
import os
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import Namespace, Skipped, cable, expect, main, wait_until
from proxy_pair import Role

ADDRESS = ("127.0.0.1", 7443)
KEY = b"k" * 44
PURPOSE = b"anabranch balancer control 1: "
HELLO, WELCOME, REFUSAL, PING, TOKENS, STATE, HISTORY = range(1, 8)
BEGINS, ENDS, SERVING = 1, 2, 1
PATIENCE = 60


def settings(folder, servers):
    text = f"""[balancer]
interface = "eth0"
pins = "{folder}/bpf/anabranch/balancer"
connections = 10000

[control]
listen = ["192.0.2.99:7443", "{ADDRESS[0]}:{ADDRESS[1]}"]
key_file = "{folder}/key"

[[vip]]
address = "198.51.100.10:443"
"""
    for number in servers:
        text += f"""
[[server]]
name = "server{number}"
id = {number}
addresses = ["10.9.0.1{number}"]
"""
    return text


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def frame(kind, body, key, before=b""):
    return struct.pack(">IB", 1 + len(body) + 16, kind) + body + mac(key, before, bytes([kind]), body)[:16]


class Closed(Exception):
    pass


class Server:
    """The server's end of the channel."""

    def __init__(self, namespace, number, key=KEY):
        self.connection = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.connection.settimeout(PATIENCE)
        self.connection.connect(ADDRESS)
        self.of = lambda purpose, *parts: mac(mac(key, PURPOSE + purpose), *parts)
        name = f"server{number}".encode()
        hello = frame(HELLO, struct.pack(">BH", 1, number) + os.urandom(32) + bytes([len(name)]) + name, self.of(b"hello"))
        self.connection.sendall(hello)
        self.answer, _, welcome = self.hear(self.of(b"answer to a hello"), hello)
        self.out_key, self.in_key = (self.of(way, hello, welcome) for way in (b"to the balancer", b"to the server"))
        self.told = self.heard = 0
        self.one_at_a_time = threading.Lock()
        if self.answer == WELCOME:
            self.tell(PING, b"")
            threading.Thread(target=self.stay, daemon=True).start()

    def stay(self):
        """Says something every now and then, whatever the scenario waits for meanwhile."""
        try:
            while not threading.Event().wait(2):
                self.tell(PING, b"")
        except OSError:
            pass  # the balancer has ended

    def receive(self, octets):
        out = b""
        while len(out) < octets:
            out += self.connection.recv(octets - len(out)) or self.closed()
        return out

    def closed(self):
        raise Closed

    def hear(self, key, before):
        head = self.receive(5)
        rest = self.receive(struct.unpack(">I", head[:4])[0] - 1)
        body = rest[:-16]
        expect(rest[-16:] == mac(key, before, head[4:], body)[:16], f"the MAC of a frame of type {head[4]} is wrong")
        return head[4], body, head + rest

    def tell(self, kind, body):
        with self.one_at_a_time:
            self.connection.sendall(frame(kind, body, self.out_key, struct.pack(">Q", self.told)))
            self.told += 1

    def tell_tokens(self, flags, learned, gone=()):
        self.tell(TOKENS, struct.pack(f">BHH{len(learned) + len(gone)}I", flags, len(learned), len(gone), *learned, *gone))

    def history(self):
        """Owner and previous owner of places, as the next one tells them."""
        kind = None
        while kind != HISTORY:
            kind, body, _ = self.hear(self.in_key, struct.pack(">Q", self.heard))
            self.heard += 1
        expect(body[:8] == bytes([2, 4, 198, 51, 100, 10, 1, 187]), f"a history of another service: {body[:8]}")
        rest, places = body[8:], {}
        while rest:
            owner, previous, _, place, runs = struct.unpack(">HHIIH", rest[:14])
            for skip, count in zip(rest[14 : 14 + 2 * runs : 2], rest[15 : 14 + 2 * runs : 2]):
                places |= {number: (owner, previous) for number in range(place + skip, place + skip + count)}
                place += skip + count
            rest = rest[14 + 2 * runs :]
        return places


def is_answered(namespace, key):
    try:
        Server(namespace, 1, key)
    except (Closed, ConnectionResetError):
        return False
    return True


def scenario(executable, folder):
    with open("/proc/self/uid_map") as uid_map:
        if uid_map.read().split() != ["0", "0", str(2**32 - 1)]:
            raise Skipped("an ordinary user may not load BPF programs")
    (folder / "bpf").mkdir()
    expect(os.system(f"mount -t bpf bpf {folder}/bpf") == 0, "no BPF file system")
    try:
        with_balancer(executable, folder)
    finally:
        os.system(f"umount {folder}/bpf")


def with_balancer(executable, folder):
    balancer, other = Namespace(), Namespace()
    cable(balancer, "eth0", other, "eth0")
    role = Role(executable, balancer, folder / "balancer", "balancer", settings(folder, (1, 2)))
    (folder / "key").write_bytes(KEY + b"\n")
    (folder / "key").chmod(0o644)
    refused = balancer.command(executable, "balancer", "run", "-c", str(role.config), env=role.environment)
    expect(refused.returncode == 1 and "chmod 600" in refused.stderr, f"a key for everybody: {refused.stderr}")
    (folder / "key").chmod(0o600)
    role.start()
    shown = lambda: json.loads(role.show())["control"]
    of = lambda number: shown()["servers"][number - 1]
    expect(shown()["listen"] == ["127.0.0.1:7443"], f"it listens on {shown()['listen']}")

    server = Server(balancer, 1)
    expect(server.answer == WELCOME, "the balancer refuses a server of its own")
    server.tell_tokens(BEGINS | ENDS, [1, 2, 3])
    server.tell_tokens(0, [4], [1, 2])
    server.tell(STATE, struct.pack(">BI", SERVING, 17))
    wait_until("the balancer has the state", lambda: of(1)["connections"] == 17)
    expect(of(1) == {"name": "server1", "id": 1, "connected": True, "tokens": 2, "connections": 17, "serving": True},
           f"show tells {of(1)}")
    text = balancer.run(executable, "balancer", "show", env=role.environment)
    expect("17 connections, 2 tokens" in text and "not connected, 0 tokens" in text, f"show tells {text}")

    expect(Server(balancer, 7).answer == REFUSAL, "a server that is not in the file was let in")
    expect(not is_answered(balancer, b"x" * 44), "who has another key is answered")
    wait_until("the wrong key is counted", lambda: shown()["counts"]["bad-macs"] == 1)

    role.config.write_text(settings(folder, (1, 2, 3)))
    balancer.run(executable, "balancer", "reload", env=role.environment)
    places = server.history()
    to_third = [previous for owner, previous in places.values() if owner == 3]
    expect(20_000 < len(to_third) < 24_000 and set(to_third) == {1, 2}, f"{len(to_third)} places went to the third server")
    late = Server(balancer, 3)
    expect(late.answer == WELCOME and late.history() == places, "who comes later hears something else")
    role.stop()


main(scenario)
