#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Paths asked and measured through emulated links: a client with two of them to one server. What the server's
applications see of it: nothing.

Usage: probe.py ANABRANCH, as root or as an ordinary user. Needs probe_driver of the build beside it.
"""
import array
import fcntl
import json
import os
import select
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from namespaces import PROGRAMS, Namespace, Skipped, cable, expect, main, start, wait_until

SERVER = {4: "198.51.100.1", 6: "2001:db8:ff::1"}
OPEN, CLOSED = 443, 81
PACKETS, OCTETS = 6, 1400


def client(path, family):
    return f"10.{path}.0.2" if family == 4 else f"2001:db8:{path}::2"


def turn_offloads_off(namespace, interface):
    """What leaves carries its whole checksum, as the emulator needs it."""
    with namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        for command in (0x15, 0x17, 0x19, 0x1F, 0x24, 0x2C):  # ETHTOOL_SRXCSUM, STXCSUM, SSG, STSO, SGSO, SGRO
            value = array.array("B", struct.pack("II", command, 0))
            request = struct.pack("16sQ8x", interface.encode(), value.buffer_info()[0])
            try:
                fcntl.ioctl(channel, 0x8946, request)  # SIOCETHTOOL
            except OSError:
                pass  # one that the driver does not know is off


class Wire:
    """`anabranch lab wire` with both links."""

    def __init__(self, executable, namespace):
        ours, theirs = socket.socketpair()
        links = [{"name": f"path{k}", "a": f"w{k}a", "b": f"w{k}b"} for k in (1, 2)]
        namespace.start([executable, "lab", "wire", "--links", json.dumps(links), "--control-fd", str(theirs.fileno())],
                        pass_fds=[theirs.fileno()])
        theirs.close()
        self.lines = ours.makefile("rw")
        self.control = ours
        self.tell(link="path1", counters=True)

    def tell(self, **command):
        self.lines.write(json.dumps(command) + "\n")
        self.lines.flush()
        answer = json.loads(self.lines.readline() or "{}")
        expect(answer.get("ok"), f"{command}: {answer}")

    def set(self, path, mbit=0.0, delay_ms=10.0, queue_ms=200.0):
        self.tell(link=f"path{path}", set={"rate_bit": mbit * 1e6, "delay_ns": int(delay_ms * 1e6),
                                           "queue_ns": int(queue_ms * 1e6)})


class Prober:
    def __init__(self, driver):
        self.process = subprocess.Popen([driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        PROGRAMS.append(self.process)
        self.pending = b""
        self.last = 0
        words = self.command("counters", patience=5)
        expect(words, f"the prober does not start: {self.process.poll()}")

    def read(self, patience):
        """The next line as words; nothing within `patience` seconds."""
        deadline = time.monotonic() + patience
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                return None
            octets = os.read(self.process.stdout.fileno(), 65536)
            if not octets:
                return None
            self.pending += octets
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode().split()

    def command(self, *words, patience):
        self.send(" ".join(map(str, words)))
        return self.read(patience)

    def ask(self, source, destination=SERVER[4], port=OPEN, ifindex=0, patience=1.0):
        """Milliseconds; nothing when no answer came; a string when it was refused."""
        self.last += 1
        words = self.command("ask", self.last, source, ifindex, destination, port, int(patience * 1000), patience=patience + 0.5)
        if not words:
            return None
        expect(words[1] == str(self.last), f"an answer to another question: {words}")
        return float(words[2]) / 1000 if words[0] == "answered" else " ".join(words[2:])

    def measure(self, source, destination=SERVER[4], port=OPEN, packets=PACKETS, octets=OCTETS, patience=1.0):
        """(answered, milliseconds, Mbit/s)"""
        self.last += 1
        words = self.command("measure", self.last, source, 0, destination, port, int(patience * 1000), packets, octets,
                             patience=patience + 0.5)
        expect(words and words[0] == "measured" and words[1] == str(self.last), f"no measurement: {words}")
        return int(words[3]), float(words[4]) / 1000, float(words[5]) / 1e6

    def counters(self):
        return [int(word) for word in self.command("counters", patience=5)[1:]]

    def send(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()


def fastest(prober, *path, **options):
    """Of three round trips the shortest: the others waited for a processor, too."""
    return min(prober.ask(*path, **options) or 1e9 for _ in range(3))


def near(value, wanted, part, what):
    expect(isinstance(value, float) and abs(value - wanted) <= part * wanted, f"{what}: {value}, not {wanted} +- {part:.0%}")


def build():
    here, wire, server = Namespace(os.getpid()), Namespace(), Namespace()
    for k in (1, 2):
        cable(here, f"c{k}", wire, f"w{k}a")
        cable(server, f"s{k}", wire, f"w{k}b")
        for namespace, interface in ((here, f"c{k}"), (server, f"s{k}")):
            turn_offloads_off(namespace, interface)
            namespace.run("sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{interface}/accept_dad; "
                          f"echo 0 > /proc/sys/net/ipv4/conf/{interface}/rp_filter")
        here.ip(f"address add {client(k, 4)}/24 dev c{k}", f"address add {client(k, 6)}/64 dev c{k} nodad",
                f"route add default via 10.{k}.0.1 dev c{k} table 10{k}",
                f"route add ::/0 via 2001:db8:{k}::1 dev c{k} table 10{k}")
        server.ip(f"address add 10.{k}.0.1/24 dev s{k}", f"address add 2001:db8:{k}::1/64 dev s{k} nodad")
    for namespace in (here, server):
        namespace.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter")
    # The second path has a rule of its source, the first is where everything goes by itself.
    here.ip("route add default via 10.1.0.1 dev c1", "route add ::/0 via 2001:db8:1::1 dev c1",
            f"rule add from {client(2, 4)} lookup 102")
    here.run("ip", "-6", "rule", "add", "from", client(2, 6), "lookup", "102")
    server.ip(f"address add {SERVER[4]}/32 dev lo", f"address add {SERVER[6]}/128 dev lo nodad")
    return here, wire, server


def listener(server, family, port):
    sock = server.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((SERVER[family], port))
    sock.listen()
    sock.setblocking(False)
    return sock


def expect_nobody(listeners):
    for sock in listeners:
        try:
            peer = sock.accept()[1]
        except BlockingIOError:
            continue
        expect(False, f"the server's application got a connection of {peer}")


def half_open(server):
    return [line for line in server.run("ss", "-Htan", "state", "syn-recv").splitlines() if line.strip()]


def expect_no_half_open(server):
    wait_until("the server holds no half-open connection", lambda: not half_open(server))


def hears(namespace):
    """Raw sockets, which the kernel shows every packet."""
    return namespace.run("ss", "-Hwan").strip()


def alive_and_dead(here, server, wire, prober, listeners):
    for family in (4, 6):
        for path in (1, 2):
            wire.set(path, delay_ms=10 * path)
            source = client(path, family)
            wait_until(f"path {path} of IPv{family} answers", lambda: isinstance(prober.ask(source, SERVER[family]), float))
            for port in (OPEN, CLOSED):
                near(fastest(prober, source, SERVER[family], port), 20 * path, 0.1,
                     f"round trip in ms of path {path}, IPv{family}, port {port}")
    expect_no_half_open(server)
    expect_nobody(listeners)

    wire.tell(link="path2", state="drop")
    expect(not hears(here), "it hears TCP though nothing is asked")
    prober.send(f"ask 0 {client(2, 4)} 0 {SERVER[4]} {OPEN} 300")
    wait_until("it hears while a question is open", lambda: hears(here), 0.3)
    wait_until("it stops with the last question", lambda: not hears(here), 1)
    expect(prober.ask(client(2, 4)) is None, "a path that is cut answers")
    expect(isinstance(prober.ask(client(1, 4)), float), "the other path answers")
    answered, _, rate = prober.measure(client(2, 4), patience=0.5)
    expect((answered, rate) == (0, 0), f"a cut path was measured: {answered} {rate}")
    wire.tell(link="path2", state="up")
    near(fastest(prober, client(2, 4)), 40, 0.15, "round trip of the path that is back")


def chosen_interface(here, server, prober):
    """The first source leaves by the second interface when told so, though no route says it."""
    index = {k: socket.if_nametoindex(f"c{k}") for k in (1, 2)}
    # The server answers to 10.1.0.2 by path 1: 10 ms back, 20 ms there. Nobody on path 2 has the address of a
    # router, so the server's own is asked for on the link.
    here.ip(f"route add {SERVER[4]} via 10.2.0.1 dev c2 metric 9")
    near(fastest(prober, client(1, 4), ifindex=index[2]), 30, 0.15,
         "round trip there by path 2 and back by path 1")
    near(fastest(prober, client(1, 4), ifindex=index[1]), 20, 0.15, "round trip by the interface of path 1")
    here.ip(f"route del {SERVER[4]} via 10.2.0.1 dev c2 metric 9")
    expect_no_half_open(server)


def refused(here, prober):
    expect("cannot send" in str(prober.ask("10.77.0.1")), "a source this host does not have is refused")
    expect("family" in str(prober.ask(client(1, 4), SERVER[6])), "two families are refused")
    here.ip("link set c2 down")
    expect("cannot send" in str(prober.ask(client(1, 4), ifindex=socket.if_nametoindex("c2"))), "an interface that is down")
    here.ip("link set c2 up", "route add default via 10.2.0.1 dev c2 table 102",
            f"address replace {client(2, 6)}/64 dev c2 nodad", "route replace ::/0 via 2001:db8:2::1 dev c2 table 102")


def lost_answers(here, server, prober):
    """A peer that holds half-open connections, as it never had our reset, answers all the same."""
    here.run("nft", "add table inet lossy; add chain inet lossy in { type filter hook input priority 0; }; "
             "add rule inet lossy in tcp flags & (syn|ack) == (syn|ack) drop")
    for _ in range(16):
        expect(prober.ask(client(1, 4), patience=0.05) is None, "an answer that the firewall drops")
    expect(len(half_open(server)) >= 16, "the server waits")
    here.run("nft", "delete table inet lossy")
    for turn in range(16):
        expect(isinstance(prober.ask(client(1, 4)), float), f"question {turn} on ports that were used before")
    expect_no_half_open(server)


def measured(prober, family, count=7):
    return [prober.measure(client(1, family), SERVER[family], patience=0.4) for _ in range(count)]


def rates(wire, prober):
    figures = []
    for mbit in (0.5, 5, 20, 50):
        for family in (4, 6):
            # 0.5 Mbit/s with a queue of four packets.
            wire.set(1, mbit, 10, queue_ms=4 * OCTETS * 8 / mbit / 1000 + 1 if mbit < 1 else 50)
            for _ in range(5):  # a busy machine delays the emulator
                got = measured(prober, family)
                middle = statistics.median(rate for _, _, rate in got)
                if abs(middle / mbit - 1) <= 0.1:
                    break
            worst = max(abs(rate / mbit - 1) for _, _, rate in got)
            fewest = min(answered for answered, _, _ in got)
            figures.append(f"IPv{family} {mbit} Mbit/s: median {middle:.3f}, worst {worst:.1%}, {fewest} of {PACKETS} answered")
            near(middle, mbit, 0.2, f"rate in Mbit/s, IPv{family}")
            expect(fewest >= 3, f"answers at {mbit} Mbit/s: {fewest}")
    wire.set(1)
    return figures


def loaded(wire, server, prober):
    """Beside a bulk transfer a measurement tells what that leaves, and a question is still answered."""
    mbit = 20
    wire.set(1, mbit, 10, queue_ms=50)
    sink = listener(server, 4, 5001)
    source = socket.socket()
    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    source.bind((client(1, 4), 0))
    source.connect((SERVER[4], 5001))
    source.setblocking(False)
    sink.setblocking(True)
    drain, _ = sink.accept()
    busy = True

    def push():
        while busy:
            _, writable, _ = select.select([], [source], [], 0.1)
            if writable:
                source.send(bytes(65536))

    def pull():
        while drain.recv(1 << 20):
            pass

    threads = [threading.Thread(target=work) for work in (push, pull)]
    for thread in threads:
        thread.start()
    try:
        queued = wait_until("the transfer fills the queue", lambda: (prober.ask(client(1, 4)) or 0) > 40 and prober.ask(client(1, 4)))
        got = measured(prober, 4, 9)
    finally:
        busy = False
        threads[0].join()
        source.close()
        threads[1].join()
    rates_seen = sorted(rate for _, _, rate in got)
    expect(rates_seen[-1] < 1.2 * mbit, f"a loaded path seems faster than it is: {rates_seen}")
    wire.set(1)
    return [f"IPv4 {mbit} Mbit/s beside a transfer: from {rates_seen[0]:.2f} to {rates_seen[-1]:.2f}, "
            f"median {statistics.median(rates_seen):.2f}; answers to {sum(a for a, _, _ in got)} of {9 * PACKETS}; "
            f"round trip {queued:.0f} ms"]


def scenario(executable, _folder):
    driver = os.path.join(os.path.dirname(executable), "probe_driver")
    if not os.access(driver, os.X_OK):
        raise Skipped("no probe_driver beside the executable")
    here, wire_space, server = build()
    wire = Wire(executable, wire_space)
    listeners = [listener(server, family, OPEN) for family in (4, 6)]
    prober = Prober(driver)
    alive_and_dead(here, server, wire, prober, listeners)
    chosen_interface(here, server, prober)
    lost_answers(here, server, prober)
    figures = rates(wire, prober) + loaded(wire, server, prober)
    refused(here, prober)
    expect_no_half_open(server)
    expect_nobody(listeners)
    expect(not hears(here), "it hears TCP after all is done")
    sent, answered, ignored = prober.counters()
    print(f"{sent} SYNs, {answered} answered, {ignored} replies ignored")
    print("\n".join(figures))


main(scenario, tools=("ip", "nft", "ss", "nsenter"))
