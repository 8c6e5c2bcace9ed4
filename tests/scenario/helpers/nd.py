# SPDX-License-Identifier: MIT
"""Router Advertisements as they are on the wire, read from RFC 4861, 4191, 8106 and 8801 and by no code of
ours; and Router Solicitations made by hand."""
import socket
import struct
import time
from dataclasses import dataclass, field

ICMPV6 = 58
SOLICITATION, ADVERTISEMENT = 133, 134
ALL_NODES, ALL_ROUTERS = "ff02::1", "ff02::2"
SO_TIMESTAMPNS = 35


class Malformed(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Malformed(what)


def text(address):
    return socket.inet_ntop(socket.AF_INET6, address)


def octets(address):
    return socket.inet_pton(socket.AF_INET6, address)


def checksum(source, target, message):
    data = source + target + struct.pack("!II", len(message), ICMPV6) + message + bytes(len(message) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass
class Header:
    hop_limit: int
    managed: bool
    other: bool
    preference: int
    lifetime: int

    @staticmethod
    def read(data):
        require(len(data) >= 16, "a header of 16 octets")
        hops, flags, lifetime = struct.unpack("!BBH", data[4:8])
        require(flags & 0x27 == 0, "reserved flags are zero")
        return Header(hops, bool(flags & 0x80), bool(flags & 0x40), flags >> 3 & 3, lifetime)


@dataclass
class Options:
    link_address: bytes = None
    mtu: int = None
    prefixes: dict = field(default_factory=dict)  # "prefix/length" -> (flags, valid, preferred)
    routes: dict = field(default_factory=dict)  # "prefix/length" -> lifetime
    dns: dict = field(default_factory=dict)  # address -> lifetime
    path: tuple = None  # EXT_ROUTE: index, count
    domain: object = None


@dataclass
class Domain:
    name: str
    flags: int
    header: Header
    options: Options


def read_name(data):
    labels, at = [], 0
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode("ascii"))
        at += 1 + data[at]
    return ".".join(labels), at + 1


def read_domain(option):
    flags, sequence = struct.unpack("!HH", option[2:6])
    require(flags & 0x1FFF == 0, "no reserved flags and no delay")
    require(sequence == 0, "the sequence number is zero without H")
    name, size = read_name(option[6:])
    start = (6 + size + 7) // 8 * 8
    require(not any(option[6 + size : start]), "the padding is zero")
    header = None
    if flags & 0x2000:
        require(option[start] == ADVERTISEMENT, "the header inside has the type of an advertisement")
        require(option[start + 1 : start + 4] == b"\0\0\0", "and no code and checksum")
        header = Header.read(option[start : start + 16])
        start += 16
    return Domain(name, flags >> 13, header, read_options(option[start:]))


def read_options(data):
    out = Options()
    while data:
        require(len(data) >= 8 and data[1] > 0 and data[1] * 8 <= len(data), "a length within the message")
        option, data = data[: data[1] * 8], data[data[1] * 8 :]
        kind = option[0]
        if kind == 1:
            require(len(option) == 8, "an Ethernet address")
            out.link_address = option[2:]
        elif kind == 3:
            length, flags, valid, preferred = struct.unpack("!BBII", option[2:12])
            require(len(option) == 32, "a prefix of 32 octets")
            out.prefixes[f"{text(option[16:])}/{length}"] = (flags, valid, preferred)
        elif kind == 5:
            require(len(option) == 8, "an MTU of 8 octets")
            out.mtu = struct.unpack("!I", option[4:])[0]
        elif kind == 24:
            length, _, lifetime = struct.unpack("!BBI", option[2:8])
            out.routes[f"{text((option[8:] + bytes(16))[:16])}/{length}"] = lifetime
        elif kind == 25:
            require(len(option) % 16 == 8, "whole addresses")
            for at in range(8, len(option), 16):
                out.dns[text(option[at : at + 16])] = struct.unpack("!I", option[4:8])[0]
        elif kind == 253:
            require(option[:6] == b"\xfd\x01\x45\x52\x01\x00", "EXT_ROUTE as specified")
            out.path = (option[6], option[7])
        elif kind == 21:
            require(out.domain is None, "one domain in an advertisement")
            out.domain = read_domain(option)
        else:
            raise Malformed(f"unexpected option {kind}")
    return out


@dataclass
class Advertisement:
    time: float  # when it came, by the kernel's wall clock
    frame: bytes
    mac: bytes
    source: str
    target: str
    header: Header
    options: Options

    @property
    def domain(self):
        return self.options.domain

    @property
    def works(self):
        return self.domain.header.lifetime > 0


class Listener:
    """Everything that comes in by one interface; `packets` is a packet socket of protocol 0x86dd there."""

    def __init__(self, packets):
        self.socket = packets
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)

    def next(self, deadline):
        """The next advertisement, whoever sent it; None when none comes until `deadline`."""
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame, ancillary, _, name = self.socket.recvmsg(65536, 256)
            except TimeoutError:
                return None
            packet = frame[14:]
            if name[2] == socket.PACKET_OUTGOING or packet[6] != ICMPV6 or packet[40] != ADVERTISEMENT:
                continue
            source, target, message = packet[8:24], packet[24:40], packet[40:]
            require(len(message) == struct.unpack("!H", packet[4:6])[0], "the length of the IPv6 header")
            require(packet[7] == 255, "hop limit 255")
            require(checksum(source, target, message) == 0, "the checksum")
            stamp = [struct.unpack("ll", data[:16]) for _, kind, data in ancillary if kind == SO_TIMESTAMPNS]
            seconds, nanoseconds = stamp[0]
            return Advertisement(
                seconds + nanoseconds * 1e-9,
                frame,
                frame[6:12],
                text(source),
                text(target),
                Header.read(message),
                read_options(message[16:]),
            )
        return None

    def until(self, what, condition, patience=10.0):
        """The first advertisement that fulfils the condition."""
        deadline = time.monotonic() + patience
        while heard := self.next(deadline):
            if condition(heard):
                return heard
        raise TimeoutError(f"not within {patience:g} s: {what}")

    def during(self, duration):
        """All that come in this time."""
        deadline, out = time.monotonic() + duration, []
        while heard := self.next(deadline):
            out.append(heard)
        return out

    def forget(self):
        """What has come so far."""
        self.during(0.001)


def solicitation(mac, source, hop_limit=255, options=b""):
    """A frame to all routers."""
    source, target = octets(source), octets(ALL_ROUTERS)
    message = bytes([SOLICITATION]) + bytes(7) + options
    message = message[:2] + struct.pack("!H", checksum(source, target, message)) + message[4:]
    head = struct.pack("!IHBB", 0x60000000, len(message), ICMPV6, hop_limit) + source + target
    return b"\x33\x33\x00\x00\x00\x02" + mac + b"\x86\xdd" + head + message
