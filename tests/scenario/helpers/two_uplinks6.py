# SPDX-License-Identifier: MIT
"""`anabranch gateway run` with two IPv6 uplinks and a LAN (a bridge) in the namespace of the script. Behind
both uplinks answers one server, which says which uplink a connection came by.

  hosts --- bridge lan0 [gateway] up1 --- isp1, has the server 2001:db8:ffff::1
                                  up2 --- isp2, has the same server
"""
import ipaddress
import json
import os
import socket
import subprocess
import threading

from lan import Network, cable, expect, read, stop, wait_until, write

SERVER = ("2001:db8:ffff::1", 7000)
ROUTERS = {k: f"fe80::616e:6162:0:{k}" for k in (1, 2)}
RESOLVERS = {k: f"2001:db8:53::{k}" for k in (1, 2)}
PREFIXES = {k: ipaddress.ip_network(f"2001:db8:{k}::/64") for k in (1, 2)}
DELEGATED = {1: ipaddress.ip_network("2001:db8:8000::/40"), 2: ipaddress.ip_network("2001:db8:9000::/40")}
PIECE = 20_000

CONFIG = """dhcp = "off"
[lan]
interface = "lan0"
[advertise]
interval = "4s"
"""
UPLINK = """[[uplink]]
name = "isp{0}"
interface = "up{0}"
index = {0}
dns = ["{1}"]
[uplink.ipv6]
source_prefix = "{2}"
next_hop = "fe80::b:{0}"
delegated = "{3}"
delegated_length = 56
"""
DHCP6 = '[dhcp6]\nmode = "kea"\nlease_time = "30s"\n'


class Gateway:
    def __init__(self, anabranch):
        self.anabranch = anabranch
        self.network = here = Network(ipv6=True)
        here.ip("link add lan0 type bridge mcast_snooping 0")
        here.ip("link set lan0 up")
        self.isps = {k: Network(f"isp{k}", ipv6=True) for k in (1, 2)}
        for k, isp in self.isps.items():
            cable(here, f"up{k}", isp, "w")
            here.ip(f"address add fe80::a:{k}/64 dev up{k} nodad")
            isp.ip(f"address add {SERVER[0]}/128 dev lo nodad")
            self.give_address(k)
            serve(isp)
        self.environment = {"RUNTIME_DIRECTORY": "/run/gateway", "STATE_DIRECTORY": "/run/gateway-state"}
        self.configure("")
        self.process = here.popen([anabranch, "--log-level", "debug", "gateway", "run", "-c", "/run/gateway.toml"],
                                  "/run/gateway.log", self.environment)
        wait_until("the gateway is ready", lambda: "gateway is ready" in read("/run/gateway.log"), 20)

    def configure(self, more):
        uplinks = (UPLINK.format(k, RESOLVERS[k], PREFIXES[k], DELEGATED[k]) for k in (1, 2))
        write("/run/gateway.toml", CONFIG + more + "".join(uplinks))

    def do(self, *verb):
        done = subprocess.run([self.anabranch, "gateway", *verb], capture_output=True, text=True, check=False,
                              env={**os.environ, **self.environment})
        expect(done.returncode == 0, f"{verb}: {done.stderr}")
        return done.stdout

    def reload(self, more):
        self.configure(more)
        self.do("reload")

    def show(self):
        return json.loads(self.do("show", "-j"))

    def give_address(self, k):
        """Addresses of an interface and routes by it go when it is set down."""
        self.isps[k].ip(f"address replace fe80::b:{k}/64 dev w nodad")
        for prefix in (PREFIXES[k], DELEGATED[k]):
            self.isps[k].ip(f"route replace {prefix} via fe80::a:{k} dev w")

    def attach(self, network, interface, port):
        cable(self.network, port, network, interface)
        self.network.ip(f"link set {port} master lan0")

    def says(self, text):
        return read("/run/gateway.log").count(text)

    def cut(self, k):
        before = self.says(f"isp{k} (path {k}) is down")
        self.isps[k].ip("link set w down")
        wait_until(f"isp{k} is down", lambda: self.says(f"isp{k} (path {k}) is down") > before)

    def heal(self, k):
        before = self.says(f"isp{k} (path {k}) is back")
        self.isps[k].ip("link set w up")
        self.give_address(k)
        wait_until(f"isp{k} is back", lambda: self.says(f"isp{k} (path {k}) is back") > before)

    def stop(self):
        stop(self.process)


def serve(network):
    """Tells each caller this network's name and the address it is seen with, then says again what it hears."""
    def talk(peer, seen):
        with peer:
            peer.sendall(f"{network.name} {seen[0]}\n".encode())
            while data := peer.recv(65536):
                peer.sendall(data)

    def loop(server):
        while True:
            threading.Thread(target=talk, args=server.accept(), daemon=True).start()

    server = network.call(lambda: socket.create_server(SERVER, family=socket.AF_INET6, backlog=32))
    threading.Thread(target=loop, args=(server,), daemon=True).start()


class Conversation:
    """A TCP connection with the server; from an address of the kernel's choice, unless one is given."""

    def __init__(self, network, source=None):
        self.socket = network.call(
            lambda: socket.create_connection(SERVER, 3, (source, 0) if source else None))
        self.socket.settimeout(5)
        answer = b""
        while not answer.endswith(b"\n"):
            got = self.socket.recv(1)
            if not got:
                raise OSError("the server has nothing to say")
            answer += got
        self.way, self.seen = answer.decode().split()

    def carries(self):
        """200,000 octets there and back."""
        for _ in range(10):
            sent, got = os.urandom(PIECE), b""
            self.socket.sendall(sent)
            while len(got) < PIECE:
                if not (more := self.socket.recv(PIECE)):
                    return False
                got += more
            if got != sent:
                return False
        return True


def talk(network, source=None):
    """Once it works; nothing until then."""
    try:
        return Conversation(network, source)
    except OSError:
        return None
