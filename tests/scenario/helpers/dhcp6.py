# SPDX-License-Identifier: MIT
"""DHCPv6 as a client sees it (RFC 8415), packets made by hand: addresses (IA_NA) and prefixes (IA_PD) of
a path that is named in vendor option 17, enterprise 32473, sub-option 1 = (index, count)."""
import os
import socket
import struct
import time

SOLICIT, ADVERTISE, REQUEST, RENEW, REPLY, RELEASE = 1, 2, 3, 5, 7, 8
CLIENT_ID, SERVER_ID, IA_NA, IA_ADDRESS, ORO, ELAPSED, STATUS, VENDOR, DNS, IA_PD, IA_PREFIX = (
    1, 2, 3, 5, 6, 8, 13, 17, 23, 25, 26)  # fmt: skip
ENTERPRISE = 32473
NO_ADDRESSES, NO_PREFIX = 2, 6


def option(code, value):
    return struct.pack("!HH", code, len(value)) + value


def options_of(data):
    """Every option, as (code, value)."""
    out = []
    while len(data) >= 4:
        code, length = struct.unpack("!HH", data[:4])
        out.append((code, data[4 : 4 + length]))
        data = data[4 + length :]
    return out


class Answer:
    def __init__(self, packet):
        self.type = packet[0]
        self.options = options_of(packet[4:])
        self.addresses, self.prefixes, self.status, self.ended = [], [], [], []
        for code, value in self.options:
            if code == STATUS:
                self.status.append(struct.unpack("!H", value[:2])[0])
            if code not in (IA_NA, IA_PD):
                continue
            for inner, content in options_of(value[12:]):
                if inner == IA_ADDRESS:
                    valid = struct.unpack("!I", content[20:24])[0]
                    address = socket.inet_ntop(socket.AF_INET6, content[:16])
                    (self.addresses if valid else self.ended).append(address)
                if inner == IA_PREFIX:
                    valid, length = struct.unpack("!IB", content[4:9])
                    prefix = f"{socket.inet_ntop(socket.AF_INET6, content[9:25])}/{length}"
                    (self.prefixes if valid else self.ended).append(prefix)
                if inner == STATUS:
                    self.status.append(struct.unpack("!H", content[:2])[0])

    def all(self, code):
        return [value for found, value in self.options if found == code]

    def path(self):
        """(index, count), or nothing."""
        for value in self.all(VENDOR):
            if struct.unpack("!I", value[:4])[0] != ENTERPRISE:
                continue
            for code, content in options_of(value[4:]):
                if code == 1:
                    return tuple(content)
        return None


class Client:
    """One DUID on one interface. `sock` is an IPv6 UDP socket of that interface's namespace."""

    def __init__(self, sock, interface_number, duid=None):
        self.sock, self.interface = sock, interface_number
        self.duid = duid or b"\x00\x04" + os.urandom(16)
        self.server = None

    @staticmethod
    def bind(sock, interface):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("::", 546))
        return sock

    def ask(self, kind, path=None, addresses=(1,), prefixes=(), held=None, patience=3.0, more=b""):
        """Sends one message and returns all answers to it; `path` are the octets of sub-option 1, the
        others the IAIDs asked for. `held` is an Answer whose addresses and prefixes are named."""
        transaction = os.urandom(3)
        packet = bytes([kind]) + transaction + option(CLIENT_ID, self.duid) + option(ELAPSED, b"\0\0")
        if self.server and kind != SOLICIT:
            packet += option(SERVER_ID, self.server)
        packet += option(ORO, struct.pack("!HH", VENDOR, DNS))
        named = held.addresses if held else []
        for number, iaid in enumerate(addresses):
            inner = b""
            if number < len(named):
                inner = option(IA_ADDRESS, socket.inet_pton(socket.AF_INET6, named[number]) + bytes(8))
            packet += option(IA_NA, struct.pack("!III", iaid, 0, 0) + inner)
        named = held.prefixes if held else []
        for number, iaid in enumerate(prefixes):
            inner = b""
            if number < len(named):
                address, length = named[number].split("/")
                content = bytes(8) + bytes([int(length)]) + socket.inet_pton(socket.AF_INET6, address)
                inner = option(IA_PREFIX, content)
            packet += option(IA_PD, struct.pack("!III", iaid, 0, 0) + inner)
        if path is not None:
            packet += option(VENDOR, struct.pack("!I", ENTERPRISE) + option(1, bytes(path)))
        self.sock.sendto(packet + more, ("ff02::1:2", 547, 0, self.interface))
        deadline, answers = time.monotonic() + patience, []
        while (left := deadline - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(2048)
            except TimeoutError:
                break
            if data[1:4] == transaction:
                answers.append(Answer(data))
                # Copies of it come at once or never.
                deadline = min(deadline, time.monotonic() + 0.1)
        return answers

    def exchange(self, *arguments, **more):
        """The first answer, or nothing."""
        answers = self.ask(*arguments, **more)
        return answers[0] if answers else None

    def lease(self, path=None, **more):
        """Four messages; the Reply, or nothing."""
        offer = self.exchange(SOLICIT, path, **more)
        if offer is None or offer.type != ADVERTISE:
            return None
        self.server = offer.all(SERVER_ID)[0]
        return self.exchange(REQUEST, path, held=offer, **more)
