# SPDX-License-Identifier: MIT
"""Many MPTCP transfers at once, each with its hash.

transfers.py listen ADDRESS PORT          accepts, hashes what comes, answers with the hash
transfers.py send ADDRESS PORT COUNT      COUNT connections that send slowly until a line comes on standard
                                          input; then all end, and "right WRONG MISSING" are counted
transfers.py burst ADDRESS PORT COUNT OCTETS   silent until a line comes; then each sends that many as fast as it can
Each says "ready" on standard output when it is.
"""
import hashlib
import os
import selectors
import socket
import sys
import time

MPTCP = 262
TCP_CONGESTION = 13
STEP = 0.2  # seconds between two pieces of a connection
PIECE = 8192
PATIENCE = 60.0


def open_socket(address):
    out = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, MPTCP)
    out.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, b"cubic")
    return out


def listen(address, port):
    listener = open_socket(address)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(512)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                peer, _ = listener.accept()
                peer.setblocking(False)
                selector.register(peer, selectors.EVENT_READ, hashlib.sha256())
                continue
            try:
                data = key.fileobj.recv(1 << 18)
                key.data.update(data)
                if not data:
                    key.fileobj.send(key.data.hexdigest().encode())
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                selector.unregister(key.fileobj)
                key.fileobj.close()


class Transfer:
    def __init__(self, address, port):
        self.socket = open_socket(address)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((address, port))
        self.socket.setblocking(False)
        self.hash = hashlib.sha256()
        self.rest = b""

    def push(self):
        """False when the connection has broken."""
        self.rest = self.rest or os.urandom(PIECE)
        try:
            sent = self.socket.send(self.rest)
        except BlockingIOError:
            return True
        except OSError as error:
            print(f"a transfer broke: {error}", file=sys.stderr)
            return False
        self.hash.update(self.rest[:sent])
        self.rest = self.rest[sent:]
        return True

    def carry(self, octets):
        self.socket.settimeout(PATIENCE)
        piece = os.urandom(min(octets, 1 << 20))
        try:
            for _ in range(octets // len(piece)):
                self.socket.sendall(piece)
                self.hash.update(piece)
        except OSError as error:
            print(f"a transfer broke: {error}", file=sys.stderr)
            return None
        return self.finish()

    def finish(self):
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.shutdown(socket.SHUT_WR)
            answer = b""
            while data := self.socket.recv(256):
                answer += data
        except OSError as error:
            print(f"a transfer has no end: {error}", file=sys.stderr)
            return None
        return answer.decode() == self.hash.hexdigest()


def send(address, port, count):
    transfers = [Transfer(address, port) for _ in range(count)]
    print("ready", flush=True)
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    broken = 0
    while not selector.select(0):
        begin = time.monotonic()
        for transfer in list(transfers):
            if not transfer.push():
                transfers.remove(transfer)
                broken += 1
        time.sleep(max(0.0, STEP - (time.monotonic() - begin)))
    ends = [transfer.finish() for transfer in transfers]
    print(ends.count(True), ends.count(False), ends.count(None) + broken, flush=True)


def burst(address, port, count, octets):
    transfers = [Transfer(address, port) for _ in range(count)]
    print("ready", flush=True)
    sys.stdin.readline()
    ends = [transfer.carry(octets) for transfer in transfers]
    print(ends.count(True), ends.count(False), ends.count(None), flush=True)


if sys.argv[1] == "burst":
    burst(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
elif sys.argv[1] == "listen":
    listen(sys.argv[2], int(sys.argv[3]))
else:
    send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
