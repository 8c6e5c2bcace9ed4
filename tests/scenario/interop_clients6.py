#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's IPv6 clients on the LAN of our gateway, which know nothing of provisioning domains and of
EXT_ROUTE. Each has path 1: an address, one default route, resolvers, and a delegated prefix where it asks for
one. While uplink 1 is down they have path 2, and path 1 again when it is back.

Usage: interop_clients6.py ANABRANCH, as root or as an ordinary user.
"""
import ipaddress
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from clients6 import Dhclient, Dhcpcd, Host, NetworkManager, Networkd, has
from lan import Failed, command, expect, scenario, stop, wait_until
from managers import hide_users, start_bus
from two_uplinks6 import DELEGATED, DHCP6, PREFIXES, RESOLVERS, ROUTERS, Gateway, talk

def preferred(host):
    return [address for address, fresh in host.addresses().items() if fresh]


def check_path(host, k, when, patience=15):
    """It has path `k` and no other. Returns a connection."""
    who = f"{host.name}, {when}"

    def has_path():
        held = preferred(host)
        return (host.default_routers() == [ROUTERS[k]] and len(held) == 1
                and ipaddress.ip_address(held[0]) in PREFIXES[k])

    try:
        wait_until("a path", has_path, patience)
    except Exception:
        expect(False, f"{who}: not path {k} but routers {host.default_routers()}, addresses {host.addresses()}")
    address = preferred(host)[0]
    conversation = wait_until(f"{who}: a connection", lambda: talk(host.network), patience)
    expect((conversation.way, conversation.seen) == (f"isp{k}", address),
           f"{who}: with {address} its packets arrive at {conversation.way} from {conversation.seen}")
    expect(conversation.carries(), f"{who}: what comes back is not what was sent")
    return conversation


def check_resolvers(host, k, when):
    if host.resolvers() is None:
        return
    try:
        wait_until("the resolver", lambda: set(host.resolvers()) == {RESOLVERS[k]})
    except Exception:
        expect(False, f"{host.name}, {when}: the resolvers are {host.resolvers()} and not {RESOLVERS[k]}")


def check_delegated(host, k, when):
    """What it has been delegated can be used."""
    prefix = wait_until(f"{host.name}, {when}: a prefix", host.delegated)
    inner = ipaddress.ip_address(prefix.split("/")[0]) + 0x77
    expect(inner in DELEGATED[k], f"{host.name}, {when}: delegated is {prefix}")
    host.network.ip(f"address add {inner}/128 dev lo nodad")
    conversation = wait_until(f"{host.name}, {when}: a connection from {inner}", lambda: talk(host.network, str(inner)))
    expect((conversation.way, conversation.seen) == (f"isp{k}", str(inner)), f"{host.name}: {conversation.seen}")
    expect(conversation.carries(), f"{host.name}: what comes back to {inner} is not what was sent")
    host.network.ip(f"address del {inner}/128 dev lo")


def each(hosts, check):
    """check(host) of each; what is wrong with all of them is told together."""
    wrong = []
    for host in hosts:
        try:
            check(host)
        except Failed as failure:
            wrong.append(str(failure))
    expect(not wrong, "\n".join(wrong))


def check_autoconfiguration(gateway, hosts):
    """Addresses are made of Router Advertisements."""
    for host in hosts:
        host.run()

    def at_first(host):
        check_path(host, 1, "at first", 25)
        check_resolvers(host, 1, "at first")
        others = [address for address in host.addresses() if ipaddress.ip_address(address) in PREFIXES[2]]
        expect(not others, f"{host.name} has made an address of path 2: {others}")

    running = {}

    def without_uplink(host):
        running[host] = check_path(host, 2, "without uplink 1")
        check_resolvers(host, 2, "without uplink 1")

    def with_it_again(host):
        check_path(host, 1, "with uplink 1 again")
        check_resolvers(host, 1, "with uplink 1 again")
        expect(running[host].carries(), f"{host.name}: a connection over path 2 ended when path 1 came back")

    each(hosts, at_first)
    gateway.cut(1)
    each(hosts, without_uplink)
    gateway.heal(1)
    each(hosts, with_it_again)
    for host in hosts:
        stop(host.process)


def check_dhcp(gateway, hosts, plain):
    """Addresses are given by DHCPv6; who does not speak it has a router and no address."""
    for host in hosts:
        host.run()

    def at_first(host):
        check_path(host, 1, "by DHCPv6", 25)
        check_resolvers(host, 1, "by DHCPv6")
        if host.asks_for_prefix:
            check_delegated(host, 1, "by DHCPv6")

    def with_uplink_again(host):
        # An address of path 2 is good as long as path 2 is.
        wait_until(f"{host.name}: router 1", lambda: host.default_routers() == [ROUTERS[1]])
        conversation = wait_until(f"{host.name}: a connection in the end", lambda: talk(host.network))
        expect(conversation.carries(), f"{host.name}: what comes back in the end is not what was sent")

    each(hosts, at_first)
    expect(plain.default_routers() == [ROUTERS[1]] and not plain.addresses(),
           f"a kernel alone has {plain.default_routers()}, {plain.addresses()}")
    gateway.cut(1)
    # They learn it when they renew.
    each(hosts, lambda host: check_path(host, 2, "by DHCPv6 without uplink 1", 60))
    gateway.heal(1)
    each(hosts, with_uplink_again)


def run(anabranch):
    hide_users()
    command("mount -t tmpfs tmpfs /var/lib")
    os.mkdir("/var/lib/dhcpcd")
    start_bus()
    gateway = Gateway(anabranch)
    try:
        hosts = [kind(gateway, f"{kind.__name__.lower()[:9]}1") for kind in (Host, Dhcpcd, Networkd, NetworkManager)
                 if has(kind)]
        check_autoconfiguration(gateway, hosts)
        gateway.reload(DHCP6)
        wait_until("DHCPv6 runs", lambda: gateway.show()["dhcp6"]["state"] == "running", 20)
        plain = Host(gateway, "host2")
        hosts = [Dhclient(gateway, "dhclient2"), Dhcpcd(gateway, "dhcpcd2", True), Networkd(gateway, "networkd2")]
        if has(NetworkManager):
            hosts.append(NetworkManager(gateway, "networkma2"))
        check_dhcp(gateway, hosts, plain)
    finally:
        gateway.stop()


scenario(run, "ip", "kea-dhcp6", "dhclient", "dhcpcd", "dbus-daemon", "networkctl")
