# SPDX-License-Identifier: MIT
"""Exchanges of octets over the network of proxy_pair that tell whom the server saw, and that nothing was lost."""
import hashlib
import json
import socket
import threading

from namespaces import expect
from proxy_pair import SERVER

PORT = 9000
SIZE = 8_000_000


def pattern(size):
    return hashlib.shake_128(b"anabranch").digest(size)


def let_in(node, address, port, talk, protocol=socket.IPPROTO_TCP):
    """Calls talk(connection, address of the caller) in a thread of its own for each who connects."""
    def accept():
        while True:
            peer, seen = listener.accept()
            threading.Thread(target=talk, args=(peer, seen[0]), daemon=True).start()

    listener = node.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(100)
    threading.Thread(target=accept, daemon=True).start()


def serve(node, address, port, protocol=socket.IPPROTO_TCP):
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

    let_in(node, address, port, talk, protocol)


def dial(pair, address=SERVER, port=PORT, patience=10.0, node=None):
    connection = (node or pair.host).socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
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


def exchange(pair, address=SERVER, port=PORT, size=SIZE, node=None, patience=10.0):
    """Whom the server saw, when every octet was right both ways."""
    data = pattern(size)
    with dial(pair, address, port, patience, node) as connection:
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


def read_again(role, text):
    """Returns when the new settings hold; fails when they are refused."""
    role.config.write_text(text)
    role.namespace.run(role.executable, role.name, "reload", env=role.environment)


def shown(role):
    return json.loads(role.show())
