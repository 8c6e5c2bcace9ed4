# SPDX-License-Identifier: MIT
"""Who floods the link with packets of his own making, for so long; a process of its own, so that its pace is
its own. It says in JSON what it has sent.

attacker.py INTERFACE SECONDS domains                 1,000 provisioning domains a second, each another
attacker.py INTERFACE SECONDS malformed               Router Advertisements that are wrong in some way
attacker.py INTERFACE SECONDS servers INDEX MAC FE80  DHCPv6 servers' messages to the client of a path: with any
                                                      transaction id, and, as often as it asks, with the right one
"""
import json
import os
import random
import select
import socket
import struct
import sys
import time

import nd
from router import domain, ext_route, header, of_path, prefix_information, resolvers, route_information

ALL_NODES = b"\x33\x33\x00\x00\x00\x01"
MALFORMED_RATE, SERVERS_RATE = 2000, 2000  # a second, at most
AT_ONCE = 20  # packets between two looks at the clock
ECHO = 200  # hostile answers to a message of the client


def link_local(number):
    return f"fe80::bad:{number >> 16 & 0xffff:x}:{number & 0xffff:x}"


def icmpv6(source, message, hops=255, target=nd.ALL_NODES, right=True, mac=None):
    """A frame to all nodes. The checksum is made right, or wrong."""
    source, target = nd.octets(source), nd.octets(target)
    message = message[:2] + b"\0\0" + message[4:]
    value = nd.checksum(source, target, message) ^ (0 if right else 0x5555)
    message = message[:2] + struct.pack("!H", value) + message[4:]
    mac = mac or b"\x02\xba" + source[-4:]
    head = struct.pack("!IHBB", 0x60000000, len(message), nd.ICMPV6, hops) + source + target
    return ALL_NODES + mac + b"\x86\xdd" + head + message


def domains():
    """Everything a domain can have and more, of each path there can be; each from a router of its own."""
    number = 0
    while True:
        options = [prefix_information(f"2001:db8:{number & 0xffff:x}:{n}::/64", 6, 3) for n in range(6)]
        options += [route_information(f"2001:db8:{number & 0xffff:x}:a{n}::/64", 6) for n in range(10)]
        options.append(resolvers(*(f"2001:db8:fe:{number & 0xffff:x}::{n:x}" for n in range(1, 7)), lifetime=6))
        message = of_path(number % 8 + 1, 8, lifetime=4, name=f"flood{number}.example", options=options)
        yield icmpv6(link_local(number), message)
        number += 1


def wrong_advertisements(source):
    """Messages that are wrong in some way, most of them from a good one. None of them leads to a path."""
    good = of_path(4, 4)
    yield good[:7]
    yield good[:15]
    for at in (17, len(header(0)) + 1):
        for length in (0, 1, 255):
            yield good[:at] + bytes([length]) + good[at + 1:]
    yield header(1800) + domain("a." * 200 + "b", ext_route(4, 4), lifetime=1800)[:2040]
    inner = domain("inner.example", ext_route(4, 4), prefix_information("2001:db8:4::/64"), lifetime=1800)
    yield header(1800) + domain("outer.example", inner, lifetime=1800)  # nested: leads nowhere
    nest = inner
    while len(nest) < 1200:
        nest = domain("deep.example", nest, lifetime=1800)
    yield header(1800) + nest
    yield header(1800) + ext_route(4, 4)  # outside of a domain
    # The flag of a header inside, and none: what follows is read as one.
    lies = bytearray(domain("lies.example", ext_route(4, 4)))
    lies[2] |= 0x20
    yield header(1800) + bytes(lies)
    yield header(1800) + bytes(lies)[:8]
    yield header(1800) + domain("z.example", struct.pack("!BBHBBBB", 253, 1, 0x4552, 2, 0, 4, 4), lifetime=1800)
    yield header(1800) + domain("z.example", ext_route(0, 4), lifetime=1800)
    yield header(1800) + domain("z.example", ext_route(200, 255), lifetime=1800)
    # Thousands of resolvers, all of a link that carries 1,500 octets.
    yield header(1800) + b"".join(resolvers(f"2001:db8:fe::{n:x}") for n in range(55))
    yield header(1800) + resolvers(*(f"2001:db8:fe::{n:x}" for n in range(88)))
    for _ in range(300):
        octets = bytearray(good)
        for _ in range(source.randrange(1, 5)):
            octets[source.randrange(1, 70)] = source.randrange(256)
        octets[-2] = 0  # whatever became of it, it leads to no path
        yield bytes(octets[: source.randrange(16, len(octets) + 1)])


def malformed():
    chance = random.Random(4)
    number = 0
    while True:
        for message in wrong_advertisements(chance):
            yield icmpv6(link_local(number), message)
            number += 1
        yield icmpv6(link_local(number), of_path(4, 4), hops=64)
        yield icmpv6(link_local(number), of_path(4, 4), hops=254)
        yield icmpv6(link_local(number), of_path(4, 4), right=False)
        yield icmpv6("2001:db8::bad", of_path(4, 4))
        yield icmpv6("::", of_path(4, 4))
        # In two fragments (RFC 6980).
        source, target, message = nd.octets(link_local(number)), nd.octets(nd.ALL_NODES), of_path(4, 4)
        for at, more in ((0, 1), (64, 0)):
            part = message[at : at + 64] if more else message[at:]
            fragment = struct.pack("!BBHI", nd.ICMPV6, 0, at | more, number) + part
            head = struct.pack("!IHBB", 0x60000000, len(fragment), 44, 255) + source + target
            yield ALL_NODES + b"\x02\xba" + source[-4:] + b"\x86\xdd" + head + fragment


def option(code, value):
    return struct.pack("!HH", code, len(value)) + value


class Servers:
    """Of many servers and of none; no message grants anything: each lacks what the client must see."""

    def __init__(self, index, mac, address):
        self.index, self.mac, self.address = index, mac, nd.octets(address)
        self.chance, self.duid, self.iaid = random.Random(6), b"\0\4" + bytes(16), bytes(4)
        self.number = 0

    def frame(self, message):
        self.number += 1
        source, message = nd.octets(link_local(self.number)), message[:1440]
        size = 8 + len(message)
        udp = struct.pack("!4H", 547, 546, size, 0) + message
        value = udp_checksum(source, self.address, udp)
        udp = udp[:6] + struct.pack("!H", value) + udp[8:]
        head = struct.pack("!IHBB", 0x60000000, size, 17, 64) + source + self.address
        return self.mac + b"\x02\xba" + source[-4:] + b"\x86\xdd" + head + udp

    def association(self, address="2001:db8:bad::1", valid=600, status=None):
        inner = option(5, nd.octets(address) + struct.pack("!II", valid, valid))
        return option(3, self.iaid + struct.pack("!II", 1, 2) + inner + (status or b""))

    def route(self, index):
        return option(17, struct.pack("!I", 32473) + option(1, bytes([index, 3])))

    def bodies(self):
        text = bytes(self.chance.randrange(32, 127) for _ in range(800))
        status = option(13, struct.pack("!H", self.chance.randrange(1, 7)) + text)
        right, wrong = self.route(self.index), self.route(self.index % 8 + 1)
        yield self.association() + right  # an address of no prefix here
        yield self.association(f"2001:db8:{self.index}::bad") + wrong
        yield self.association(f"2001:db8:{self.index}::bad")
        yield self.association(f"2001:db8:{self.index}::bad", valid=0) + right
        yield self.association(status=status) + right  # something else to say in each
        yield status + right
        yield option(65001, right + self.association())  # a container without an id
        yield option(65001, bytes(3)) * 150
        yield b"".join(self.association(f"2001:db8:bad::{n:x}") for n in range(20)) + right
        yield (self.association() + right)[: self.chance.randrange(1, 60)]
        yield bytes(self.chance.randrange(256) for _ in range(200))

    def message(self, kind, transaction, body):
        self.number += 1
        server = b"\0\3\0\1" + struct.pack("!IH", self.number, 0)
        return bytes([kind]) + transaction + option(1, self.duid) + option(2, server) + option(7, b"\xff") + body

    def blindly(self):
        while True:
            for body in self.bodies():
                transaction = self.chance.randbytes(3)
                yield self.frame(self.message(self.chance.choice((2, 7)), transaction, body))
            yield self.frame(self.chance.randbytes(self.chance.randrange(0, 200)))
            yield self.frame(b"\x07" + self.chance.randbytes(self.chance.randrange(0, 8)))

    def answers(self, message):
        """To what the client has just said."""
        self.duid, self.iaid = identity(message)
        kind = 2 if message[0] == 1 else 7
        while True:
            for body in self.bodies():
                yield self.frame(self.message(kind, message[1:4], body))


def udp_checksum(source, target, udp):
    data = source + target + struct.pack("!II", len(udp), 17) + udp + bytes(len(udp) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF or 0xFFFF


def identity(message):
    """DUID and IAID of a client's message."""
    rest, duid, iaid = message[4:], b"", bytes(4)
    while len(rest) >= 4:
        code, length = struct.unpack("!HH", rest[:4])
        value, rest = rest[4 : 4 + length], rest[4 + length :]
        if code == 1:
            duid = value
        elif code == 3:
            iaid = value[:4]
    return duid, iaid


def send_all(packets, frames, rate, seconds, between=lambda: 0):
    """At this rate, at most; what cannot leave is lost. Returns how many left."""
    sent, left, began = 0, 0, time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        left += between()
        if sent > (now - began) * rate:
            time.sleep(0.001)
            continue
        for _ in range(AT_ONCE):
            try:
                packets.send(next(frames))
                left += 1
            except BlockingIOError:
                pass
            sent += 1
    return left, time.monotonic() - began


def main():
    interface, seconds, what = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    packets.bind((interface, 0))
    packets.setblocking(False)
    figures = {}
    if what == "domains":
        frames = domains()
        prepared = [next(frames) for _ in range(int(1000 * seconds) + 1000)]
        print("ready", flush=True)
        left, took = send_all(packets, iter(prepared), 1000, seconds)
    elif what == "malformed":
        frames = malformed()
        prepared = [next(frames) for _ in range(2000)]
        print("ready", flush=True)
        left, took = send_all(packets, endless(prepared), MALFORMED_RATE, seconds)
    else:
        index, mac, address = int(sys.argv[4]), bytes.fromhex(sys.argv[5].replace(":", "")), sys.argv[6]
        servers = Servers(index, mac, address)
        ears = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        ears.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        ears.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        group = nd.octets("ff02::1:2") + struct.pack("@I", socket.if_nametoindex(interface))
        ears.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        ears.bind(("::", 547))
        figures["overheard"] = 0

        def overheard():
            count = 0
            while select.select([ears], [], [], 0)[0]:
                message, sender = ears.recvfrom(2048)
                if sender[0].split("%")[0] != address:
                    continue
                figures["overheard"] += 1
                answers = servers.answers(message)
                for _ in range(ECHO):
                    try:
                        packets.send(next(answers))
                        count += 1
                    except BlockingIOError:
                        pass
            return count

        prepared = [next(frames) for frames in [servers.blindly()] for _ in range(2000)]
        print("ready", flush=True)
        left, took = send_all(packets, endless(prepared), SERVERS_RATE, seconds, overheard)
    print(json.dumps(figures | {"sent": left, "rate": round(left / took), "pid": os.getpid()}))


def endless(frames):
    while True:
        yield from frames


if __name__ == "__main__":
    main()
