#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What runs in the kernel of servers behind `anabranch balancer`, with real MPTCP connections. Encapsulated packets are
unwrapped, over IPv4 and IPv6, also such as are many segments at once; strangers' are not. Connections are kept out of
where only further subflows go. Without any memory of the balancer's, connections outlive a new server that takes over
their places on the ring, and break where servers do not send them on.

Usage: balancer_server.py ANABRANCH, as root. Needs server_driver of the build beside it.
"""
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from balanced import BALANCER, BALANCER6, PORT, VIP, VIP6, Network, sysctl
from bpf import bpf_file_system
from namespaces import Skipped, expect, main, wait_until
from proxy_pair import Role

SERVERS = 4
CONNECTIONS = 40
OWN = "198.51.100.2{}"
MEGABYTE = 1 << 20
# As bpf/steering/server_entries.h has them.
COUNTED = ("unwrapped", "stranger", "wrapped-other", "wrapped-badly", "join", "no-join", "fragment", "malformed", "chained",
           "hops", "no-next-hop", "too-long")


def settings(pins, forward="ethernet", inserts=100000, weights=(1,) * SERVERS):
    lines = ["[balancer]", 'interface = "eth0"', f'pins = "{pins}/balancer"', f"inserts_per_second = {inserts}",
             f'encapsulation_sources = ["{BALANCER}", "{BALANCER6}"]']
    for address in (f"{VIP}:{PORT}", f"[{VIP6}]:{PORT}"):
        lines += ["[[vip]]", f'address = "{address}"', 'cures = ["port", "address"]']
    for number, weight in enumerate(weights, 1):
        lines += ["[[server]]", f'name = "server{number}"', f"id = {number}", f"weight = {weight}", f'forward = "{forward}"',
                  f'addresses = ["10.9.0.1{number}", "2001:db8:9::1{number}"]', f'join_addresses = ["{OWN.format(number)}"]']
    return "\n".join(lines)


class Equipped(Network):
    def __init__(self, executable, driver, folder, pins):
        super().__init__(SERVERS)
        self.driver, self.drivers, self.pins = driver, {}, pins
        self.role = Role(executable, self.balancer, folder / "balancer", "balancer", settings(pins))
        # What is encapsulated must fit.
        self.switch.ip(*[f"link set port{port} mtu 1600" for port in range(1, self.ports + 1)])
        for node in (self.balancer, *self.servers.values()):
            node.ip("link set eth0 mtu 1600")
        for number, server in self.servers.items():
            server.ip(f"address add {OWN.format(number)}/32 dev lo")
            self.client.ip(f"route add {OWN.format(number)} via 10.9.0.1{number}")

    def configure(self, **changes):
        self.role.config.write_text(settings(self.pins, **changes))
        self.balancer.run(self.role.executable, "balancer", "reload", env=self.role.environment)

    def equip(self):
        """In place of what may be there."""
        for number, server in self.servers.items():
            if number in self.drivers:
                self.drivers[number].kill()
                self.drivers[number].wait()
            self.drivers[number] = server.start(self.driver_on(number), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for driver in self.drivers.values():
            expect(driver.stdout.readline() == "ready\n", "a server's program is not there")

    def driver_on(self, number):
        return [self.driver, str(self.role.config), f"server{number}", "eth0", f"{self.pins}/server{number}"]

    def tell(self, line):
        """All servers; what each answers."""
        for driver in self.drivers.values():
            driver.stdin.write(line + "\n")
            driver.stdin.flush()
        return [driver.stdout.readline().split()[1:] for driver in self.drivers.values()]

    def count(self, what):
        return sum(int(answer[COUNTED.index(what)]) for answer in self.tell("counts"))

    def connects(self, address, protocol=0):
        client = self.client.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, protocol)
        client.settimeout(2)
        with client:
            try:
                client.connect((address, PORT))
            except TimeoutError:
                return False
            return True

    def transfer(self, what, count, address, octets):
        self.end(self.begin(count, address, octets))
        print(f"{what}: {count} x {octets // MEGABYTE} MB", flush=True)


def unwrapped(net):
    net.configure(forward="encapsulate")
    expect(not net.connects(VIP), "servers unwrap by themselves: this shows nothing")
    expect(net.connects(OWN.format(1)), "the wall is there already: this shows nothing")
    net.equip()
    net.announce(f"{VIP} port {{port}}", f"{VIP6} port {{port}}")
    net.joins_from("subflow fullmesh")
    for address in (VIP, VIP6):
        joined, missed, unwrapped_before = *net.of_servers("MPJoinAckRx", "MPJoinNoTokenFound"), net.count("unwrapped")
        sender = net.begin(CONNECTIONS, address)
        wait_until("every further subflow has joined", lambda: net.of_servers("MPJoinAckRx")[0] >= joined + CONNECTIONS, 30)
        net.end(sender)
        expect(net.of_servers("MPJoinNoTokenFound")[0] == missed, "further subflows were misrouted")
        expect(net.count("unwrapped") > unwrapped_before, "nothing was encapsulated")
        net.transfer(f"encapsulated to {address}", 2, address, 20 * MEGABYTE)
    expect(net.count("wrapped-badly") == 0 and net.count("stranger") == 0, f"odd packets: {net.tell('counts')}")


def strangers(net):
    """A client cannot get past the balancer by an outer header of its own."""
    with net.client.socket(socket.AF_INET, socket.SOCK_RAW, 4) as tunnel:
        tunnel.sendto(bytes.fromhex("45000028000040004006000001020304c633640a") + bytes(20), ("10.9.0.11", 0))
    wait_until("a stranger's packet is counted", lambda: net.count("stranger") == 1)


def walled(net):
    """A server's own address is for further subflows only."""
    lost = net.count("no-join")
    expect(not net.connects(OWN.format(1)) and not net.connects(OWN.format(1), 262), "a connection begins at a join address")
    expect(net.count("no-join") > lost, "nothing was dropped at the join address")
    net.announce(OWN)
    joined = net.of_servers("MPJoinAckRx")[0]
    sender = net.begin(CONNECTIONS, VIP)
    wait_until("further subflows join past the balancer", lambda: net.of_servers("MPJoinAckRx")[0] >= joined + CONNECTIONS, 30)
    net.end(sender)


def killed(net):
    """What is in the kernel goes on, and is taken over."""
    before = net.count("unwrapped")
    sender = net.begin(CONNECTIONS, VIP)
    for driver in net.drivers.values():
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    net.end(sender)
    net.transfer("with the servers' processes killed", 2, VIP6, 10 * MEGABYTE)
    net.equip()
    expect(net.count("unwrapped") > before, "counts did not outlive the process")
    filters = net.servers[1].run("tc", "filter", "show", "dev", "eth0", "ingress").count("direct-action")
    expect(filters == 1, f"the program is attached {filters} times")


def beside_the_balancer(net):
    done = net.balancer.command(*net.driver_on(1), stdin=subprocess.DEVNULL)
    expect(done.returncode == 1 and "two machines" in done.stderr, f"a server on the balancer's interface: {done.stderr}")


def places_move(net, forward, begun, told):
    """Connections by the ring alone; what became of them when a new server had taken over a part of its places."""
    net.configure(forward=forward, inserts=0, weights=(1, 1, 1, 0))
    net.tell("forget")
    senders = [begin() for begin in begun]
    if told:
        net.tell("moved 1,2,3 1,2,3,4")
    net.configure(forward=forward, inserts=0)
    return senders


def broken_without(net):
    # A client's kernel gives a connection that has lost its only subflow this long to get another.
    sysctl(net.client, mptcp__close_timeout=2)
    sender, = places_move(net, "ethernet", [lambda: net.begin(CONNECTIONS, VIP)], False)
    _, _, missing = net.outcome(sender)
    print(f"without histories {missing} of {CONNECTIONS} connections break", flush=True)
    expect(missing > 0, "places have moved and no connection broke: this shows nothing")


def chained(net, forward, address):
    before = net.count("chained")
    slow, fast = places_move(net, forward, [lambda: net.begin(CONNECTIONS, address),
                                            lambda: net.begin(8, address, 5 * MEGABYTE)], True)
    wait_until("segments are sent on", lambda: net.count("chained") > before, 30)
    net.end(fast)
    fresh = net.begin(CONNECTIONS, address)
    net.end(slow)
    net.end(fresh)
    print(f"{forward}, {address}: {net.count('chained') - before} packets sent on, no connection broke", flush=True)


def scenario(executable, folder):
    driver = os.path.join(os.path.dirname(executable), "server_driver")
    if not os.access(driver, os.X_OK):
        raise Skipped("no server_driver beside the executable")
    with bpf_file_system(folder) as pins:
        net = Equipped(executable, driver, folder, pins)
        net.listen()
        net.role.start()
        for step in (unwrapped, strangers, walled, killed, beside_the_balancer):
            step(net)
        net.announce()
        net.client.ip("mptcp endpoint flush")
        broken_without(net)
        for forward in ("ethernet", "encapsulate"):
            net.configure(forward=forward)
            net.equip()
            for address in (VIP, VIP6):
                chained(net, forward, address)


main(scenario)
