# SPDX-License-Identifier: MIT
"""Messages of RFC 8803, right and wrong ones, written without a look at our own codec."""
import ipaddress
import socket
import struct

MAGIC = 0x2263
INFO, CONNECT, EXTENDED_HEADER, SUPPORTED, COOKIE, ERROR = 1, 10, 20, 21, 22, 30
# Error codes (section 6.2.8).
UNSUPPORTED_VERSION, MALFORMED, UNSUPPORTED_MESSAGE, MISSING_COOKIE = 0, 1, 2, 3
NOT_AUTHORIZED, UNSUPPORTED_OPTION = 32, 33
RESOURCE_EXCEEDED, NETWORK_FAILURE = 64, 65
CONNECTION_RESET, UNREACHABLE = 96, 97


def padded(octets):
    return octets + bytes(-len(octets) % 4)


def message(*tlvs, version=1, words=None, magic=MAGIC):
    body = b"".join(tlvs)
    return struct.pack("!BBH", version, 1 + len(body) // 4 if words is None else words, magic) + body


def tlv(kind, value, words=None):
    value = padded(bytes([kind, 0]) + value)
    return bytes([kind, len(value) // 4 if words is None else words]) + value[2:]


def connect(address, port, options=b""):
    address = ipaddress.ip_address(address)
    octets = address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed
    return tlv(CONNECT, struct.pack("!H", port) + octets + options)


def info():
    return tlv(INFO, bytes(2))


def cookie(value):
    return tlv(COOKIE, bytes(2) + value)


class Answer:
    """What came: `tlvs` by type, `rest` behind the message, `end` is "closed", "reset" or "silence"."""

    def __init__(self, octets, end):
        self.octets, self.end, self.tlvs, self.rest = octets, end, {}, b""
        self.valid = len(octets) >= 4 and octets[0] == 1 and octets[2:4] == b"\x22\x63" and len(octets) >= 4 * octets[1] > 0
        if not self.valid:
            return
        size, at = 4 * octets[1], 4
        while at < size:
            kind, length = octets[at], 4 * octets[at + 1]
            self.tlvs[kind] = octets[at + 2:at + length]
            at += length
        self.valid = at == size
        self.rest = octets[size:]

    @property
    def error(self):
        """The code, or None."""
        return self.tlvs[ERROR][0] if ERROR in self.tlvs else None

    @property
    def value(self):
        """Of the error."""
        return self.tlvs[ERROR][1:]

    def __repr__(self):
        return f"{self.octets[:40].hex()} ({len(self.octets)} octets), then {self.end}"


def hear(connection, patience=5.0, enough=None):
    """All that comes until the end, or `patience` seconds without an octet, or `enough` octets."""
    connection.settimeout(patience)
    octets = b""
    try:
        while enough is None or len(octets) < enough:
            data = connection.recv(65536)
            if not data:
                return Answer(octets, "closed")
            octets += data
        return Answer(octets, "more")
    except ConnectionResetError:
        return Answer(octets, "reset")
    except socket.timeout:
        return Answer(octets, "silence")
