#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""IPv6 through a gateway with three uplinks: as it is, translated with state and without, failing open and
closed, and what DHCPv6 clients get.

  2001:db8:1::50  h0 --- lan0 [gateway] up1 --- w1  far (2001:db8:ffff::1), which routes
  fd00:2::50                            up2 --- w2  2001:db8:K::/64 to up K
  fd00:3::50                            up3 --- w3

Usage: gateway_ipv6.py ANABRANCH, as root or as an ordinary user.
"""
import json
import os
import re
import signal
import socket
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
import dhcp6
from dhcp6 import NO_ADDRESSES, RELEASE, RENEW, REPLY, SOLICIT
from namespaces import Gateway, Namespace, cable, expect, main, wait_until

CONFIG = """dhcp6 = "kea"
[lan]
interface = "lan0"
[[uplink]]
name = "isp1"
interface = "up1"
index = 1
next_hop = "172.16.1.2"
source_prefix = "10.1.0.0/16"
dns = ["2001:db8:53::1"]
[uplink.ipv6]
source_prefix = "2001:db8:1::/64"
next_hop = "fe80::b:1"
delegated = "2001:db8:8000::/40"
delegated_length = 56
[[uplink]]
name = "isp2"
interface = "up2"
index = 2
fail_open = "isp1"
[uplink.ipv6]
source_prefix = "fd00:2::/64"
next_hop = "fe80::b:2"
nat = "stateful"
external_prefix = "2001:db8:2::/64"
delegated = "2001:db8:9000::/40"
delegated_length = 60
[[uplink]]
name = "isp3"
interface = "up3"
index = 3
[uplink.ipv6]
source_prefix = "fd00:3::/64"
next_hop = "2001:db8:f3::2"
nat = "stateless"
external_prefix = "2001:db8:3::/64"
delegated = "2001:db8:a000::/58"
delegated_length = 60
[metrics]
listen = "127.0.0.1:9473"
"""
SERVER = "2001:db8:ffff::1"
INSIDE = {1: "2001:db8:1::50", 2: "fd00:2::50", 3: "fd00:3::50"}
OUTSIDE = {1: "2001:db8:1::50", 2: "2001:db8:2::50", 3: "2001:db8:3::50"}


class Network:
    def __init__(self):
        self.here, self.host, self.far = Namespace(os.getpid()), Namespace(), Namespace()
        cable(self.here, "lan0", self.host, "h0")
        self.far.ip(f"addr add {SERVER}/128 dev lo")
        for k in (1, 2, 3):
            self.connect(k)
        self.here.ip("addr add 172.16.1.1/24 dev up1")
        self.host.ip("addr add fe80::99/64 dev h0 nodad")
        for k, address in INSIDE.items():
            self.host.ip(f"addr add {address}/64 dev h0 nodad")

    def connect(self, k):
        cable(self.here, f"up{k}", self.far, f"w{k}")
        self.here.ip(f"addr add fe80::a:{k}/64 dev up{k} nodad", f"addr add 2001:db8:f{k}::1/64 dev up{k} nodad")
        self.far.ip(f"addr add fe80::b:{k}/64 dev w{k} nodad", f"addr add 2001:db8:f{k}::2/64 dev w{k} nodad")
        if k == 3:
            self.here.ip("link set up3 mtu 1400")
        self.provider_routes(k)

    def provider_routes(self, k):
        self.far.ip(f"route replace 2001:db8:{k}::/64 via fe80::a:{k} dev w{k}")

    def host_routes(self):
        """As a host makes them: the router of a path is the source of its advertisements."""
        for k, address in INSIDE.items():
            self.host.ip(f"route add default via fe80::616e:6162:0:{k} dev h0 table 10{k}")
            self.host.run("ip", "-6", "rule", "add", "from", address, "lookup", f"10{k}")

    def cut(self, k):
        self.far.ip(f"link set w{k} down")

    def heal(self, k):
        # IPv6 addresses of an interface go when it is set down.
        self.far.ip(f"link set w{k} up", f"addr replace fe80::b:{k}/64 dev w{k} nodad")
        self.far.ip(f"addr replace 2001:db8:f{k}::2/64 dev w{k} nodad")
        self.provider_routes(k)

    def connection(self, source, target=SERVER, client_at=None, server_at=None):
        """Both ends of a TCP connection that has carried data both ways; the server's view of the client, and
        the size of its segments."""
        client_at, server_at = client_at or self.host, server_at or self.far
        listener = server_at.socket(socket.AF_INET6, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("::", 7000))
        listener.listen()
        listener.settimeout(5)
        client = client_at.socket(socket.AF_INET6, socket.SOCK_STREAM)
        client.settimeout(5)
        client.bind((source, 0))
        client.connect((target, 7000))
        server, seen = listener.accept()
        server.settimeout(5)
        listener.close()
        payload = os.urandom(200_000)
        for one, other in ((client, server), (server, client)):
            sent, got = 0, b""
            while len(got) < len(payload):
                sent += one.send(payload[sent : sent + 20_000]) if sent < len(payload) else 0
                got += other.recv(65536)
            expect(got == payload, "the octets that arrive are not those that were sent")
        segment = server.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        client.close()
        return seen[0], segment, server.getsockname()[0]

    def is_refused(self, source):
        """Whether the ICMPv6 error of a closed UDP port comes back to who has sent."""
        client = self.host.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        client.settimeout(2)
        client.bind((source, 0))
        client.connect((SERVER, 9))
        client.send(b"x")
        try:
            client.recv(1)
        except ConnectionRefusedError:
            return True
        except TimeoutError:
            pass
        return False


def check_forwarding(network, when):
    for k in (1, 2, 3):
        expect(network.host.reaches(SERVER, INSIDE[k]), f"{when}: no echo over path {k}")
        seen, segment, _ = network.connection(INSIDE[k])
        expect(seen == OUTSIDE[k], f"{when}: path {k} is seen as {seen}")
        if k == 3:
            expect(segment <= 1340, f"{when}: segments of {segment} octets do not fit uplink 3")
    for k in (1, 2):
        expect(network.is_refused(INSIDE[k]), f"{when}: an ICMPv6 error does not come back over path {k}")
    for k in (2, 3):
        arrived = network.connection(SERVER, OUTSIDE[k], network.far, network.host)[2]
        expect(arrived == INSIDE[k], f"{when}: a connection to {OUTSIDE[k]} arrives at {arrived}")


def check_unknown_source(network):
    network.host.ip("addr add 2001:db8:99::5/64 dev h0 nodad")
    network.host.run("ip", "-6", "rule", "add", "from", "2001:db8:99::5", "lookup", "101")
    network.far.ip("route add 2001:db8:99::/64 via fe80::a:1 dev w1")
    expect(not network.host.reaches(SERVER, "2001:db8:99::5"), "a source of no prefix is forwarded")


def check_failures(network, gateway):
    # Uplink 2 fails open into uplink 1, behind the address of that one's router.
    network.cut(2)
    wait_until("isp2 fails open", lambda: gateway.says("isp2 (path 2) is down"))
    seen = network.connection(INSIDE[2])[0]
    expect(seen == "2001:db8:1::1", f"a guest of uplink 1 is seen as {seen}")
    expect(network.connection(INSIDE[1])[0] == OUTSIDE[1], "uplink 1's own hosts suffer from the guest")
    network.heal(2)
    wait_until("isp2 is back", lambda: gateway.says("isp2 (path 2) is back"))
    # Uplink 1 fails closed: an error at once.
    network.cut(1)
    wait_until("isp1 is down", lambda: gateway.says("isp1 (path 1) is down"))
    # Not by connect(): an ICMPv6 error that is there before connect() has let go of its socket, as it is on
    # one machine, makes Linux wait for the next SYN.
    expect(network.host.refuses(SERVER, INSIDE[1]), "hosts of path 1 get no ICMPv6 unreachable")
    expect(network.connection(INSIDE[3])[0] == OUTSIDE[3], "uplink 3 suffers from uplink 1's failure")
    network.heal(1)
    wait_until("isp1 is back", lambda: gateway.says("isp1 (path 1) is back"))
    check_forwarding(network, "after the failures")


def check_interface_comes_back(network, gateway):
    network.here.ip("link del up3")
    wait_until("isp3 is down", lambda: gateway.says("there is no interface up3"))
    network.connect(3)
    wait_until("path 3 works again", lambda: network.host.reaches(SERVER, INSIDE[3]))
    check_forwarding(network, "after uplink 3's interface has come back")


def check_repair(network):
    network.here.run("nft", "flush", "ruleset")
    network.here.run("ip", "-6", "rule", "del", "pref", "1002")
    wait_until("translation is back", lambda: "to-2" in network.here.run("nft", "list", "ruleset"))
    check_forwarding(network, "after the repair")


def clients(network):
    sock = dhcp6.Client.bind(network.host.socket(socket.AF_INET6, socket.SOCK_DGRAM), "h0")
    number = json.loads(network.host.run("ip", "-j", "link", "show", "h0"))[0]["ifindex"]
    return lambda: dhcp6.Client(sock, number)


def expect_path(answer, index, what):
    prefix = {1: "2001:db8:1::", 2: "fd00:2::", 3: "fd00:3::"}[index]
    expect(answer is not None, f"{what}: no answer")
    expect(answer.path() == (index, 3), f"{what}: EXT_ROUTE is {answer.path()}")
    expect(answer.addresses, f"{what}: no address")
    for address in answer.addresses:
        expect(address.startswith(prefix), f"{what}: the address is {address}")


def check_dhcp(network, client):
    # Whatever link-local addresses the LAN has, a message has one answer.
    answers = client().ask(SOLICIT, [2, 0])
    expect(len(answers) == 1, f"{len(answers)} answers to one message")
    expect_path(client().lease(), 1, "a client without the option")
    expect_path(client().lease([0, 0]), 1, "index 0")
    expect_path(client().lease([2]), 2, "index 2 in the one-octet form")
    expect_path(client().lease([2, 0, 0]), 1, "an option of three octets, which counts as none")
    # Clients of different paths in turn: each is told its own, not what the first one was told.
    for index in (1, 2, 3, 2, 1, 3):
        expect_path(client().lease([index, 0]), index, f"index {index} in turn")
    base = client().lease([1, 0])
    expect(base.all(dhcp6.DNS) == [socket.inet_pton(socket.AF_INET6, "2001:db8:53::1")], "no resolver")
    # One host, one DUID, an IAID for each path.
    host = client()
    held = {index: host.lease([index, 0], addresses=(index,)) for index in (1, 2, 3)}
    for index, lease in held.items():
        expect_path(lease, index, f"IAID {index}")
        answer = host.exchange(RENEW, [index, 0], addresses=(index,), held=lease)
        expect_path(answer, index, f"renewal on path {index}")
        expect(answer.addresses == lease.addresses, f"renewal on path {index} changes the address")
        answer = host.exchange(RENEW, addresses=(index,), held=lease)
        expect_path(answer, index, f"renewal on path {index} without the option")
    unknown = client().exchange(SOLICIT, [9, 0])
    expect(unknown and not unknown.addresses and NO_ADDRESSES in unknown.status, "index 9 is offered an address")


def check_delegation(network, client):
    for index, prefix, length in ((1, "2001:db8:80", "/56"), (2, "2001:db8:90", "/60")):
        lease = client().lease([index, 0], prefixes=(index,))
        expect_path(lease, index, f"with a prefix of path {index}")
        got = lease.prefixes[0] if lease.prefixes else "nothing"
        expect(got.startswith(prefix) and got.endswith(length), f"path {index} delegates {got}")
    # What is delegated is reached through the client, until it gives it back.
    router = client()
    lease = router.lease([1, 0], prefixes=(1,))
    inner = lease.prefixes[0].replace("::/56", "::77")
    network.host.ip(f"addr add {lease.addresses[0]}/64 dev h0 nodad", f"addr add {inner}/128 dev lo")
    network.host.run("ip", "-6", "rule", "add", "from", inner, "lookup", "101")
    network.far.ip("route add 2001:db8:8000::/40 via fe80::a:1 dev w1")
    wait_until("a delegated prefix is reached", lambda: network.host.reaches(SERVER, inner))
    expect(network.connection(SERVER, inner, network.far, network.host)[2] == inner, "not the delegated address")
    router.exchange(RELEASE, [1, 0], prefixes=(1,), held=lease)
    wait_until("a prefix that was given back leads nowhere", lambda: not network.far.reaches(inner, SERVER))


def check_show(gateway, client):
    """Who uses IPv6 shows, in the table, in JSON and to Prometheus; and that a path has no prefix left."""

    def uplink(k):
        return json.loads(gateway.do("show", "-j"))["uplinks"][k - 1]

    def used(k):
        # Once Kea was asked anew.
        return wait_until("a pool in use", lambda: (one := uplink(k)["ipv6"])["pool"].get("assigned", 0) > 0 and one)

    first, second = used(1), used(2)
    expect(first["pool"]["size"] == 65536 and first["delegated"]["size"] == 65536, f"show tells {first}")
    expect(first["delegated"]["prefix"] == "2001:db8:8000::/40" and second["delegated"]["assigned"] == 1, f"{second}")
    expect(uplink(2)["advertised"]["state"] == "advertised", "show does not tell what hosts were told")
    text = gateway.do("show")
    lines = (
        r"1 +isp1 +up1 +up +\d.* - +- +yes, \d.* / ",
        r"1 +10\.1\.0\.0/16 +masquerade +172\.16\.1\.2 +\d+ of 61435 +-",
        r"1 +2001:db8:1::/64 +none +fe80::b:1 +\d+ of 65536 +\d+ of 65536",
        r"2 +fd00:2::/64 +stateful 2001:db8:2::/64 +fe80::b:2 +\d+ of 65536 +1 of 1048576",
    )
    for line in lines:
        expect(re.search(f"^{line}", text, re.MULTILINE), f"show has no {line}:\n{text}")

    holders = [client().lease([3, 0], prefixes=(1,)) for _ in range(4)]
    expect(all(holder and holder.prefixes for holder in holders), "four prefixes are not delegated")
    late = client().exchange(SOLICIT, [3, 0], addresses=(), prefixes=(1,))
    expect(late and not late.prefixes and dhcp6.NO_PREFIX in late.status, "a fifth prefix of four")
    wait_until("the log tells", lambda: gateway.says("path 3 (isp3) has no prefix to delegate left: all 4"), 15)
    wait_until("show tells", lambda: re.search(r" 4 of 4$", gateway.do("show"), re.MULTILINE))
    expect(json.loads(gateway.do("show", "-j"))["dhcp6"]["refused"] >= 1, "nobody was refused")
    path = '{index="3",uplink="isp3"}'
    page = metrics()
    for name, value in (("pool6_prefixes", 4), ("pool6_assigned_prefixes", 4), ("uplink_advertised", 1)):
        expect(page.get(f"anabranch_gateway_{name}{path}") == value, f"{name}: {page}")
    expect(page[f"anabranch_gateway_pool6_addresses{path}"] == 65536, "the pool of addresses")


def metrics():
    page = urllib.request.urlopen("http://127.0.0.1:9473/metrics", timeout=5).read().decode()
    out = {}
    for line in page.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            labels = re.findall(r'\w+="[^"]*"', name)
            out[name.split("{")[0] + ("{" + ",".join(sorted(labels)) + "}" if labels else "")] = float(value)
    return out


def check_lost_path(network, client, gateway):
    """A path that is down gives nothing; the count stays."""
    holder = client()
    lease = holder.lease([3, 0])
    network.cut(3)

    def offers():
        # A message may be lost while Kea takes over a changed configuration.
        answer = client().exchange(SOLICIT, [3, 0], patience=1)
        return answer and len(answer.addresses)

    wait_until("path 3 gives no address", lambda: offers() == 0)
    expect(metrics()['anabranch_gateway_uplink_advertised{index="3",uplink="isp3"}'] == 0, "hosts are told otherwise")
    shown = json.loads(gateway.do("show", "-j"))["uplinks"][2]
    expect(shown["advertised"]["state"] == "withdrawn" and shown["state"] == "down", f"show tells {shown}")
    expect(abs(shown["advertised"]["since_s"] - shown["since_s"]) < 1, f"told long after it was known: {shown}")
    expect("withdrawn, " in gateway.do("show"), "the table does not tell that path 3 is withdrawn")
    answer = client().exchange(SOLICIT, [3, 0], addresses=(), prefixes=(1,))
    expect(answer and answer.status == [dhcp6.NO_PREFIX], "path 3 delegates a prefix")
    answer = holder.exchange(RENEW, [3, 0], held=lease)
    expect(answer and answer.type == REPLY and not answer.addresses, "a path that is down renews a lease")
    expect_path(client().lease([2, 0]), 2, "path 2 while path 3 is down")
    network.heal(3)
    wait_until("path 3 gives addresses again", offers)


def check_killed_server(gateway, client):
    def state():
        return json.loads(gateway.do("show", "-j"))["dhcp6"]

    before = state()
    expect(before["state"] == "running" and before["pid"], f"DHCPv6 is {before}")
    lease = client().lease([2, 0])
    os.kill(before["pid"], signal.SIGKILL)
    wait_until("DHCPv6 runs again", lambda: state()["state"] == "running" and state()["pid"] != before["pid"])
    # A moment may pass until the new one hears; clients repeat what is not answered.
    answer = wait_until("an answer of the new server", lambda: client().lease([2, 0]))
    expect_path(answer, 2, "after the restart of Kea")
    expect(json.loads(gateway.do("show", "-j"))["dhcp"]["state"] == "running", "DHCPv4 has ended with it")
    return lease


def sysctl(key):
    with open(f"/proc/sys/net/ipv6/conf/{key}") as file:
        return file.read().strip()


def scenario(executable, folder):
    network = Network()
    everywhere = sysctl("all/forwarding")
    with open("/proc/sys/net/ipv6/conf/up2/accept_ra", "w") as file:
        file.write("0")
    gateway = Gateway(executable, network.here, folder / "gateway")
    gateway.start(CONFIG)
    network.host_routes()
    expect(sysctl("up1/accept_ra") == "2", "uplink 1 no longer hears its provider")
    expect(sysctl("up2/accept_ra") == "0", "uplink 2 listens to advertisements against its operator's will")
    if os.path.exists("/proc/sys/net/ipv6/conf/all/force_forwarding"):
        expect(sysctl("all/forwarding") == everywhere, "other interfaces became routers")
    check_forwarding(network, "at first")
    check_unknown_source(network)
    client = clients(network)
    check_dhcp(network, client)
    check_delegation(network, client)
    check_show(gateway, client)
    check_lost_path(network, client, gateway)
    check_killed_server(gateway, client)
    check_failures(network, gateway)
    check_interface_comes_back(network, gateway)
    check_repair(network)
    changes = len(gateway.log.read_text().split("set up:"))
    gateway.do("reload")
    expect(len(gateway.log.read_text().split("set up:")) == changes, "a second pass has something to do")
    gateway.stop()
    gateway.do("cleanup", "-c", str(gateway.config))
    left = network.here.run("ip", "-6", "rule") + network.here.run("ip", "-6", "addr", "show", "lan0")
    left += network.here.run("nft", "list", "ruleset")
    expect("lan0 lookup" not in left and "616e:6162" not in left, f"left behind: {left}")
    expect("anabranch" not in left and sysctl("up1/accept_ra") == "1", f"left behind: {left}")


main(scenario, ["nft", "ip", "kea-dhcp6", "kea-dhcp4"])
