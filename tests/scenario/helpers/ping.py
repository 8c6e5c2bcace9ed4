#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One ICMP echo, for machines without ping. Usage: ping.py TARGET [SOURCE].

Exit code 0: answered, 1: nothing within a second, 2: ICMP destination unreachable.
"""
import os
import socket
import struct
import sys
import time


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ping6(target, source):
    identifier = os.getpid() & 0xFFFF
    echo = struct.pack("!BBHHH8s", 128, 0, 0, identifier, 1, b"anabranc")  # the kernel fills the checksum in
    raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    if source:
        raw.bind((source, 0))
    try:
        raw.sendto(echo, (target, 0))
    except OSError:
        return 2
    deadline = time.monotonic() + 1
    while (left := deadline - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            icmp = raw.recv(2048)
        except TimeoutError:
            return 1
        except OSError:
            return 2
        if icmp[0] == 129 and icmp[4:8] == echo[4:8]:
            return 0
        # An error quotes the packet it is about, from its 40 octets of IPv6 header on.
        if icmp[0] == 1 and icmp[8 + 40 :][4:8] == echo[4:8]:
            return 2
    return 1


def main():
    if ":" in sys.argv[1]:
        return ping6(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
    identifier = os.getpid() & 0xFFFF
    echo = struct.pack("!BBHHH8s", 8, 0, 0, identifier, 1, b"anabranc")
    echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    if len(sys.argv) > 2:
        raw.bind((sys.argv[2], 0))
    try:
        raw.sendto(echo, (sys.argv[1], 0))
    except OSError:
        return 2
    deadline = time.monotonic() + 1
    while (left := deadline - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            packet = raw.recv(2048)
        except TimeoutError:
            return 1
        icmp = packet[(packet[0] & 15) * 4 :]
        if icmp[0] == 0 and icmp[4:8] == echo[4:8]:
            return 0
        # An error quotes the packet it is about: its IP header, then eight octets of ours.
        if icmp[0] == 3 and icmp[8 + (icmp[8] & 15) * 4 :][4:8] == echo[4:8]:
            return 2
    return 1


sys.exit(main())
