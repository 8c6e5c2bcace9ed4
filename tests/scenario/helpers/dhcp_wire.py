# SPDX-License-Identifier: MIT
"""The far end of a host's cable: DHCP servers and other stations, with frames made by hand.

    h0 (the host, 10.1.0.50/16) ---- w0 (everybody else, in a network namespace of its own)
"""
import ctypes
import socket
import struct
import subprocess
import threading
import time

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
MASK, ROUTER, REQUESTED, LEASE, MESSAGE, SERVER, T1, T2, EXT_ROUTE = 1, 3, 50, 51, 53, 54, 58, 59, 224
COOKIE = b"\x63\x82\x53\x63"
BROADCAST = b"\xff" * 6
STRANGER = bytes.fromhex("020000000099")
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failed(what)


def command(text):
    subprocess.run(text.split(), check=True, timeout=20)


def wait_until(what, condition, patience=10.0):
    deadline = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        expect(time.monotonic() < deadline, f"not within {patience:g} s: {what}")
        time.sleep(0.02)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def only(packets, *protocols):
    """A packet socket's kernel lets through frames of these EtherTypes alone: whoever floods the wire with
    others does not keep its reader busy. Two protocols."""
    one, other = protocols
    code = ((0x28, 0, 0, 12), (0x15, 1, 0, one), (0x15, 0, 1, other), (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
    packets.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HL", len(code), ctypes.addressof(program)))  # SO_ATTACH_FILTER


def udp_frame(target_mac, source_mac, source, target, payload):
    """A packet from port 67 to port 68."""
    udp = struct.pack("!4H", 67, 68, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source, target)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return target_mac + source_mac + b"\x08\x00" + head + udp


def dhcp_reply(xid, chaddr, kind, yiaddr, options):
    body = struct.pack("!4BIHH", 2, 1, 6, 0, xid, 0, 0) + bytes(4) + socket.inet_aton(yiaddr) + bytes(8)
    body += chaddr + bytes(10 + 192) + COOKIE + bytes([MESSAGE, 1, kind])
    for code, value in options.items():
        body += bytes([code, len(value)]) + value
    return body + b"\xff"


class Message:
    """What a client sent."""

    def __init__(self, frame, payload):
        self.broadcast = frame[:6] == BROADCAST
        self.xid = struct.unpack("!I", payload[4:8])[0]
        self.ciaddr = socket.inet_ntoa(payload[12:16])
        self.chaddr = payload[28:34]
        self.options = {}
        rest = payload[240:]
        while rest and rest[0] != 255:
            if rest[0] == 0:
                rest = rest[1:]
                continue
            self.options[rest[0]] = rest[2 : 2 + rest[1]]
            rest = rest[2 + rest[1] :]
        self.kind = self.options[MESSAGE][0]
        self.index = self.options.get(EXT_ROUTE, b"\0")[0]

    def address(self, code):
        return socket.inet_ntoa(self.options[code]) if code in self.options else None


class Server:
    """A DHCP server without a memory: it gives what it is told to give."""

    def __init__(self, address, lease=600, t1=None, t2=None):
        self.address, self.mac = address, bytes([2, 0]) + socket.inet_aton(address)
        self.lease, self.t1, self.t2 = lease, t1, t2
        self.count, self.length = 2, 16
        self.offers = {}  # by index
        self.informs = self.offering = self.answering = True
        self.refuse_renewal = False

    def answer(self, message):
        """(kind, address) or nothing."""
        given = self.offers.get(message.index)
        if message.kind == INFORM and self.informs:
            return ACK, "0.0.0.0"
        if message.kind == DISCOVER and self.offering and given:
            return OFFER, given
        if message.kind == REQUEST and self.answering:
            if message.ciaddr == "0.0.0.0":
                return (ACK, given) if message.address(SERVER) == self.address else None
            return (NAK, "0.0.0.0") if self.refuse_renewal else (ACK, message.ciaddr)
        return None

    def options(self, index, kind):
        out = {SERVER: socket.inet_aton(self.address)}
        if kind == NAK:
            return out
        out[EXT_ROUTE] = bytes([index or 1, self.count])
        if index:
            out[MASK] = struct.pack("!I", 0xFFFFFFFF << (32 - self.length) & 0xFFFFFFFF)
            out[ROUTER] = socket.inet_aton(f"10.{index}.0.1")
            out[LEASE] = struct.pack("!I", self.lease)
            for code, value in ((T1, self.t1), (T2, self.t2)):
                if value:
                    out[code] = struct.pack("!I", value)
        return out


class Wire:
    """The far end of the host's cable, in a network namespace of its own."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 600"], stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        command("ip link set lo up")
        command(f"ip link add h0 type veth peer name w0 netns {self.holder.pid}")
        command(f"nsenter -t {self.holder.pid} -n ip link set w0 up")
        command("ip addr add 10.1.0.50/16 dev h0")
        command("ip link set h0 up")
        self.socket = self.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
        self.socket.bind(("w0", 0))
        only(self.socket, 0x0800, 0x0806)
        self.servers = []
        self.used = {}  # address: Ethernet address of the station that has it
        self.messages = []  # DHCP, (time, Message)
        self.arp = []  # (sender's Ethernet address, sender, target)
        self.extra = None  # called with every REQUEST before it is answered
        threading.Thread(target=self.serve, daemon=True).start()

    def inside(self, function):
        """Runs it in the wire's network namespace."""
        with open("/proc/self/ns/net") as own, open(f"/proc/{self.holder.pid}/ns/net") as other:
            expect(LIBC.setns(other.fileno(), CLONE_NEWNET) == 0, "cannot enter the wire's namespace")
            try:
                return function()
            finally:
                LIBC.setns(own.fileno(), CLONE_NEWNET)

    def serve(self):
        while True:
            try:
                frame = self.socket.recv(4096)
            except OSError:  # w0 has been set down
                continue
            if self.socket.getsockname()[4] == frame[6:12]:
                continue
            kind = frame[12:14]
            if kind == b"\x08\x06":
                self.hear_arp(frame)
            elif kind == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\x00\x43":
                self.hear_dhcp(Message(frame, frame[42:]))

    def hear_arp(self, frame):
        sender, target = socket.inet_ntoa(frame[28:32]), socket.inet_ntoa(frame[38:42])
        self.arp.append((frame[22:28], sender, target))
        if frame[20:22] == b"\0\1" and sender != target and target in self.used:
            self.claim(target, self.used[target], frame[22:28])

    def hear_dhcp(self, message):
        self.messages.append((time.monotonic(), message))
        if self.extra:
            self.extra(message)
        for server in self.servers:
            answer = server.answer(message)
            if answer:
                self.reply(server, message, *answer)

    def reply(self, server, message, kind, address, changes=()):
        options = server.options(message.index, kind) | dict(changes)
        payload = dhcp_reply(message.xid, message.chaddr, kind, address, options)
        source, target = socket.inet_aton(server.address), socket.inet_aton("255.255.255.255")
        self.socket.send(udp_frame(message.chaddr, server.mac, source, target, payload))

    def claim(self, address, mac=STRANGER, target_mac=BROADCAST):
        """An ARP reply: `mac` has `address`."""
        arp = bytes.fromhex("0001080006040002") + mac + socket.inet_aton(address) + target_mac + bytes(4)
        self.socket.send(target_mac + mac + b"\x08\x06" + arp)

    def heard(self, kind, index=2):
        return [m for _, m in list(self.messages) if m.kind == kind and m.index == index]
