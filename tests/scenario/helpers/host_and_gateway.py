# SPDX-License-Identifier: MIT
"""The smallest network that has two paths, for what does not depend on where they lead:

    [host] h0 10.1.0.50 --- lan0 [gateway] up1 --- w1
                                           up2 --- w2

The gateway is in the script's own namespaces. Nobody is beyond w1 and w2, which give the uplinks a carrier."""
import os
import subprocess

from waiting import command, wait_until

LAN = """
[lan]
interface = "lan0"
"""
UPLINKS = """
[[uplink]]
name = "isp1"
interface = "up1"
next_hop = "172.16.1.2"
index = 1
source_prefix = "10.1.0.0/16"

[[uplink]]
name = "isp2"
interface = "up2"
next_hop = "172.16.2.2"
index = 2
source_prefix = "10.2.0.0/16"
"""


def build_network():
    """Returns the process that holds the host, and what a command of the host begins with."""
    holder = subprocess.Popen(["unshare", "-n", "sleep", "600"])
    own = os.readlink("/proc/self/ns/net")
    wait_until("a namespace of the host", lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != own)
    inside = f"nsenter -t {holder.pid} -n "
    command("ip link set lo up")
    command(f"ip link add lan0 type veth peer name h0 netns {holder.pid}")
    command("ip link set lan0 up")
    for line in ("link set lo up", "addr add 10.1.0.50/16 dev h0", "link set h0 up"):
        command(f"{inside} ip {line}")
    for k in (1, 2):
        command(f"ip link add up{k} type veth peer name w{k}")
        command(f"ip addr add 172.16.{k}.1/24 dev up{k}")
        # No next hop is there; without ARP none is missed.
        command(f"ip link set up{k} arp off up")
        command(f"ip link set w{k} up")
    return holder, inside.split()
