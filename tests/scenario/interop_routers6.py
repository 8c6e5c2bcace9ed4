#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's routers, radvd and dnsmasq, advertise themselves on the LAN of our gateway, where our host has
both paths: it keeps them, with the addresses they have, and makes no path of what the others say.

Usage: interop_routers6.py ANABRANCH, as root or as an ordinary user.
"""
import ipaddress
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from lan import Network, expect, program, scenario, stop, wait_until, write
from single_host import HostRole
from two_uplinks6 import PREFIXES, ROUTERS, Gateway, talk

RADVD = """interface r0 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 600;
  AdvDefaultPreference high; prefix 2001:db8:aaaa::/64 { }; RDNSS 2001:db8:aaaa::53 { }; };
"""


def commands():
    """(name, its prefix, how it is started)"""
    write("/run/radvd.conf", RADVD)
    yield "radvd", "2001:db8:aaaa::/64", [program("radvd"), "-n", "-C", "/run/radvd.conf", "-p", "/run/radvd.pid",
                                          "-m", "stderr"]
    yield "dnsmasq", "2001:db8:bbbb::/64", [program("dnsmasq"), "-d", "-p", "0", "-C", "/dev/null", "-i", "r0",
                                            "--enable-ra", "--ra-param=r0,high,4,600", "-u", "root",
                                            "--dhcp-range=2001:db8:bbbb::,ra-only", "-l", "/run/dnsmasq.leases"]


def own_prefixes(network):
    """Of the addresses that the kernel has made on the host's interface."""
    links = network.ip_json("-6 address show dev h0 scope global")
    return {ipaddress.ip_network(f"{one['local']}/64", strict=False)
            for link in links for one in link.get("addr_info", []) if one}


def check_paths(network, when, *indices):
    """Connections from the address of each path take that path."""
    for index, address in indices:
        conversation = wait_until(f"{when}: a connection over path {index}", lambda: talk(network, address))
        expect(conversation.way == f"isp{index}", f"{when}: path {index} leads to {conversation.way}")
        expect(conversation.carries(), f"{when}: path {index} does not carry what is sent")


def endpoints(network):
    return sorted(line.split()[0] for line in network.run("ip mptcp endpoint").splitlines())


def beside(gateway, host, stranger, name, prefix, arguments):
    network = host.network
    before, told = host.wait_up(1, 2), endpoints(network)
    router = stranger.popen(arguments, f"/run/{name}.log")
    wait_until(f"the host's kernel has {name}'s prefix", lambda: ipaddress.ip_network(prefix) in own_prefixes(network), 20)
    check_paths(network, f"beside {name}", *before.items())
    gateway.cut(2)
    wait_until(f"path 2 is withdrawn beside {name}", lambda: set(host.up()) == {1})
    check_paths(network, f"beside {name} without path 2", (1, before[1]))
    gateway.heal(2)
    expect(host.wait_up(1, 2) == before, f"beside {name} the paths have become {host.up()}, they were {before}")
    check_paths(network, f"beside {name}, with path 2 again", *before.items())
    wait_until(f"the endpoints of before beside {name}", lambda: endpoints(network) == told)
    expect(host.report()["count"] == 2, f"beside {name} there are {host.report()['count']} paths")
    stop(router)
    expect(host.wait_up(1, 2) == before, f"without {name} the paths have become {host.up()}, they were {before}")
    print(f"beside {name}: ok")


def run(anabranch):
    gateway = Gateway(anabranch)
    stranger, network = Network("stranger", ipv6=True), Network("host", ipv6=True)
    gateway.attach(stranger, "r0", "r0-port")
    stranger.sysctl("net/ipv6/conf/all/forwarding", 1)
    stranger.ip("address add 2001:db8:aaaa::1/64 dev r0 nodad")
    stranger.ip("address add 2001:db8:bbbb::1/64 dev r0 nodad")
    gateway.attach(network, "h0", "h0-port")
    host = HostRole(anabranch, network, "h0", "host")
    host.start()
    try:
        up = host.wait_up(1, 2)
        for index, address in up.items():
            expect(ipaddress.ip_address(address) in PREFIXES[index], f"path {index} has {address}")
            expect(host.paths()[index]["router"] == ROUTERS[index], f"path {index}: {host.paths()[index]}")
        check_paths(network, "alone", *up.items())
        for name, prefix, arguments in commands():
            beside(gateway, host, stranger, name, prefix, arguments)
    finally:
        host.stop()
        gateway.stop()


scenario(run, "ip", "radvd", "dnsmasq")
