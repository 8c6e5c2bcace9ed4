# SPDX-License-Identifier: MIT
"""A router whose Router Advertisements are made by hand: provisioning domains (RFC 8801) with EXT_ROUTE,
right and wrong ones. It answers Router Solicitations and repeats itself every second."""
import hashlib
import hmac
import ipaddress
import socket
import struct
import threading
import time

ALL_NODES = "ff02::1"
ADVERTISEMENT, SOLICITATION = 134, 133


def header(lifetime, managed=False):
    """RFC 4861 section 4.2; the kernel fills in the checksum."""
    return struct.pack("!BBHBBHII", ADVERTISEMENT, 0, 0, 64, 0x80 if managed else 0, lifetime, 0, 0)


def prefix_information(prefix, valid=3600, preferred=1800, flags=0xC0):
    network = ipaddress.ip_network(prefix)
    return struct.pack("!BBBBIII", 3, 4, network.prefixlen, flags, valid, preferred, 0) + network.network_address.packed


def route_information(prefix, lifetime=900):
    network = ipaddress.ip_network(prefix)
    return struct.pack("!BBBBI", 24, 3, network.prefixlen, 0, lifetime) + network.network_address.packed


def resolvers(*addresses, lifetime=900):
    octets = b"".join(ipaddress.ip_address(address).packed for address in addresses)
    return struct.pack("!BBHI", 25, 1 + 2 * len(addresses), 0, lifetime) + octets


def mtu(value):
    return struct.pack("!BBHI", 5, 1, 0, value)


def ext_route(index, count):
    return struct.pack("!BBHBBBB", 253, 1, 0x4552, 1, 0, index, count)


def domain(name, *options, lifetime=None):
    """The PvD option; with a lifetime it carries a header of its own."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    flags = 0x00 if lifetime is None else 0x20
    body = bytes([flags, 0, 0, 0]) + labels
    body += bytes(-(len(body) + 2) % 8)
    if lifetime is not None:
        body += header(lifetime)
    body += b"".join(options)
    return bytes([21, (len(body) + 2) // 8]) + body


def of_path(index, count, lifetime=1800, name=None, options=None, outside=b""):
    """What a gateway says of a path: nothing outside of the domain but what is given."""
    if options is None:
        options = [prefix_information(f"2001:db8:{index}::/64"), resolvers(f"2001:db8:ff::{index}")]
    inside = domain(name or f"isp{index}.example", *options, ext_route(index, count), lifetime=lifetime)
    return header(lifetime if outside else 0) + outside + inside


def stable_address(secret, interface, path, network, prefix, counter):
    """RFC 7217 as the host is to do it: HMAC-SHA-256, in an implementation of its own."""
    def text(value):
        return struct.pack("!H", len(value)) + value.encode()

    first = ipaddress.ip_network(prefix).network_address.packed[:8]
    octets = first + text(interface) + struct.pack("!I", path) + text(network) + struct.pack("!I", counter)
    return str(ipaddress.ip_address(first + hmac.new(secret, octets, hashlib.sha256).digest()[:8]))


class Router:
    """On w0 of a Wire. `says` is {index: message}; path k is announced from fe80::616e:6162:0:k."""

    def __init__(self, wire):
        self.wire, self.says, self.solicited, self.repeats = wire, {}, 0, True
        self.ifindex = wire.inside(lambda: socket.if_nametoindex("w0"))
        self.sockets = {}
        self.ears = self.raw(None)
        self.lock = threading.Lock()
        threading.Thread(target=self.serve, daemon=True).start()

    def raw(self, source, hops=255):
        raw = self.wire.inside(lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"w0\0")
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, hops)
        if source:
            raw.bind((source, 0, 0, self.ifindex))
        else:
            group = socket.inet_pton(socket.AF_INET6, "ff02::2") + struct.pack("@I", self.ifindex)
            raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
            raw.settimeout(1)
        return raw

    def source(self, index):
        return f"fe80::616e:6162:0:{index:x}"

    def has(self, *indices):
        """Link-local addresses to announce paths from."""
        for index in indices:
            self.wire.command(f"ip addr add {self.source(index)}/64 dev w0 nodad")
            self.sockets[index] = self.raw(self.source(index))

    def send(self, message, index, raw=None):
        (raw or self.sockets[index]).sendto(message, (ALL_NODES, 0, 0, self.ifindex))

    def say(self, index, message):
        """From now on, and at once."""
        self.says[index] = message
        self.send(message, index)
        return time.monotonic()

    def serve(self):
        while True:
            try:
                if self.ears.recv(2048)[0] != SOLICITATION:
                    continue
                self.solicited += 1
            except TimeoutError:
                if not self.repeats:
                    continue
            for index, message in list(self.says.items()):
                try:
                    self.send(message, index)
                except OSError:  # the link is down
                    pass
