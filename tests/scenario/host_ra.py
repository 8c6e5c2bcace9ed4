#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The host role on a wire with Router Advertisements: paths of provisioning domains with and without
DHCPv4, withdrawals, taken addresses, floods and garbage, a restart, somebody who deletes things.

Usage: host_ra.py ANABRANCH [PART...], as root or as an ordinary user. Ends with "ok" (exit 0), "SKIP: why"
(exit 77) or "FAILED: why" (exit 1). The parts run side by side, each in namespaces of its own:

    h0 (the host, 10.1.0.50/16) ---- w0 (a router, a DHCP server and other stations)
"""
import json
import os
import random
import re
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from attacker import wrong_advertisements  # noqa: E402
from dhcp_wire import Failed, Server, command, expect, wait_until  # noqa: E402
from router import (  # noqa: E402
    Router, domain, ext_route, header, mtu, of_path, prefix_information, resolvers, route_information, stable_address,
)
from wired import PATIENCE, endpoints, main, output  # noqa: E402

FAR = "2001:db8:f:f::1"  # beyond the router


def route_to(target, source=None):
    return output(f"ip -6 route get {target}" + (f" from {source}" if source else ""))


def ours(family):
    """Interface and address of each that is ours."""
    shown = json.loads(output(f"ip -j -{family} addr"))
    return [(link["ifname"], one) for link in shown for one in link["addr_info"]
            if one.get("protocol") == "173" or one.get("scope") == "global" and link["ifname"].startswith("anab")]


def own_global():
    """The interface's own addresses of global scope, ours left out."""
    held = {one["local"] for _, one in ours(6)}
    return [one["local"] for one in json.loads(output("ip -j -6 addr show dev h0"))[0]["addr_info"]
            if one["scope"] == "global" and one["local"] not in held]


def set_up(host, wire, *indices, dhcp=False, count=None):
    """A router for these paths: the first one outside of its domain, too. The host is started."""
    router = Router(wire)
    router.has(*indices)
    for index in indices:
        wire.command(f"ip addr add 2001:db8:{index}::1/64 dev w0 nodad")
    wire.command(f"ip addr add {FAR}/128 dev lo")
    if dhcp:
        server = Server("10.1.0.1")
        server.offers[2] = "10.2.16.5"
        wire.servers.append(server)
    wait_until("the link-local address", lambda: "fe80" in output("ip -6 addr show dev h0 -tentative"))
    outside = prefix_information("2001:db8:1::/64")
    for index in indices:
        router.says[index] = of_path(index, count or len(indices), outside=outside if index == 1 else b"")
    host.start()
    return router


def part_paths(host, wire):
    """A network with IPv6 only: paths come from Router Advertisements alone."""
    command("ip addr del 10.1.0.50/16 dev h0")
    router = set_up(host, wire, 1, 2, 3)
    addresses = {index: host.wait_up(index) for index in (1, 2, 3)}
    expect(router.solicited > 0, "the host did not ask")
    expect(own_global() == [addresses[1]], f"the interface has {own_global()}, path 1 {addresses[1]}")
    secret = bytes.fromhex(open("/run/state/ipv6-secret").read().strip())
    for index in (2, 3):
        wanted = stable_address(secret, "h0", index, f"isp{index}.example", f"2001:db8:{index}::/64", 0)
        expect(addresses[index] == wanted, f"path {index} has {addresses[index]} and not {wanted}")
        expect(host.macvlan(index) in route_to(FAR, addresses[index]), f"path {index}: {route_to(FAR, addresses[index])}")
        expect(router.source(index) in route_to(FAR, addresses[index]), "another router")
        expect(host.macvlan(index) in route_to(f"2001:db8:ff::{index}"), f"the resolver of path {index} is reached elsewhere")
        connects(addresses[index])
    expect(endpoints() == {100 + index: address for index, address in addresses.items()}, f"endpoints {endpoints()}")
    expect("dev h0" in route_to(FAR) and f"src {addresses[1]}" in route_to(FAR), f"plain packets: {route_to(FAR)}")
    defaults = [line for line in output("ip -6 route show table main").splitlines() if line.startswith("default")]
    expect(len(defaults) == 1 and "dev h0" in defaults[0], f"default routes: {defaults}")
    report = host.report()
    expect(report["support"] == "yes" and report["count"] == 3, f"{report['support']}, {report['count']} paths")
    expect(host.path(2)["pvd"] == "isp2.example" and host.path(2)["router"] == router.source(2), f"{host.path(2)}")

    # What the domain says more, and what it takes back.
    more = [prefix_information("2001:db8:2::/64"), route_information("2001:db8:aa::/48"), mtu(1400),
            resolvers("2001:db8:ff::2", lifetime=0)]
    router.say(2, of_path(2, 3, options=more))
    wait_until("the route", lambda: host.macvlan(2) in output("ip -6 route show table all 2001:db8:aa::/48"))
    wait_until("the MTU", lambda: "mtu 1400" in route_to(FAR, addresses[2]))
    wait_until("the resolver's route goes", lambda: "dev h0" in route_to("2001:db8:ff::2"))

    # A new prefix: the old address is for the connections that have it.
    renumbered = [prefix_information("2001:db8:2::/64", preferred=0), prefix_information("2001:db8:22::/64")]
    router.say(2, of_path(2, 3, options=renumbered))
    fresh = wait_until("an address in the new prefix", lambda: (a := host.up(2)) and a.startswith("2001:db8:22:") and a)
    wait_until("its endpoint", lambda: endpoints().get(102) == fresh)
    held = {one["local"]: one for _, one in ours(6)}
    expect(held[addresses[2]].get("deprecated"), f"the old address is not deprecated: {held[addresses[2]]}")
    expect(not held[fresh].get("deprecated"), "the new one is")
    expect(host.macvlan(2) in route_to(FAR, addresses[2]), "the old address lost its way out")

    host.stop()
    command(f"{host.executable} host cleanup h0")
    expect(not ours(6) and not endpoints(), f"after cleanup: {ours(6)} {endpoints()}")
    expect("proto 173" not in output("ip -6 rule") + output("ip -6 route show table all"), "rules or routes are left")
    expect(own_global() == [addresses[1]], "the interface's own address is not as it was")


def connects(source):
    """A closed port that refuses shows that packets find both ways."""
    try:
        socket.create_connection((FAR, 9), timeout=3, source_address=(source, 0))
    except ConnectionRefusedError:
        return
    except OSError as error:
        raise Failed(f"{source} does not reach {FAR}: {error}") from error


def part_lost_answer(host, wire):
    """The answer of one path is lost: it is asked for again, and not waited for until its router speaks."""
    router = Router(wire)
    router.has(1, 2)
    router.repeats = False
    router.says[1] = of_path(1, 2, outside=prefix_information("2001:db8:1::/64"))
    wait_until("the kernel has asked", lambda: router.solicited > 0)
    before = router.solicited
    host.start()
    wait_until("the host has asked", lambda: router.solicited > before)
    wait_until("and heard of path 1", lambda: host.path(1))
    router.says[2] = of_path(2, 2)
    began = time.monotonic()
    host.wait_up(2, patience=8)
    return f"path 2 after {time.monotonic() - began:.1f} s"


class Conversation:
    """An MPTCP connection from the host to a server beyond the router."""

    def __init__(self, wire):
        self.wire = wire
        for run in (command, wire.command):
            run("sysctl -qw net.mptcp.blackhole_timeout=0")
        # Without it no further subflow would be let in.
        self.listener = wire.inside(lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 262))
        self.listener.bind((FAR, 7000))
        self.listener.listen()
        self.client = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 262)
        for one in (self.listener, self.client):
            one.settimeout(8)
        try:
            self.client.connect((FAR, 7000))
            self.server, _ = self.listener.accept()
        except OSError as error:
            raise Failed(f"no connection: {error}") from error
        self.server.settimeout(8)
        self.exchange()

    def exchange(self):
        for one, other in ((self.client, self.server), (self.server, self.client)):
            try:
                one.sendall(b"x" * 1000)
                left = 1000
                while left > 0:
                    got = len(other.recv(left))
                    expect(got > 0, "the connection has ended")
                    left -= got
            except TimeoutError as error:
                raise Failed(f"the connection carries no data, {self.sources()}") from error

    def sources(self):
        """Of its established subflows."""
        lines = output(f"ss -Htn state established dst [{FAR}]").splitlines()
        return {re.match(r"\[([0-9a-f:]+)", line.split()[2]).group(1) for line in lines}

    def removals(self):
        """RM_ADDR that the server has got."""
        names, values = self.wire.inside(lambda: [
            line.split() for line in open("/proc/thread-self/net/netstat") if line.startswith("MPTcpExt:")])
        return int(values[names.index("RmAddr")])


def part_withdrawal(host, wire):
    """Router lifetime 0 withdraws a path in both families at once; above 0 it is back at once."""
    router = set_up(host, wire, 1, 2, dhcp=True)
    all_of_them = {1: "10.1.0.50", 2: host.wait_up(2, "ipv4"), 101: host.wait_up(1), 102: host.wait_up(2)}
    wait_until("four endpoints", lambda: endpoints() == all_of_them)
    times = {"withdrawn": [], "back": []}
    for _ in range(7):
        for what, lifetime, left in (("withdrawn", 0, {1, 101}), ("back", 1800, set(all_of_them))):
            time.sleep(0.1)  # a gateway's changes of one path are that far apart
            began = router.say(2, of_path(2, 2, lifetime=lifetime))
            while set(endpoints()) != left:
                expect(time.monotonic() < began + 5, f"path 2 is not {what}")
            times[what].append((time.monotonic() - began) * 1000)
            state = "withdrawn" if lifetime == 0 else "up"
            for family in ("ipv4", "ipv6"):
                wait_until(f"{family} is {state}", lambda: host.state(2, family) == state)
    expect({one["local"] for _, one in ours(6)} == {all_of_them[102]}, "the address went with the withdrawal")
    # The other parts load the machine: the median is told, a good try is judged.
    good, median = ({what: sorted(each)[rank] for what, each in times.items()} for rank in (1, 3))
    figures = f"withdrawn after {median['withdrawn']:.0f} ms, back after {median['back']:.0f} ms"
    expect(max(good.values()) <= 50, f"too slow: {figures}, {times}")

    # A connection goes on over what is left.
    conversation = Conversation(wire)
    both = {all_of_them[101], all_of_them[102]}
    wait_until("a subflow over path 2", lambda: conversation.sources() == both)
    removals = conversation.removals()
    router.say(2, of_path(2, 2, lifetime=0))
    wait_until("the subflow goes", lambda: conversation.sources() == {all_of_them[101]})
    wait_until("the server is told", lambda: conversation.removals() > removals)
    conversation.exchange()
    router.say(2, of_path(2, 2))
    wait_until("the subflow is back", lambda: conversation.sources() == both)
    conversation.exchange()

    # The interface's own path likewise, and its address stays what it is.
    outside = prefix_information("2001:db8:1::/64")
    router.say(1, header(0) + outside + domain("isp1.example", prefix_information("2001:db8:1::/64"), ext_route(1, 2), lifetime=0))
    wait_until("path 1 is withdrawn", lambda: set(endpoints()) == {2, 102})
    expect(own_global() == [all_of_them[101]], "its own address was touched")
    router.say(1, of_path(1, 2, outside=outside))
    wait_until("path 1 is back", lambda: endpoints() == all_of_them)

    # Withdrawn by nobody but its router.
    router.has(9)
    router.send(of_path(2, 2, lifetime=0), 9)
    router.send(of_path(2, 2, lifetime=0, name="other.example"), 9)
    before = host.log().count("withdrawn")
    time.sleep(0.3)
    expect(endpoints() == all_of_them and host.log().count("withdrawn") == before, "a stranger withdrew path 2")
    return figures


def part_duplicate(host, wire):
    """Somebody has the address: the next identifier is taken, and the one after the third not."""
    os.makedirs("/run/state", exist_ok=True)
    secret = bytes(range(32))
    with open("/run/state/ipv6-secret", "w") as file:
        file.write(secret.hex() + "\n")

    def address(index, counter):
        return stable_address(secret, "h0", index, f"isp{index}.example", f"2001:db8:{index}::/64", counter)

    wire.command(f"ip addr add {address(2, 0)}/128 dev w0 nodad")
    for counter in range(4):
        wire.command(f"ip addr add {address(3, counter)}/128 dev w0 nodad")
    set_up(host, wire, 1, 2, 3)
    expect(host.wait_up(2) == address(2, 1), f"path 2 took {host.up(2)}")
    expect(host.said(f"has {address(2, 0)}; trying {address(2, 1)}"), "the log says nothing of the conflict")
    wait_until("path 3 is given up", lambda: host.state(3) == "duplicate", 20)
    expect([name for name, _ in ours(6)] == [host.macvlan(2)], f"addresses: {ours(6)}")
    # A restart does not begin with the taken ones again.
    wait_until("it is noted", lambda: '"conflicts": 4' in open("/run/host/host-h0.state").read())
    host.kill()
    before = host.log().count("; trying ")
    host.start()
    wait_until("the state", lambda: host.state(3) == "duplicate")
    expect(host.wait_up(2) == address(2, 1), "another address after the restart")
    expect(host.log().count("; trying ") == before, "the taken addresses were tried again")


def part_flood(host, wire):
    """Garbage changes nothing; 1,000 domains a second leave what is alive alone and end at their bounds."""
    router = set_up(host, wire, 1, 2)
    address = host.wait_up(2)
    router.has(0x66)
    far_away = router.raw(router.source(0x66), hops=64)
    for message in wrong_advertisements(random.Random(4)):
        router.send(message, 0x66)
    router.send(of_path(4, 4), 0x66, far_away)
    time.sleep(0.5)
    expect(host.up(2) == address and not host.path(4), "garbage made a path or broke one")
    before = host.memory()

    began, sent = time.monotonic(), 0
    while sent < 5000:
        for _ in range(20):
            index = sent % 8 + 1
            options = [prefix_information(f"2001:db8:{sent:x}:{n}::/64", 20, 10) for n in range(6)]
            options.append(resolvers(*(f"2001:db8:fe:{sent:x}::{n:x}" for n in range(1, 7))))
            router.send(of_path(index, 8, lifetime=4, name=f"flood{sent}.example", options=options), 0x66)
            sent += 1
        time.sleep(max(0, began + sent / 1000 - time.monotonic()))
    rate = sent / (time.monotonic() - began)
    links = [line for line in output("ip -br link").splitlines() if line.startswith("anab")]
    expect(len(links) <= 7, f"{len(links)} virtual interfaces")
    held = ours(6)
    expect(len(held) <= 7 * 4, f"{len(held)} addresses")
    expect(len(output("ip -6 rule").splitlines()) <= 3 + 7 * 8, "rules without end")
    grown = host.memory() - before
    expect(grown < 4096 or host.sanitized(), f"memory grew by {grown} kB")
    expect(host.up(2) == address, f"path 2 became {host.path(2)}")
    expect(host.path(2)["pvd"] == "isp2.example", "another domain is in charge of path 2")
    began = router.say(2, of_path(2, 2, lifetime=0))
    wait_until("path 2 is withdrawn", lambda: host.state(2) == "withdrawn", 2)
    took = time.monotonic() - began
    router.say(2, of_path(2, 2))
    wait_until("path 2 is back", lambda: host.up(2) == address, 2)
    wait_until("what the flood made goes", lambda: [name for name, _ in ours(6)] == [host.macvlan(2)], 60)
    wait_until("its interfaces, too", lambda: output("ip -br link").count("anab") == 1)
    expect(host.said("flooded with Router Advertisements"), "the log does not speak of the flood")
    return f"{rate:.0f} domains/s, {grown} kB more, withdrawal after it {took * 1000:.0f} ms"


def part_restart(host, wire):
    """A host that was killed goes on with its addresses, and puts back what others delete."""
    router = set_up(host, wire, 1, 2, dhcp=True)
    address = host.wait_up(2)
    host.wait_up(2, "ipv4")
    wait_until("the endpoint", lambda: endpoints().get(102) == address)
    wait_until("the state file", lambda: "isp2.example" in open("/run/host/host-h0.state").read())
    host.kill()
    router.says.clear()
    monitor = subprocess.Popen(["ip", "-6", "monitor", "address", "rule"], stdout=subprocess.PIPE, text=True)
    host.start()
    wait_until("the path is up again", lambda: host.up(2) == address)
    host.wait_up(2, "ipv4")
    monitor.terminate()
    deleted = [line for line in monitor.communicate(timeout=PATIENCE)[0].splitlines() if line.startswith("Deleted")]
    expect(not deleted, f"the restart deleted {deleted}")

    table = re.search(rf"from {address} lookup (\d+)", output("ip -6 rule")).group(1)
    for what, there in (
        (f"ip -6 addr del {address}/64 dev {host.macvlan(2)}", lambda: address in output("ip -6 addr")),
        (f"ip -6 rule del from {address}", lambda: f"from {address} lookup {table}" in output("ip -6 rule")),
        (f"ip -6 route del default table {table}", lambda: "default" in output(f"ip -6 route show table {table}")),
        (f"ip link del {host.macvlan(2)}", lambda: address in output("ip -6 addr")),
    ):
        command(what)
        wait_until(f"undone: {what}", there, 3)
        wait_until("the path is whole", lambda: host.up(2) == address and host.macvlan(2) in route_to(FAR, address)
                   and endpoints().get(102) == address)
    expect(host.said(f"address {address}/64"), "the log does not tell of the repair")
    connects(address)

    # Another network: nobody there repeats what was heard.
    command("ip link set h0 down")
    wait_until("the path is down", lambda: host.state(2) == "down")
    command("ip link set h0 up")
    wait_until("what nobody repeats goes", lambda: not host.path(2), 25)


def part_shared(host, wire):
    """All addresses on the interface itself: ours are no source that the kernel chooses."""
    command("ip addr del 10.1.0.50/16 dev h0")
    set_up_options = ("--interfaces", "shared")
    start, host.start = host.start, lambda: start(*set_up_options)
    set_up(host, wire, 1, 2)
    host.start = start
    address, own = host.wait_up(2), host.wait_up(1)
    expect("anab" not in output("ip -br link"), "a virtual interface was made")
    expect(f"{address}/128" in output("ip -6 addr show dev h0"), output("ip -6 addr show dev h0"))
    # A destination that is nearer to ours than to the interface's own address (RFC 6724 rule 8).
    near = "2001:db8:2:ffff::1"
    expect(f"src {own}" in route_to(near), f"plain packets leave with our address: {route_to(near)}")
    expect("table 17" in route_to(FAR, address), f"no table for {address}: {route_to(FAR, address)}")
    connects(address)
    wait_until("endpoints", lambda: endpoints() == {101: own, 102: address})
    host.stop()
    command(f"{host.executable} host cleanup h0")
    expect(address not in output("ip -6 addr") and own_global() == [own], "cleanup left or took something")


main([value for name, value in list(globals().items()) if name.startswith("part_")], ["ss"])
