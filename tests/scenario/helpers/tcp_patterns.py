# SPDX-License-Identifier: MIT
"""What programs do with a TCP socket, each pattern once, every octet checked at both ends.

tcp_patterns.py serve ADDRESS PORT                  listens until it is ended
tcp_patterns.py talk ADDRESS PORT FOLDER OCTETS     runs them all; "right N" at the end, else "wrong: PATTERN: why"
tcp_patterns.py storm ADDRESS PORT COUNT            COUNT short connections, 50 at a time; "right COUNT"

A connection begins with "PATTERN SEED OCTETS\\n"; from a seed both ends know the payload. What the server found is
asked for on a connection of its own ("result SEED 0"), since some patterns leave no way back.
"""
import concurrent.futures
import ctypes
import errno
import mmap
import os
import random
import socket
import struct
import sys
import threading
import time

PATIENCE = 30.0
RESULTS = {}
ADDRESS, PORT = sys.argv[2], int(sys.argv[3])
FAMILY = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET


def payload(seed, octets):
    return random.Random(seed).randbytes(octets)


def read_exactly(connection, octets):
    out = bytearray()
    while len(out) < octets:
        data = connection.recv(min(1 << 18, octets - len(out)))
        if not data:
            raise EOFError(f"ended after {len(out)} of {octets} octets")
        out += data
    return bytes(out)


def read_to_end(connection):
    out = bytearray()
    while data := connection.recv(1 << 18):
        out += data
    return bytes(out)


def reset(connection):
    """close(2) with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def splice_all(source, target):
    """Until the source ends; one of the two is a socket, so a pipe is between them."""
    read_end, write_end = os.pipe()
    total = 0
    try:
        while moved := os.splice(source, write_end, 1 << 16):
            total += moved
            while moved:
                moved -= os.splice(read_end, target, moved)
    finally:
        os.close(read_end)
        os.close(write_end)
    return total


# --- the server's side of each pattern: (connection, seed, octets) -> what it found


def serve_take(connection, seed, octets):
    """Reads to the end, then answers with what it thinks of it."""
    right = read_to_end(connection) == payload(seed, octets)
    connection.sendall(b"right" if right else b"wrong")
    return right


def serve_take_by_splice(connection, seed, octets):
    with open(f"/tmp/anabranch-splice-{os.getpid()}-{seed}", "w+b") as file:
        os.unlink(file.name)
        connection.setblocking(True)
        splice_all(connection.fileno(), file.fileno())
        file.seek(0)
        right = file.read() == payload(seed, octets)
    connection.sendall(b"right" if right else b"wrong")
    return right


def serve_give_at_end(connection, seed, octets):
    """Answers only once the client has closed its direction."""
    right = read_to_end(connection) == b""
    connection.sendall(payload(seed, octets))
    return right


def serve_end_first(connection, seed, octets):
    """Closes its own direction before the client has sent anything."""
    connection.sendall(payload(seed, octets))
    connection.shutdown(socket.SHUT_WR)
    return read_to_end(connection) == payload(seed + 1, octets)


def serve_give(connection, seed, octets):
    connection.sendall(payload(seed, octets))
    return True


def serve_both(connection, seed, octets):
    sender = threading.Thread(target=connection.sendall, args=(payload(seed, octets),))
    sender.start()
    right = read_exactly(connection, octets) == payload(seed + 1, octets)
    sender.join()
    return right


def serve_ping(connection, seed, octets):
    for _ in range(octets):
        connection.sendall(read_exactly(connection, 1))
    return True


def serve_reset_in_the_middle(connection, seed, octets):
    connection.sendall(payload(seed, octets))
    reset(connection)
    return True


def serve_expect_reset(connection, seed, octets):
    connection.settimeout(PATIENCE)
    try:
        while connection.recv(1 << 18):
            pass
    except ConnectionResetError:
        return True
    return False


SERVED = {name.removeprefix("serve_"): function for name, function in list(globals().items())
          if name.startswith("serve_")}


def handle(connection):
    with connection:
        connection.settimeout(PATIENCE)
        line = b""
        while not line.endswith(b"\n"):
            octet = connection.recv(1)
            if not octet:
                return
            line += octet
        name, seed, octets = line.decode().split()
        seed, octets = int(seed), int(octets)
        if name == "result":
            deadline = time.monotonic() + PATIENCE
            while seed not in RESULTS and time.monotonic() < deadline:
                time.sleep(0.01)
            connection.sendall(str(RESULTS.pop(seed, "nothing")).encode())
            return
        try:
            RESULTS[seed] = SERVED[name](connection, seed, octets)
        except (OSError, EOFError) as error:
            RESULTS[seed] = f"{type(error).__name__} {error}"


def serve():
    listener = socket.create_server((ADDRESS, PORT), family=FAMILY, backlog=1024, dualstack_ipv6=ADDRESS == "::")
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=handle, args=(connection,), daemon=True).start()


# --- the client's side


def begin(name, seed, octets, connection=None):
    connection = connection or socket.socket(FAMILY, socket.SOCK_STREAM)
    connection.settimeout(PATIENCE)
    connection.connect((ADDRESS, PORT))
    connection.sendall(f"{name} {seed} {octets}\n".encode())
    return connection


def result(seed):
    with begin("result", seed, 0) as connection:
        return read_to_end(connection).decode()


def check(condition, why):
    if not condition:
        raise AssertionError(why)


def finish(connection):
    """The end of an upload: what does the server say?"""
    connection.shutdown(socket.SHUT_WR)
    answer = read_to_end(connection)
    connection.close()
    check(answer == b"right", f"the server says {answer!r}")


class Patterns:
    def __init__(self, folder, octets):
        self.folder, self.octets, self.seed = folder, octets, os.getpid() * 1000

    def new_seed(self):
        self.seed += 2
        return self.seed

    def file(self, seed):
        path = f"{self.folder}/pattern-{seed}"
        with open(path, "wb") as file:
            file.write(payload(seed, self.octets))
        return path

    def half_close_after_upload(self, seed):
        connection = begin("take", seed, self.octets)
        connection.sendall(payload(seed, self.octets))
        finish(connection)

    def half_close_before_download(self, seed):
        connection = begin("give_at_end", seed, self.octets)
        connection.shutdown(socket.SHUT_WR)
        check(read_to_end(connection) == payload(seed, self.octets), "another download")
        connection.close()
        check(result(seed) == "True", "the server read something")

    def server_closes_first(self, seed):
        connection = begin("end_first", seed, self.octets)
        check(read_to_end(connection) == payload(seed, self.octets), "another download")
        time.sleep(0.2)  # the way up must stay open, however long nothing comes
        connection.sendall(payload(seed + 1, self.octets))
        connection.shutdown(socket.SHUT_WR)
        connection.close()
        check(result(seed) == "True", "another upload")

    def both_ways_at_once(self, seed):
        connection = begin("both", seed, self.octets)
        sender = threading.Thread(target=connection.sendall, args=(payload(seed + 1, self.octets),))
        sender.start()
        check(read_exactly(connection, self.octets) == payload(seed, self.octets), "another download")
        sender.join()
        check(result(seed) == "True", "another upload")
        connection.close()

    def sendfile(self, seed):
        connection = begin("take", seed, self.octets)
        connection.setblocking(True)
        with open(self.file(seed), "rb") as file:
            sent = 0
            while sent < self.octets:
                sent += os.sendfile(connection.fileno(), file.fileno(), sent, self.octets - sent)
        finish(connection)

    def mapped_memory(self, seed):
        """From a mapped file, and back into mapped memory."""
        connection = begin("take", seed, self.octets)
        with open(self.file(seed), "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as memory:
            connection.sendall(memory)
        finish(connection)
        connection = begin("give", seed, self.octets)
        with mmap.mmap(-1, self.octets) as memory:
            view, got = memoryview(memory), 0
            while count := connection.recv_into(view[got:]):
                got += count
            view.release()
            check(memory[:got] == payload(seed, self.octets), "another download")
        connection.close()

    def splice(self, seed):
        connection = begin("take_by_splice", seed, self.octets)
        connection.setblocking(True)
        with open(self.file(seed), "rb") as file:
            splice_all(file.fileno(), connection.fileno())
        finish(connection)

    def peek(self, seed):
        """Looks before it reads, waits for low-water marks and for all of a piece."""
        connection = begin("give", seed, self.octets)
        connection.setblocking(True)
        wanted, got = payload(seed, self.octets), bytearray()
        size = 1
        while len(got) < self.octets:
            size = min(size * 3 % 50000 + 1, self.octets - len(got))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, min(size, 4096))
            seen = connection.recv(size, socket.MSG_PEEK)
            taken = connection.recv(size, socket.MSG_WAITALL)
            check(taken.startswith(seen), "what was read is not what was seen")
            check(len(taken) == size, "MSG_WAITALL gave less")
            got += taken
        check(got == wanted, "another download")
        check(connection.recv(1, socket.MSG_PEEK) == b"", "no end")
        connection.close()

    def single_octets(self, seed):
        """Each waits for its echo."""
        connection = begin("ping", seed, 300)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(300):
            octet = bytes([number % 256])
            connection.sendall(octet)
            check(read_exactly(connection, 1) == octet, "another echo")
        connection.close()

    def slow_reader(self, seed):
        connection = socket.socket(FAMILY, socket.SOCK_STREAM)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        begin("give", seed, self.octets, connection)
        time.sleep(0.5)  # everything between us and the server fills up
        got = bytearray()
        while data := connection.recv(3000 if len(got) < 300000 else 1 << 18):
            got += data
            if len(got) < 60000:
                time.sleep(0.01)
        check(got == payload(seed, self.octets), "another download")
        connection.close()

    def reset_by_the_server(self, seed):
        connection = begin("reset_in_the_middle", seed, self.octets)
        got = bytearray()
        try:
            while data := connection.recv(1 << 18):
                got += data
            raise AssertionError("an orderly end where the server reset")
        except ConnectionResetError:
            check(payload(seed, self.octets).startswith(got), "octets that were never sent")
        connection.close()

    def reset_by_the_client(self, seed):
        connection = begin("expect_reset", seed, 0)
        connection.sendall(b"x" * 1000)
        reset(connection)
        check(result(seed) == "True", "the server saw no reset")

    def close_with_unread_data(self, seed):
        """Linux answers what comes then with a reset."""
        connection = begin("give", seed, self.octets)
        read_exactly(connection, 1)
        connection.close()
        check(result(seed) != "nothing", "the server never got rid of its connection")

    def disconnect(self, seed):
        """connect(AF_UNSPEC) ends the connection; the same socket then makes another."""
        connection = begin("expect_reset", seed, 0)
        connection.sendall(b"x" * 1000)
        libc = ctypes.CDLL(None, use_errno=True)
        unspecified = struct.pack("H14x", socket.AF_UNSPEC)
        if libc.connect(connection.fileno(), unspecified, len(unspecified)) != 0:
            raise OSError(ctypes.get_errno(), "disconnect")
        check(result(seed) == "True", "the server saw no reset")
        begin("take", seed + 1, self.octets, connection)
        connection.sendall(payload(seed + 1, self.octets))
        finish(connection)

    def refused(self, _):
        """Nobody listens: through a proxy the connection may come about and is then reset."""
        with socket.socket(FAMILY, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            try:
                connection.connect((ADDRESS, PORT + 1))
                connection.sendall(b"x")
                check(connection.recv(1) != b"", "an orderly end of what was never there")
            except OSError as error:
                check(error.errno in (errno.ECONNREFUSED, errno.ECONNRESET), f"another error: {error}")


def talk(folder, octets):
    patterns = Patterns(folder, octets)
    names = [name for name in vars(Patterns) if name[0] != "_" and name not in ("new_seed", "file")]
    for name in names:
        try:
            getattr(patterns, name)(patterns.new_seed())
        except (AssertionError, OSError, EOFError) as error:
            print(f"wrong: {name}: {type(error).__name__} {error}", flush=True)
            sys.exit(1)
    print("right", len(names))


def storm(count):
    def once(number):
        seed = os.getpid() * 100000 + number
        connection = begin("take", seed, 200)
        connection.sendall(payload(seed, 200))
        finish(connection)
        return True

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        print("right", sum(pool.map(once, range(count))))


if sys.argv[1] == "serve":
    serve()
elif sys.argv[1] == "talk":
    talk(sys.argv[4], int(sys.argv[5]))
else:
    storm(int(sys.argv[4]))
