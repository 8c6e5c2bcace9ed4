# SPDX-License-Identifier: MIT
"""A DHCPv6 server made by hand, on w0 of a Wire, that speaks of provisioning domains (OPTION_PVD)."""
import ipaddress
import socket
import struct
import threading

SOLICIT, ADVERTISE, CONFIRM, RENEW, REPLY = 1, 2, 4, 5, 7


def option(code, value):
    return struct.pack("!HH", code, len(value)) + value


def options_in(octets):
    out = {}
    while octets:
        code, length = struct.unpack("!HH", octets[:4])
        out.setdefault(code, octets[4 : 4 + length])
        octets = octets[4 + length :]
    return out


class ContainerServer:
    """Says everything in containers of provisioning domains, of every path it has, in every answer."""

    def __init__(self, wire, paths):
        self.paths, self.heard, self.answering = paths, [], True
        self.socket = wire.inside(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        ifindex = wire.inside(lambda: socket.if_nametoindex("w0"))
        group = socket.inet_pton(socket.AF_INET6, "ff02::1:2") + struct.pack("@I", ifindex)
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("::", 547))
        threading.Thread(target=self.serve, daemon=True).start()

    def container(self, index, iaid):
        address = option(5, ipaddress.ip_address(self.paths[index]).packed + struct.pack("!II", 300, 600))
        name = f"isp{index}.example".encode()
        route = option(17, struct.pack("!I", 32473) + option(1, bytes([index, 3])))
        inside = option(65002, bytes([5, len(name)]) + name) + option(3, iaid + struct.pack("!II", 2, 400) + address) + route
        return option(65001, inside)

    def serve(self):
        while True:
            message, sender = self.socket.recvfrom(2048)
            asked = options_in(message[4:])
            self.heard.append((message[0], asked))
            if not self.answering:
                continue
            answer = bytes([ADVERTISE if message[0] == SOLICIT else REPLY]) + message[1:4]
            answer += option(1, asked[1]) + option(2, b"\0\2\0\0\x7e\xd9server") + option(7, b"\xff")
            answer += b"".join(self.container(index, asked[3][:4]) for index in self.paths)
            try:
                self.socket.sendto(answer, sender)
            except OSError:  # just after the link's return w0 has no address yet
                pass
