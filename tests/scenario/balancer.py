#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real MPTCP connections with two subflows each through `anabranch balancer` to four servers. With plain hashing most of
the second subflows meet a server that does not know them; with each cure all of them meet the right one, over IPv4 and
IPv6, by tc and by XDP, generic and in the driver. The data plane goes on when the balancer is killed; new settings break
nothing. The balancer has three capabilities and no others.

Usage: balancer.py ANABRANCH, as root. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from balanced import CLIENT, FIRST_JOIN_PORT, OTHER_CLIENT, PORT, UNUSED, VIP, VIP6, Network, counters
from bpf import XDP_PASS, bpf_file_system, pin_xdp
from namespaces import expect, main, wait_until
from proxy_pair import Role

SERVERS = 4
CONNECTIONS = 40
OWN, OWN6 = "198.51.100.2{}", "2001:db8:10::2{}"
CAPABILITIES = "-all,+bpf,+perfmon,+net_admin"
JOINED, MISSED = "MPJoinAckRx", "MPJoinNoTokenFound"


def settings(cures=("port",), hook="tc", weights=(1,) * SERVERS):
    text = f"""[balancer]
interface = "eth0"
hook = "{hook}"
pins = "{os.environ["PINS"]}"
connections = 10000
"""
    for address in (f"{VIP}:{PORT}", f"[{VIP6}]:{PORT}"):
        text += f"""
[[vip]]
address = "{address}"
cures = {json.dumps(list(cures))}
"""
    for number, weight in enumerate(weights, 1):
        text += f"""
[[server]]
name = "server{number}"
id = {number}
addresses = ["10.9.0.1{number}", "2001:db8:9::1{number}"]
weight = {weight}
join_addresses = ["{OWN.format(number)}", "{OWN6.format(number)}"]
"""
    return text


class Balanced(Network):
    def __init__(self, executable, folder):
        super().__init__(SERVERS)
        limited = folder / "limited"
        limited.write_text(f'#!/bin/sh\nexec setpriv --bounding-set={CAPABILITIES} {executable} "$@"\n')
        limited.chmod(0o755)
        self.role = Role(str(limited), self.balancer, folder / "balancer", "balancer", settings())

    def configure(self, **changes):
        self.role.config.write_text(settings(**changes))

    def packets(self, reason, address=""):
        """Of the services at `address`, or of all."""
        return sum(vip["packets"][reason] for vip in json.loads(self.role.show())["vips"] if address in vip["address"])

    def explain(self, *arguments):
        return json.loads(self.balancer.run(self.role.executable, "balancer", "explain", "-j", "-c", str(self.role.config),
                                            *arguments))

    def steer(self, what, address=VIP):
        """CONNECTIONS of them, each with its further subflow; where those arrived."""
        before = self.of_servers(JOINED, MISSED)
        found = lambda: [now - then for now, then in zip(self.of_servers(JOINED, MISSED), before)]
        sender = self.begin(CONNECTIONS, address)
        wait_until(f"{what}: every further subflow has met a server ({found()})", lambda: sum(found()) >= CONNECTIONS, 30)
        self.end(sender)
        joined, missed = found()
        print(f"{what}: {CONNECTIONS} MPTCP connections, {joined} further subflows joined, {missed} misrouted", flush=True)
        return joined, missed


def plain_hashing(balanced):
    """What there is without cures: about 3 of 4 further subflows are lost."""
    balanced.announce()
    balanced.joins_from("subflow")
    _, missed = balanced.steer("plain hashing")
    expect(CONNECTIONS // 2 <= missed < CONNECTIONS, f"plain hashing: {missed} of {CONNECTIONS} met a wrong server")


def all_right(balanced, what, address, reason):
    service = address if reason == "by-join-port" else ""  # servers' own addresses are of no service
    steered = balanced.packets(reason, service)
    joined, missed = balanced.steer(what, address)
    expect(joined >= CONNECTIONS and missed == 0, f"{what}: {joined} subflows joined, {missed} were misrouted")
    expect(balanced.packets(reason, service) >= steered + CONNECTIONS, f"{what}: the balancer did not steer {reason}")
    with_connections = sum(server["packets"] > 0 for server in json.loads(balanced.role.show())["servers"])
    expect(with_connections == SERVERS, f"{what}: {with_connections} servers of {SERVERS} are used")


def cure_by_port(balanced):
    balanced.announce(f"{VIP} port {{port}}", f"{VIP6} port {{port}}")
    balanced.joins_from("subflow fullmesh")
    balanced.configure()
    balanced.role.start()
    all_right(balanced, "join ports, IPv4, tc", VIP, "by-join-port")
    all_right(balanced, "join ports, IPv6, tc", VIP6, "by-join-port")


def token_explained(balanced):
    """Of connections that are there, by what the servers' kernels say of them."""
    sender = balanced.begin(CONNECTIONS, VIP)
    asked = 0
    for number, server in balanced.servers.items():
        for token in re.findall(r"token:([0-9a-f]+)", server.run("ss", "-H", "-M", "-i", "state", "established"))[:3]:
            asked += 1
            answer = balanced.explain(f"{OTHER_CLIENT}:{UNUSED}", f"{VIP}:{PORT}", "--as", "mp-join", "--token", token.zfill(8))
            expect((answer["server"], answer["reason"]) == (f"server{number}", "by-token"), f"explain: {answer}")
    expect(asked >= SERVERS, f"only {asked} tokens of {CONNECTIONS} connections were found")
    answer = balanced.explain(f"{OTHER_CLIENT}:{UNUSED}", f"{VIP}:{PORT}", "--as", "mp-join", "--token", "00000001")
    expect(answer["reason"] == "lost-unknown-token", f"explain: {answer}")
    balanced.end(sender)


def cure_by_token(balanced):
    """For clients that join the service itself, whatever servers say of that: these say nothing."""
    balanced.announce()
    balanced.joins_from("subflow")
    for hook in ("tc", "xdp-generic"):
        balanced.configure(cures=("token",), hook=hook)
        balanced.role.start()
        before = balanced.packets("tokens")
        all_right(balanced, f"tokens, IPv4, {hook}", VIP, "by-token")
        all_right(balanced, f"tokens, IPv6, {hook}", VIP6, "by-token")
        learned = balanced.packets("tokens") - before
        expect(learned >= 2 * CONNECTIONS, f"{learned} tokens were learned")
        if hook == "tc":
            token_explained(balanced)
        balanced.role.stop()


def explained(balanced):
    """By the program that steers."""
    for number in range(1, SERVERS + 1):
        answer = balanced.explain(f"{OTHER_CLIENT}:{UNUSED}", f"{VIP}:{FIRST_JOIN_PORT + number}", "--as", "mp-join")
        expect((answer["server"], answer["reason"]) == (f"server{number}", "by-join-port"), f"explain: {answer}")
    answer = balanced.explain(f"{CLIENT}:{UNUSED}", f"{VIP}:{PORT}", "--as", "mp-join")
    expect(answer["reason"] == "lost-join" and "server" not in answer, f"explain: {answer}")
    answer = balanced.explain(f"{CLIENT}:{UNUSED}", f"{VIP}:{PORT}", "--as", "mp-capable")
    expect(answer["reason"] == "by-ring" and answer["server_id"] in range(1, SERVERS + 1), f"explain: {answer}")


def killed_and_started_again(balanced):
    """Neither what runs nor what is new notices."""
    sender = balanced.begin(CONNECTIONS, VIP)
    balanced.role.process.kill()
    balanced.role.process.wait()
    joined, missed = balanced.steer("without a balancer")
    expect(missed == 0, f"with the balancer killed {missed} further subflows were misrouted")
    balanced.role.start()
    expect(balanced.packets("by-join-port") > 0, "counts did not outlive the balancer")
    balanced.end(sender)


def new_settings(balanced):
    """A server that drains keeps its connections and gets no new ones."""
    sender = balanced.begin(CONNECTIONS, VIP)
    balanced.configure(weights=(0, 1, 1, 1))
    balanced.balancer.run(balanced.role.executable, "balancer", "reload", env=balanced.role.environment)
    ring = {server["name"]: server["places"] for server in json.loads(balanced.role.show())["vips"][0]["servers"]}
    expect(ring["server1"] == 0 and ring["server2"] > 0, f"the ring is {ring}")
    drained = lambda: counters(balanced.servers[1])["MPCapableACKRX"]
    before = drained()
    _, missed = balanced.steer("with one server drained")
    expect(missed == 0 and drained() == before, "a drained server got new connections")
    balanced.end(sender)


def cure_by_address(balanced):
    for number, server in balanced.servers.items():
        server.ip(f"address add {OWN.format(number)}/32 dev lo", f"address add {OWN6.format(number)}/128 dev lo")
    balanced.announce(OWN, OWN6)
    balanced.role.stop()
    balanced.configure(cures=("address",))
    balanced.role.start()
    all_right(balanced, "own addresses, IPv4, tc", VIP, "by-address")
    all_right(balanced, "own addresses, IPv6, tc", VIP6, "by-address")


def by_xdp(balanced):
    balanced.announce(f"{VIP} port {{port}}", f"{VIP6} port {{port}}")
    balanced.role.stop()
    balanced.configure(hook="xdp-generic")
    balanced.role.start()
    expect("xdpgeneric" in balanced.balancer.run("ip", "link", "show", "eth0"), "no XDP program is attached")
    expect(not balanced.balancer.run("tc", "filter", "show", "dev", "eth0", "ingress").strip(), "the tc program is still there")
    all_right(balanced, "join ports, IPv4, generic XDP", VIP, "by-join-port")
    all_right(balanced, "join ports, IPv6, generic XDP", VIP6, "by-join-port")


def by_native_xdp(balanced):
    """What a virtual Ethernet pair needs for that beside the program: one at the balancer's other end, and senders that
    compute their checksums."""
    pass_all = os.path.dirname(os.path.dirname(os.environ["PINS"])) + "/pass_all"
    pin_xdp(pass_all, XDP_PASS)
    balanced.switch.ip(f"link set dev {balanced.balancer_port} xdp pinned {pass_all}")
    for interface in ("eth0", "eth1"):
        balanced.client.run("ethtool", "-K", interface, "tx", "off")
    balanced.role.stop()
    balanced.configure(hook="xdp")
    balanced.role.start()
    expect("xdp " in balanced.balancer.run("ip", "link", "show", "eth0"), "no XDP program is in the driver")
    for address, family in ((VIP, "IPv4"), (VIP6, "IPv6")):
        all_right(balanced, f"join ports, {family}, XDP in the driver", address, "by-join-port")
        balanced.end(balanced.begin(2, address, burst=5 << 20))


def cleaned_up(balanced):
    cleanup = (balanced.role.executable, "balancer", "cleanup", "-c", str(balanced.role.config))
    done = balanced.balancer.command(*cleanup, env=balanced.role.environment)
    expect(done.returncode == 1 and "runs" in done.stderr, f"cleanup beside a running balancer: {done.stderr}")
    balanced.role.stop()
    expect("xdp" in balanced.balancer.run("ip", "link", "show", "eth0"), "the end of the role ends the steering")
    balanced.balancer.run(*cleanup, env=balanced.role.environment)
    expect("xdp" not in balanced.balancer.run("ip", "link", "show", "eth0"), "cleanup leaves a program behind")
    expect(not os.path.exists(os.environ["PINS"]), "cleanup leaves pins behind")


def scenario(executable, folder):
    with bpf_file_system(folder) as pins:
        os.environ["PINS"] = str(pins / "anabranch/balancer")
        balanced = Balanced(executable, folder)
        balanced.listen()
        balanced.configure(cures=())
        balanced.role.start()
        plain_hashing(balanced)
        balanced.role.stop()
        for step in (cure_by_token, cure_by_port, explained, killed_and_started_again, new_settings, cure_by_address, by_xdp,
                     by_native_xdp, cleaned_up):
            step(balanced)


main(scenario)
