#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a path manager announces, and what a peer makes of it.

    [client] c1 10.1.0.2 --- 10.1.0.1 s1 [server]
             c2 10.2.0.2 --- 10.2.0.1 s2

Usage: paths_announce.py ANABRANCH, as root or as an ordinary user. Mostly `anabranch paths run` is on the server
and the client is Linux as it is: it joins what it is told of, and `ip mptcp monitor` there says what it was told.
"""
import os
import re
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from lan import Network, Skipped, cable, expect, program, read, scenario, stop, wait_until

MPTCP = 262
PORT = 4430
INITIAL, FURTHER = "10.1.0.1", "10.2.0.1"
PAUSE = 0.05


class Case:
    """Two networks of their own, and what runs in them until end()."""

    def __init__(self, anabranch, name, limits="subflows 4 add_addr_accepted 4"):
        self.anabranch, self.name = anabranch, name
        self.client, self.server = Network(f"{name}-c"), Network(f"{name}-s")
        for path in (1, 2):
            cable(self.client, f"c{path}", self.server, f"s{path}")
            self.client.ip(f"address add 10.{path}.0.2/24 dev c{path}")
            self.server.ip(f"address add 10.{path}.0.1/24 dev s{path}")
            route(self.client, f"c{path}", path, 2, 1)
            route(self.server, f"s{path}", path, 1, 2)
        for network in (self.client, self.server):
            for interface in ("all", "default"):
                network.sysctl(f"net/ipv4/conf/{interface}/rp_filter", 0)
            network.run(f"ip mptcp limits set {limits}")
        self.processes, self.sockets = [], []
        self.told = f"/run/{name}-told.log"
        self.start(self.client, ["ip", "mptcp", "monitor"], self.told)

    def start(self, network, arguments, log, environment=None):
        self.processes.append(network.popen(arguments, log, environment))
        return self.processes[-1]

    def role(self, network, config=""):
        folder = f"/run/{network.name}"
        os.makedirs(folder, exist_ok=True)
        log = f"{folder}.log"
        with open(f"{folder}/paths.toml", "w") as file:
            # The root of cgroup2 is the whole machine's: no program of a test belongs there.
            file.write(config + "[limits]\nbpf = false\n")
        arguments = [self.anabranch, "--log-level", "debug", "paths", "run", "-c", f"{folder}/paths.toml"]
        running = self.start(network, arguments, log, {"RUNTIME_DIRECTORY": folder, "STATE_DIRECTORY": folder})

        def ready():
            expect(running.poll() is None, f"the path manager of {network.name} ended")
            return "connections of this network namespace are managed here" in read(log)
        wait_until(f"the path manager of {network.name} is ready", ready)

    def listen(self, address, port=PORT, protocol=MPTCP):
        """An application that takes connections and echoes."""
        def make():
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(16)
            return listener
        listener = self.server.call(make)
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        self.sockets.append(listener)
        return listener

    def connect(self, address=INITIAL, port=PORT, protocol=MPTCP):
        def make():
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
            connection.settimeout(5)
            connection.connect((address, port))
            return connection
        connection = self.client.call(make)
        self.sockets.append(connection)
        return connection

    def talk(self, connection):
        """The first octets end the handshake for both sides."""
        connection.sendall(b"?")
        expect(connection.recv(1) == b"?", "the connection carries data")

    def connected(self):
        connection = self.connect()
        self.talk(connection)
        return connection

    def announced(self):
        """Of every ADD_ADDR the client took: (id, address, port)."""
        lines = [line for line in read(self.told).splitlines() if "ANNOUNCED" in line]
        return [(int(field(line, "remid")), field(line, "daddr4"), int(field(line, "dport"))) for line in lines]

    def removed(self):
        return [int(field(line, "remid")) for line in read(self.told).splitlines() if "REMOVED" in line]

    def subflows(self):
        """The server's ends of established subflows by joining: addresses with ports."""
        lines = [line for line in read(self.told).splitlines() if "SF_ESTABLISHED" in line]
        return [(field(line, "daddr4"), int(field(line, "dport"))) for line in lines]

    def counter(self, network, name):
        pairs = network.run("cat /proc/net/netstat").splitlines()
        for names, values in zip(pairs[::2], pairs[1::2]):
            if names.startswith("MPTcpExt:"):
                return dict(zip(names.split()[1:], map(int, values.split()[1:]))).get(name, 0)
        return 0

    def wait_joined(self, place, times=1):
        wait_until(f"{self.name}: the client joins {place}", lambda: self.subflows().count(place) >= times)

    def end(self):
        for process in reversed(self.processes):
            stop(process)
        for each in self.sockets:
            each.close()


def route(network, interface, path, own, other):
    """As a careful administrator does it: packets of each address leave by its own interface."""
    network.ip(f"route add default via 10.{path}.0.{other} dev {interface} metric {path}")
    network.ip(f"route add 10.{path}.0.0/24 dev {interface} table 10{path}")
    network.ip(f"route add default via 10.{path}.0.{other} dev {interface} table 10{path}")
    network.ip(f"rule add from 10.{path}.0.{own} lookup 10{path}")


def restore(network):
    """What the kernel forgot with the address of s2."""
    network.ip("route replace default via 10.2.0.2 dev s2 metric 2")
    network.ip("route replace 10.2.0.0/24 dev s2 table 102")
    network.ip("route replace default via 10.2.0.2 dev s2 table 102")


def echo(listener):
    """Ends when the listener is closed."""
    def serve(connection):
        try:
            while data := connection.recv(4096):
                connection.sendall(data)
        except OSError:
            pass
        connection.close()

    try:
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
    except OSError:
        return


def field(line, name):
    found = re.search(rf"\b{name}=(\S+)", line)
    return found.group(1) if found else "0"


def listeners(network):
    """Places where somebody listens."""
    return {line.split()[3] for line in network.run("ss -Hltn").splitlines()}


def application_on_every_address(anabranch):
    case = Case(anabranch, "every")
    case.listen("0.0.0.0")
    case.role(case.server)
    case.connected()
    case.wait_joined((FURTHER, PORT))
    expect(listeners(case.server) == {f"0.0.0.0:{PORT}"}, f"no listener is needed: {listeners(case.server)}")
    expect(case.announced() == [(1, FURTHER, PORT)], f"announced once: {case.announced()}")
    return case


def application_on_one_address(anabranch):
    case = Case(anabranch, "one")
    case.listen(INITIAL)
    case.role(case.server)
    connection = case.connected()
    case.wait_joined((FURTHER, PORT))
    expect(f"{FURTHER}:{PORT}" in listeners(case.server), "our listener is there")
    try:
        end = case.connect(FURTHER, protocol=0).recv(1)
    except ConnectionResetError:
        end = "reset"
    expect(end == "reset", "who connects to it without joining is reset")
    case.talk(connection)
    connection.close()
    wait_until("our listener is closed a while after the connection",
               lambda: f"{FURTHER}:{PORT}" not in listeners(case.server), 20)
    return case


def port_taken_by_a_tcp_server(anabranch):
    case = Case(anabranch, "taken")
    case.listen(INITIAL)
    case.listen(FURTHER, protocol=0)
    case.role(case.server)
    case.connected()
    wait_until("an announcement with a port", lambda: case.announced())
    identifier, address, port = case.announced()[0]
    expect(address == FURTHER and port not in (0, PORT), f"with another port: {case.announced()}")
    expect(case.counter(case.client, "PortAdd") == 1, "the option has the port in it")
    case.wait_joined((FURTHER, port))
    return case


def address_goes_and_comes_back(anabranch):
    case = Case(anabranch, "back")
    case.listen("0.0.0.0")
    case.role(case.server)
    connection = case.connected()
    case.wait_joined((FURTHER, PORT))
    first = case.announced()[-1][0]
    case.server.ip(f"address del {FURTHER}/24 dev s2")
    wait_until("the client is told that it is gone", lambda: first in case.removed())
    case.talk(connection)
    case.server.ip(f"address add {FURTHER}/24 dev s2")
    restore(case.server)
    case.wait_joined((FURTHER, PORT), 2)
    again = case.announced()[-1][0]
    expect(again != first, f"with a fresh id: {case.announced()}")
    # A new address is announced to the connection that runs.
    case.client.ip("address add 10.3.0.2/24 dev c2")
    case.server.ip("address add 10.3.0.1/24 dev s2")
    route(case.server, "s2", 3, 1, 2)
    case.wait_joined(("10.3.0.1", PORT))
    case.talk(connection)
    return case


def only_announced_addresses_may_be_joined(anabranch):
    case = Case(anabranch, "closed")
    case.server.sysctl("net/mptcp/allow_join_initial_addr_port", 0)
    case.client.run("ip mptcp endpoint add 10.2.0.2 dev c2 subflow fullmesh")
    case.listen("0.0.0.0")
    case.role(case.server)
    case.connected()
    case.wait_joined((FURTHER, PORT))
    time.sleep(1)  # nothing more is expected
    expect(all(place[0] == FURTHER for place in case.subflows()), f"joined: {case.subflows()}")
    expect(all(told[1] == FURTHER for told in case.announced()), f"announced: {case.announced()}")
    return case


def peer_forbids_its_initial_address(anabranch):
    """The role is on the client now, and the server is Linux as it is."""
    case = Case(anabranch, "forbids")
    case.server.sysctl("net/mptcp/allow_join_initial_addr_port", 0)
    case.listen("0.0.0.0")
    case.role(case.client)
    case.connected()
    time.sleep(2)  # nothing is expected
    expect(case.counter(case.client, "MPJoinSynTx") == 0, "the initial address is not joined")
    case.server.run(f"ip mptcp endpoint add {FURTHER} dev s2 signal")
    case.wait_joined((FURTHER, PORT))
    expect(all(place[0] == FURTHER for place in case.subflows()), f"joined: {case.subflows()}")
    return case


def announcement_lost_on_the_way(anabranch):
    case = Case(anabranch, "lost")
    program("nft")
    case.listen("0.0.0.0")
    case.role(case.server)
    drop = "add table ip t; add chain ip t in { type filter hook input priority 0; }; " \
           "add rule ip t in tcp option mptcp subtype 3 drop"
    case.client.call(lambda: expect(os.system(f"nft '{drop}'") == 0, "nft knows MPTCP options"))
    connection = case.connected()
    # The kernel gives up 1.5 s after each sending: ours at 0 and 1 s are lost with all their repeats.
    end = time.monotonic() + 2.8
    while time.monotonic() < end:
        case.talk(connection)
        time.sleep(PAUSE)
    expect(not case.announced(), "nothing has arrived so far")
    case.client.call(lambda: os.system("nft delete table ip t"))
    case.wait_joined((FURTHER, PORT))
    return case


CASES = (application_on_every_address, application_on_one_address, port_taken_by_a_tcp_server,
         address_goes_and_comes_back, only_announced_addresses_may_be_joined, peer_forbids_its_initial_address,
         announcement_lost_on_the_way)


def run(anabranch):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP).close()
    except OSError as error:
        raise Skipped(f"no MPTCP: {error}")
    for case in CASES:
        if len(sys.argv) < 3 or case.__name__ in sys.argv[2:]:
            case(anabranch).end()
            print(case.__name__.replace("_", " "))


if __name__ == "__main__":
    scenario(run, "ip", "nft", "ss")
