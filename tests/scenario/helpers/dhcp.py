# SPDX-License-Identifier: MIT
"""A DHCP client made by hand, for scenarios that ask a server what it would do."""
import socket
import struct
import time

DISCOVER, OFFER, REQUEST, ACK, NAK, INFORM = 1, 2, 3, 5, 6, 8
MESSAGE, REQUESTED, SERVER, ROUTER, DNS, CLIENT, EXT_ROUTE = 53, 50, 54, 3, 6, 61, 224
COOKIE = b"\x63\x82\x53\x63"
PATIENCE = 3.0


class NoLease(Exception):
    pass


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Client:
    """One DHCP client with a client identifier of its own, over `packets`, a packet socket bound to its
    interface; `mac` is its hardware address unless that of the interface."""

    number = 0

    def __init__(self, packets, server_mac, server, mac=None):
        Client.number += 1
        self.xid = 0x1000 * Client.number
        self.identifier = b"\xff" + struct.pack("!I", Client.number) + b"\x00\x02" + b"anabranch"
        self.socket = packets
        self.mac = mac or packets.getsockname()[4]
        self.server_mac = server_mac
        self.server = server

    def frame(self, kind, ext_route=None, ciaddr="0.0.0.0", options=()):
        """One message as it goes over the wire."""
        self.xid += 1
        unicast = ciaddr != "0.0.0.0"
        dhcp = struct.pack("!4BIHH", 1, 1, 6, 0, self.xid, 0, 0 if unicast else 0x8000)
        dhcp += socket.inet_aton(ciaddr) + bytes(12) + self.mac + bytes(10 + 192) + COOKIE
        fields = [(MESSAGE, bytes([kind])), (CLIENT, self.identifier), *options]
        if ext_route is not None:
            fields.append((EXT_ROUTE, bytes(ext_route)))
        for code, value in fields:
            dhcp += bytes([code, len(value)]) + value
        dhcp += b"\xff"
        source = socket.inet_aton(ciaddr)
        target = socket.inet_aton(self.server if unicast else "255.255.255.255")
        udp = struct.pack("!4H", 68, 67, 8 + len(dhcp), 0) + dhcp
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source, target)
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        ethernet = (self.server_mac if unicast else b"\xff" * 6) + self.mac + b"\x08\x00"
        return ethernet + head + udp

    def exchange(self, kind, ext_route=None, ciaddr="0.0.0.0", options=(), patience=PATIENCE):
        """Sends one message and returns the answer as {option: value}, or None."""
        self.socket.send(self.frame(kind, ext_route, ciaddr, options))
        return self.receive(time.monotonic() + patience)

    def receive(self, deadline):
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame = self.socket.recv(4096)
            except TimeoutError:
                return None
            answer = parse(frame)
            if answer and answer["xid"] == self.xid:
                return answer
        return None

    def lease(self, ext_route=None, requested=None):
        """DISCOVER to ACK."""
        hint = [(REQUESTED, socket.inet_aton(requested))] if requested else []
        offer = self.exchange(DISCOVER, ext_route, options=hint)
        if not offer or offer[MESSAGE][0] != OFFER:
            raise NoLease(f"no OFFER for EXT_ROUTE {ext_route}")
        options = [(REQUESTED, socket.inet_aton(offer["address"])), (SERVER, offer[SERVER])]
        ack = self.exchange(REQUEST, ext_route, options=options)
        if not ack or ack[MESSAGE][0] != ACK:
            raise NoLease(f"no ACK for EXT_ROUTE {ext_route}")
        if ack["address"] != offer["address"]:
            raise NoLease("the ACK has another address than the OFFER")
        return ack


def parse(frame):
    """The answer of a server in a frame, as {option: value} with "xid" and "address"; None for others."""
    packet = frame[14:]
    start = (packet[0] & 15) * 4
    if packet[9] != 17 or packet[start : start + 4] != struct.pack("!HH", 67, 68):
        return None
    message = packet[start + 8 :]
    answer = {"xid": struct.unpack("!I", message[4:8])[0], "address": socket.inet_ntoa(message[16:20])}
    rest = message[240:]
    while rest and rest[0] != 255:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        answer[rest[0]] = rest[2 : 2 + rest[1]]
        rest = rest[2 + rest[1] :]
    return answer
