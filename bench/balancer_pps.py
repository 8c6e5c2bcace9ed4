#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Frames per second through a balancer between two virtual Ethernet pairs, beside what the kernel's own routing carries
there: by tc, by generic XDP and by XDP in the driver. Per second of one processor, which sends, too: that is the same in all
four and bounds what can be seen. The server drops everything as it comes. One after another in every round; the best of
the rounds, and the median.

Usage: balancer_pps.py ANABRANCH FRAME_BURST [--rounds N] [--milliseconds N] [--json FILE], as root.
"""
import argparse
import json
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/scenario/helpers"))
from bpf import XDP_DROP, bpf_file_system, pin_xdp
from namespaces import Namespace, cable, expect, main
from proxy_pair import Role

SERVICE, PORT = "198.51.100.10", 443
CLIENT, SERVER = "10.88.1.1", "10.88.2.2"
WAYS = ("routing", "tc", "xdp-generic", "xdp")


def settings(hook, pins):
    return f"""[balancer]
interface = "eth0"
hook = "{hook}"
pins = "{pins}"
[[vip]]
address = "{SERVICE}:{PORT}"
[[server]]
name = "server1"
id = 1
addresses = ["{SERVER}"]
"""


class Bed:
    def __init__(self, executable, burst, folder, pins):
        self.burst, self.pins = burst, pins / "balancer"
        self.client, self.balancer, self.server = [Namespace() for _ in range(3)]
        cable(self.client, "eth0", self.balancer, "eth0")
        cable(self.balancer, "eth1", self.server, "eth0")
        mac = ":".join(f"{octet:02x}" for octet in self.server.mac("eth0"))
        self.balancer.ip("address add 10.88.1.2/24 dev eth0", "address add 10.88.2.1/24 dev eth1",
                         f"neighbour add {SERVER} lladdr {mac} dev eth1 nud permanent", f"route add {SERVICE} via {SERVER}")
        self.balancer.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward; "
                          "for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$file; done")
        # What is redirected to one end of a pair wants a program at the other.
        pin_xdp(pins / "drop", XDP_DROP)
        self.server.ip(f"link set dev eth0 xdp pinned {pins / 'drop'}")
        self.to = ":".join(f"{octet:02x}" for octet in self.balancer.mac("eth0"))
        self.role = Role(executable, self.balancer, folder / "balancer", "balancer", settings("tc", self.pins))

    def prepare(self, way):
        if self.role.process and self.role.process.poll() is None:
            self.role.stop()
        self.balancer.run(self.role.executable, "balancer", "cleanup", "-c", str(self.role.config), env=self.role.environment)
        if way != "routing":
            self.role.config.write_text(settings(way, self.pins))
            self.role.start()

    def arrived(self):
        for line in self.server.run("cat", "/proc/net/dev").splitlines():
            name, _, numbers = line.partition(":")
            if name.strip() == "eth0":
                return int(numbers.split()[1])

    def measure(self, way, milliseconds):
        """Frames that arrive at the server in a second of the sender's processor."""
        self.prepare(way)
        before = self.arrived()
        sent, nanoseconds = map(int, self.client.run(self.burst, "eth0", self.to, CLIENT, f"{SERVICE}:{PORT}",
                                                     str(milliseconds)).split())
        arrived = self.arrived() - before
        expect(sent // 2 < arrived <= sent + 100, f"{way}: {sent} frames were sent, {arrived} arrived")
        return arrived * 1e9 / nanoseconds


def scenario(executable, folder):
    rates = {way: [] for way in WAYS}
    with bpf_file_system(folder) as pins:
        bed = Bed(executable, OPTIONS.burst, folder, pins)
        for _ in range(OPTIONS.rounds):
            for way in WAYS:
                rates[way].append(bed.measure(way, OPTIONS.milliseconds))
    best = max(rates["routing"])
    print(f"{'':12} {'best':>10} {'median':>10}   of routing")
    for way, found in rates.items():
        print(f"{way:12} {max(found):10.0f} {statistics.median(found):10.0f}   {max(found) / best:.2f}")
    if OPTIONS.json:
        OPTIONS.json.write_text(json.dumps(rates, indent=1) + "\n")


parser = argparse.ArgumentParser()
parser.add_argument("executable")
parser.add_argument("burst", type=os.path.abspath)
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--milliseconds", type=int, default=1000)
parser.add_argument("--json", type=lambda name: Path(name).resolve())
OPTIONS = parser.parse_args()
main(scenario)
