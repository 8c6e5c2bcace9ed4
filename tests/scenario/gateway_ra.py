#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Router Advertisements of the gateway: read from the wire by a decoder of the test's own, and by a kernel that
knows nothing of provisioning domains; beside those of other routers.

  h0 (the host)   --- s0 \\
  r0 (a stranger) --- s2  bridge --- s1 --- lan0 [gateway] up1 --- w1 (provider 1)
                                                           up2 --- w2 (provider 2)

Usage: gateway_ra.py ANABRANCH, as root or as an ordinary user.
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
import nd
from namespaces import Gateway, Namespace, cable, end, expect, main, wait_until

LIFETIME, VALID, PREFERRED = 600, 1200, 900
SOURCES = {k: f"fe80::616e:6162:0:{k}" for k in (1, 2)}
ON_LINK, AUTONOMOUS = 0x80, 0x40
PVD_LEGACY, PVD_HEADER = 2, 1
TOLD = 3  # times that a change is told
SOON = 0.05  # s within which a loss is told


def uplink(k, ipv6=True, more=""):
    return f"""[[uplink]]
name = "isp{k}"
interface = "up{k}"
next_hop = "172.16.{k}.2"
index = {k}
source_prefix = "10.{k}.0.0/16"
pvd = "isp{k}.example.org"
{f'dns = ["2001:db8:{k}::53"]' if ipv6 else ""}
{more}
""" + (f"""[uplink.ipv6]
source_prefix = "2001:db8:{k}::/64"
next_hop = "fe80::{k}:2"
""" if ipv6 else "")


def config(*uplinks, more=""):
    return f"""dhcp = "off"
[lan]
interface = "lan0"
[advertise]
interval = "4s"
lifetime = "{LIFETIME}s"
valid = "{VALID}s"
preferred = "{PREFERRED}s"
{more}
""" + "".join(uplinks)


class Network:
    def __init__(self):
        self.gateway = Namespace(os.getpid())
        self.host, self.stranger, self.switch = Namespace(), Namespace(), Namespace()
        self.switch.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        self.switch.ip("link add lan type bridge mcast_snooping 0", "link set lan up")
        for k, one, name in ((0, self.host, "h0"), (2, self.stranger, "r0")):
            one.run("sysctl", "-qw", "net.ipv6.conf.all.accept_ra=1", "net.ipv6.conf.default.accept_ra=1")
            cable(one, name, self.switch, f"s{k}")
            self.switch.ip(f"link set s{k} master lan")
        self.plug_gateway()
        for k in (1, 2):
            provider = Namespace()
            cable(self.gateway, f"up{k}", provider, f"w{k}")
            # Of both families: a path of IPv4 alone has no other next hop that answers.
            provider.ip(f"addr add fe80::{k}:2/64 dev w{k} nodad", f"addr add 172.16.{k}.2/24 dev w{k}")
            self.gateway.ip(f"addr add 172.16.{k}.1/24 dev up{k}")

    def plug_gateway(self):
        cable(self.gateway, "lan0", self.switch, "s1")
        self.switch.ip("link set s1 master lan")

    def listener(self):
        packets = self.host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86DD))
        packets.bind(("h0", 0))
        return nd.Listener(packets)

    def json(self, what):
        return json.loads(self.host.run("ip", "-6", "-j", *what.split()) or "[]")

    def default_routers(self):
        """Those of the host's kernel."""
        routes = self.json("route show default")
        return sorted(hop["gateway"] for route in routes for hop in route.get("nexthops", [route]))

    def addresses(self, scope):
        """Those of the host; ip(8) leaves empty places for others."""
        links = self.json(f"addr show dev h0 scope {scope}")
        return [address for link in links for address in link.get("addr_info", []) if address]

    def prefixes(self):
        """What the host's kernel has made addresses of, and whether for new connections."""
        found = {}
        for address in self.addresses("global"):
            prefix = nd.text(nd.octets(address["local"])[:8] + bytes(8))
            # The flag "deprecated" follows a moment later.
            found[prefix] = address["preferred_life_time"] > 0
        return found

    def link_local(self):
        return next((a["local"] for a in self.addresses("link") if not a.get("tentative")), None)


def check_content(network, heard, k):
    """An advertisement of path k, with both families, that works."""
    inside = heard.domain.options
    expect(heard.mac == network.gateway.mac("lan0"), "it comes from the gateway's hardware address")
    expect(heard.options.link_address == heard.mac, "and says so")
    expect(heard.domain.name == f"isp{k}.example.org", f"the domain {heard.domain.name} is that of path {k}")
    expect(heard.domain.flags == PVD_HEADER, "of H, L and R only R is set")
    expect(heard.domain.header == nd.Header(64, False, False, 0, LIFETIME), f"header inside: {heard.domain.header}")
    expect(inside.path == (k, 2), f"EXT_ROUTE is {inside.path}")
    flags = ON_LINK | AUTONOMOUS
    prefixes, dns = {f"2001:db8:{k}::/64": (flags, VALID, PREFERRED)}, {f"2001:db8:{k}::53": LIFETIME}
    expect(inside.prefixes == prefixes and inside.dns == dns, f"inside: {inside}")
    base = k == 1
    header = nd.Header(64, False, False, 0, LIFETIME if base else 0)
    expect(heard.header == header, f"header of path {k}: {heard.header}")
    # What hosts had while path 1 was down is told to be for no new connections.
    former = ({prefix: (flags, VALID, 0) for prefix in prefixes}, {address: 0 for address in dns})
    outside = (heard.options.prefixes, heard.options.dns)
    expect(outside == (prefixes, dns) if base else outside in (({}, {}), former), f"path {k} outside: {outside}")
    expect(heard.options.path is None, "EXT_ROUTE is inside only")


def seen_by_scapy(network, heard, k):
    """A decoder that is neither ours nor the test's agrees."""
    helper = os.path.join(os.path.dirname(os.path.abspath(nd.__file__)), "scapy_ra.py")
    arguments = ["/usr/bin/python3", helper]
    done = subprocess.run(arguments, input=heard.frame.hex(), capture_output=True, text=True, check=False)
    if done.returncode == 77:
        print("no python3-scapy, left out")
        return
    expect(done.returncode == 0, f"scapy: {done.stderr}")
    wanted = {
        "hop_limit": 64,
        "managed": 0,
        "lifetime": LIFETIME if k == 1 else 0,
        "link_address": network.gateway.mac("lan0").hex(":"),
        "checksum_right": True,
    }
    if k == 1:
        wanted["prefixes"] = [["2001:db8:1::/64", 1, 1, VALID, PREFERRED]]
        wanted["dns"] = [["2001:db8:1::53"], LIFETIME]
    expect(json.loads(done.stdout) == wanted, f"scapy sees {done.stdout}")


def of_path(k, works=None, target=nd.ALL_NODES):
    def is_it(heard):
        return heard.source == SOURCES[k] and heard.target == target and works in (None, heard.works)

    return is_it


def advertised(network, listener):
    for k in SOURCES:
        first = listener.until(f"path {k} is advertised", of_path(k))
        check_content(network, first, k)
        seen_by_scapy(network, first, k)
    heard = listener.during(9)
    for k in SOURCES:
        times = [one.time for one in heard if of_path(k)(one)]
        expect(len(times) >= 2, f"path {k} was advertised {len(times)} times in 9 s")
        for one, other in zip(times, times[1:]):
            expect(2.99 < other - one < 4.5, f"{other - one:.3f} s between two advertisements of path {k}")


def kernel_host(network, k=1):
    """A host that knows nothing of domains has one path, the first or while that is down the second."""
    def fresh():
        return [prefix for prefix, preferred in network.prefixes().items() if preferred]

    wait_until(f"the host's router is that of path {k}", lambda: network.default_routers() == [SOURCES[k]])
    wait_until(f"the host has an address of path {k} alone", lambda: fresh() == [f"2001:db8:{k}::"])


def counts(gateway):
    return json.loads(gateway.do("show", "-j"))["advertise"]


def solicited(network, listener, gateway):
    own = wait_until("the host's link-local address", network.link_local)
    mac = network.host.mac("h0")
    delays = []
    # What happens to be sent to all answers too; that is not what is looked at here.
    while len(delays) < 8:
        listener.forget()
        asked = time.time()
        listener.socket.send(nd.solicitation(mac, own, options=b"\x01\x01" + mac))
        heard = [listener.until("an answer", lambda one: one.target in (own, nd.ALL_NODES), 2) for _ in SOURCES]
        if all(one.target == own for one in heard):
            for k, answer in zip(SOURCES, heard):
                check_content(network, answer, k)
                delays.append(answer.time - asked)
    print(f"answers to solicitations after {min(delays) * 1000:.0f} to {max(delays) * 1000:.0f} ms")
    expect(max(delays) < 0.6, "an answer took longer than 0.5 s")

    before = counts(gateway)
    listener.forget()
    listener.socket.send(nd.solicitation(mac, own, hop_limit=254))
    listener.socket.send(nd.solicitation(mac, own, options=b"\x01\x00" + mac))
    listener.socket.send(nd.solicitation(mac, "::", options=b"\x01\x01" + mac))
    wait_until("the bad ones are counted", lambda: counts(gateway)["refused"] == before["refused"] + 3)
    answers = [one for one in listener.during(0.7) if one.target == own]
    expect(not answers, "a malformed solicitation was answered")
    expect(counts(gateway)["solicitations"] == before["solicitations"], "or counted as a valid one")
    listener.socket.send(nd.solicitation(mac, "::"))
    asked = time.time()
    heard = listener.until("everybody is answered", of_path(1), 5)
    expect(heard.time - asked < 3.7, "an answer to all took longer than 3.5 s")


def gateway_cpu(gateway):
    """Seconds of processor time so far."""
    with open(f"/proc/{gateway.process.pid}/stat") as file:
        return sum(map(int, file.read().split()[13:15])) / os.sysconf("SC_CLK_TCK")


def flood(network, listener, gateway):
    """10,000 solicitations cost a bounded number of answers and no more than a fifth of a processor. They come from 100
    hosts: the kernel's table of IPv6 neighbours, 1024 of them, is one for all namespaces of a machine, and tests beside this
    one need it, too. gateway_flood.py, which runs alone, has any number of hosts."""
    mac = network.host.mac("h0")
    before, started, told = gateway_cpu(gateway), time.monotonic(), counts(gateway)
    for _ in range(100):
        for i in range(100):
            listener.socket.send(nd.solicitation(mac, f"fe80::1:{i:x}"))
        listener.during(0.02)
    listener.during(1)
    took, used = time.monotonic() - started, gateway_cpu(gateway) - before
    sent, read = (counts(gateway)[key] - told[key] for key in ("sent", "solicitations"))
    print(f"10000 solicitations in {took:.1f} s: {read} read, {sent} advertisements, {used:.2f} s of processor time")
    # 16 answers a second at most, each of both paths, and one to all every 3 s.
    expect(16 <= sent <= 2 * (16 * (took + 1) + took / 3 + 2), "too many answers, or none")
    expect(used < 0.2 * took + 0.1, "too much work")
    kernel_host(network)


def told_down(network, listener, k):
    """The uplink goes down: how long until the hosts know, and how often they are told."""
    listener.forget()
    began = time.time()
    network.gateway.ip(f"link set up{k} down")
    first = listener.until(f"path {k} is withdrawn", of_path(k, works=False), 5)
    for _ in range(TOLD - 1):
        last = listener.until("and again", of_path(k, works=False), 5)
    expect(last.time - first.time < 1.5, f"the repeats took {last.time - first.time:.1f} s")
    inside = first.domain.options
    expect(inside.path == (k, 2), "EXT_ROUTE stays")
    lifetimes = {(valid, preferred) for _, valid, preferred in inside.prefixes.values()}
    # (0, 0): a prefix that was taken out of the file a while ago.
    expect(lifetimes <= {(VALID, 0), (0, 0)}, f"lifetimes of the prefix: {lifetimes}")
    expect(set(inside.dns.values()) <= {0}, "resolvers of the path are withdrawn")
    return first, first.time - began


def told_up(network, listener, k):
    network.gateway.ip(f"link set up{k} up")
    return listener.until(f"path {k} is back", of_path(k, works=True), 5)


def down_and_up(network, listener):
    delays = []
    for _ in range(2):
        first, delay = told_down(network, listener, 1)
        delays.append(delay)
        expect(first.header.lifetime == 0, "no router for those who know no domains")
        expect(first.options.prefixes == {"2001:db8:1::/64": (ON_LINK | AUTONOMOUS, VALID, 0)}, f"{first.options}")
        kernel_host(network, 2)
        check_content(network, told_up(network, listener, 1), 1)
        kernel_host(network)
        expect(network.prefixes() == {"2001:db8:1::": True, "2001:db8:2::": False}, f"prefixes {network.prefixes()}")
    print("path withdrawn after " + ", ".join(f"{delay * 1000:.1f}" for delay in delays) + " ms")
    expect(min(delays) < SOON and max(delays) < 0.5, "the loss of a path was told too late")
    told_down(network, listener, 2)
    kernel_host(network)
    check_content(network, told_up(network, listener, 2), 2)


def fail_open(network, listener, gateway):
    gateway.reload(config(uplink(1, more='fail_open = "isp2"'), uplink(2)))
    first, _ = told_down(network, listener, 1)
    expect(first.header.lifetime == LIFETIME, "still a router for those who know no domains")
    expect(first.options.prefixes == {"2001:db8:1::/64": (ON_LINK | AUTONOMOUS, VALID, PREFERRED)}, f"{first.options}")
    kernel_host(network)
    told_up(network, listener, 1)


def reconfigured(network, listener, gateway):
    """An uplink is taken out of the file, and comes back."""
    listener.forget()
    gateway.reload(config(uplink(1)))
    last = listener.until("path 2 is withdrawn", of_path(2, works=False), 5)
    expect(last.domain.options.prefixes == {"2001:db8:2::/64": (ON_LINK | AUTONOMOUS, 0, 0)}, f"{last.domain}")
    heard = listener.until("path 1 is the only one", lambda one: one.domain.options.path == (1, 1), 5)
    expect(heard.domain.flags == PVD_HEADER | PVD_LEGACY, "DHCPv4 belongs to the only domain")
    expect(not any(one.source == SOURCES[2] for one in listener.during(4.5)), "path 2 is advertised still")
    gateway.reload(config(uplink(1), uplink(2)))
    check_content(network, listener.until("path 2 is back", of_path(2, works=True), 5), 2)


def reloaded(network, listener, gateway):
    """What a changed file changes is told at once, what has gone with lifetime 0, and nothing else is touched."""

    def changed(text, what, is_it, alone=True):
        before = forwarding_of(network)
        asked = time.time()
        listener.forget()
        gateway.reload(text)
        heard = listener.during(1)
        news = [one for one in heard if of_path(1)(one) and is_it(one)]
        # A lost packet must not be all there was.
        expect(len(news) >= TOLD and news[0].time - asked < 0.5, f"{what}: told {len(news)} times")
        # What is due from time to time may be among it.
        others = sum(map(of_path(2), heard))
        expect(others <= 1 if alone else others >= TOLD, f"{what}: path 2 is told {others} times")
        expect(forwarding_of(network) == before, f"{what}: routes or rules have changed")
        return news[0]

    listener.during(1)  # what is said of path 2, which has just come back
    other = uplink(1).replace("2001:db8:1::53", "2001:db8:1::54")
    resolvers = {"2001:db8:1::53": 0, "2001:db8:1::54": LIFETIME}
    heard = changed(config(other, uplink(2)), "another resolver", lambda one: "2001:db8:1::54" in one.options.dns)
    expect(heard.options.dns == resolvers, f"outside: {heard.options.dns}")
    expect(heard.domain.options.dns == resolvers and heard.works, f"inside: {heard.domain.options}")

    shorter = config(other, uplink(2)).replace(f'lifetime = "{LIFETIME}s"', 'lifetime = "500s"')
    heard = changed(shorter, "another lifetime", lambda one: one.header.lifetime == 500, alone=False)
    expect(heard.domain.header.lifetime == 500, f"inside: {heard.domain.header}")

    # Another name: the new one first, so that hosts have somewhere to go, then the end of the old one. A host that
    # knows no domains loses nothing.
    named = shorter.replace("isp1.example.org", "other.example.org")
    heard = changed(named, "another name", lambda one: one.works and one.domain.name == "other.example.org")
    last = listener.until("the old name is told to end, still", of_path(1, works=False), 6)
    expect(last.domain.name == "isp1.example.org" and last.header.lifetime == 500, f"{last}")
    expect(last.options.prefixes == heard.options.prefixes, f"{last.options}")
    kernel_host(network)

    # IPv6 of a path goes, its IPv4 stays, and the host's address of the prefix is given up.
    listener.forget()
    gateway.reload(named.replace(other.replace("isp1.example.org", "other.example.org"), uplink(1, False)))
    heard = listener.until(
        "path 1 without IPv6", lambda one: of_path(1, works=True)(one) and one.domain.name == "isp1.example.org", 5
    )
    expect(heard.options.prefixes == {"2001:db8:1::/64": (ON_LINK | AUTONOMOUS, 0, 0)}, f"{heard.options}")
    wait_until("the address is deprecated", lambda: network.prefixes().get("2001:db8:1::") is False)

    # A file that is wrong changes nothing.
    before = gateway.do("show")
    gateway.config.write_text(config(uplink(1), uplink(2)).replace("2001:db8:2::53", "resolver.example"))
    refused = gateway.namespace.command(gateway.executable, "gateway", "reload", env=gateway.environment)
    expect(refused.returncode == 2 and "resolver.example" in refused.stderr, f"{refused.returncode}: {refused.stderr}")
    expect(gateway.says("the changed file is refused and the old configuration stays"), "the log does not say so")
    expect(gateway.do("show").splitlines()[0] == before.splitlines()[0], "something has changed")
    # Meanwhile hosts that know no domains had the prefix of path 2, the lowest with IPv6. That is over.
    gateway.reload(config(uplink(1), uplink(2)))
    back = {"2001:db8:1::": True, "2001:db8:2::": False}
    wait_until("path 1 is theirs again", lambda: network.prefixes() == back)
    for address in network.addresses("global"):
        if address.get("deprecated"):
            network.host.ip(f"addr del {address['local']}/64 dev h0")
    # Started anew it has nothing left to withdraw.
    gateway.stop()
    gateway.start(config(uplink(1), uplink(2)))
    listener.forget()
    check_content(network, listener.until("path 1 is as at first", of_path(1, works=True), 5), 1)
    kernel_host(network)


def forwarding_of(network):
    """Rules and routes of the gateway."""
    rules = network.gateway.run("ip", "rule") + network.gateway.run("ip", "-6", "rule")
    routes = network.gateway.run("ip", "route", "show", "table", "all", "proto", "173")
    return rules + routes + network.gateway.run("ip", "-6", "route", "show", "table", "all", "proto", "173")


def without_ipv6(network, listener, gateway):
    """Paths of IPv4 are told in the same way, and leave an ordinary host alone."""
    gateway.reload(config(uplink(1, False), uplink(2, False), more="mtu = 1400"))
    for k in SOURCES:
        heard = listener.until(f"path {k} of IPv4", lambda one: of_path(k)(one) and one.options.mtu == 1400, 5)
        expect(heard.works and heard.header.lifetime == 0, f"{heard}")
        over = {"prefixes": {f"2001:db8:{k}::/64": (ON_LINK | AUTONOMOUS, 0, 0)}, "dns": {f"2001:db8:{k}::53": 0}}
        expect(heard.domain.options == nd.Options(mtu=1400, path=(k, 2), **over), f"{heard.domain}")
    wait_until("the host's default route is gone", lambda: network.default_routers() == [])
    first, delay = told_down(network, listener, 2)
    print(f"path of IPv4 withdrawn after {delay * 1000:.1f} ms")
    told_up(network, listener, 2)
    gateway.reload(config(uplink(1), uplink(2), more="enabled = false"))
    listener.during(0.5)
    expect(not listener.during(4.5), "advertisements that nobody wants")
    expect(not counts(gateway)["running"], "show says that it advertises")
    gateway.reload(config(uplink(1), uplink(2)))
    for k in SOURCES:
        check_content(network, listener.until(f"path {k} is back", of_path(k, works=True), 5), k)


def lan_replaced(network, listener):
    network.gateway.ip("link del lan0")
    network.plug_gateway()
    for k in SOURCES:
        check_content(network, listener.until(f"path {k} on the new LAN", of_path(k, works=True), 10), k)


RADVD = """interface r0 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 600;
  prefix 2001:db8:aaaa::/64 { }; };
"""


def strangers(network, listener, folder):
    """Other routers' advertisements on the link change nothing about ours, and the other way round."""
    network.stranger.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    network.stranger.ip("addr add 2001:db8:aaaa::1/64 dev r0 nodad", "addr add 2001:db8:bbbb::1/64 dev r0 nodad")
    (folder / "radvd.conf").write_text(RADVD)
    programs = {
        "radvd": ["-n", "-C", str(folder / "radvd.conf"), "-p", str(folder / "radvd.pid"), "-m", "stderr"],
        "dnsmasq": ["-d", "-p", "0", "-C", "/dev/null", "-i", "r0", "--enable-ra", "--ra-param=r0,4,600",
                    "--dhcp-range=2001:db8:bbbb::,ra-only", "-l", str(folder / "leases"), "-u", "root"],
    }
    theirs = {"radvd": "2001:db8:aaaa::", "dnsmasq": "2001:db8:bbbb::"}
    for name, arguments in programs.items():
        if not shutil.which(name):
            print(f"no {name}, left out")
            continue
        with open(folder / f"log.{name}", "w") as log:
            program = network.stranger.start([shutil.which(name), *arguments], stdout=log, stderr=log)
        wait_until(f"the host has {name}'s prefix", lambda: theirs[name] in network.prefixes(), 20)
        wait_until("and our router beside the other", lambda: SOURCES[1] in network.default_routers())
        prefixes = network.prefixes()
        expect(prefixes.get("2001:db8:1::") and not prefixes.get("2001:db8:2::"), f"the host's prefixes: {prefixes}")
        expect(len(network.default_routers()) == 2, f"default routers {network.default_routers()}")
        first, _ = told_down(network, Filtered(listener), 1)
        wait_until("path 2 for path 1, the other stays",
                   lambda: SOURCES[2] in network.default_routers() and SOURCES[1] not in network.default_routers())
        expect(len(network.default_routers()) == 2, f"default routers {network.default_routers()}")
        check_content(network, told_up(network, Filtered(listener), 1), 1)
        end(program)
        print(f"beside {name}: ok")


class Filtered:
    """Hears our gateway alone; what others say may have options that the decoder does not expect."""

    def __init__(self, listener):
        self.listener = listener

    def next(self, deadline):
        while True:
            try:
                heard = self.listener.next(deadline)
            except nd.Malformed:
                continue
            if heard is None or heard.source in SOURCES.values():
                return heard

    until = nd.Listener.until
    during = nd.Listener.during
    forget = nd.Listener.forget


def stopped(network, listener, gateway):
    """A gateway that ends leaves everything in place; one that is removed says so."""
    listener.forget()
    gateway.stop()
    expect(all(one.works for one in listener.during(1)), "a gateway that may come back has withdrawn itself")
    gateway.do("cleanup", "-c", str(gateway.config))
    heard = listener.during(1)
    for k in SOURCES:
        last = [one for one in heard if one.source == SOURCES[k]]
        expect(len(last) == 3, f"path {k} said {len(last)} times that it ends")
        for one in last:
            expect(not one.works and one.header.lifetime == 0 and one.domain.options.path == (k, 2), f"{one}")
            lifetimes = [*one.domain.options.prefixes.values(), *one.options.prefixes.values()]
            expect(all(valid == 0 and preferred == 0 for _, valid, preferred in lifetimes), f"{lifetimes}")


def scenario(executable, folder):
    network = Network()
    listener = network.listener()
    gateway = Gateway(executable, network.gateway, folder / "gateway")
    try:
        gateway.start(config(uplink(1), uplink(2)))
        advertised(network, listener)
        kernel_host(network)
        expect(network.prefixes() == {"2001:db8:1::": True}, f"prefixes {network.prefixes()}")
        solicited(network, listener, gateway)
        down_and_up(network, listener)
        fail_open(network, listener, gateway)
        reconfigured(network, listener, gateway)
        reloaded(network, listener, gateway)
        without_ipv6(network, listener, gateway)
        lan_replaced(network, listener)
        kernel_host(network)
        flood(network, listener, gateway)
        strangers(network, listener, folder)
        stopped(network, Filtered(listener), gateway)
        # Hosts of IPv4 alone have it from advertisements, too.
        gateway.start(config(uplink(1, False), uplink(2, False)))
        stopped(network, Filtered(listener), gateway)
    except (TimeoutError, nd.Malformed) as failure:
        expect(False, str(failure))


main(scenario)
