#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A link falls silent for so long that its router is forgotten, and answers again.

Usage: paths_neighbour.py ANABRANCH. The kernel looks for a neighbour that does not answer once a second, and a path that is
back would wait for that. `anabranch paths run` makes it look with each question it asks over a failed path. The kernel
of this test forgets within a second; ten outages end at different moments of the kernel's own second, and a subflow over
the path is there again sooner than waiting for the kernel would allow (1.36 s in the worst of ten).
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import expect, main, wait_until
from path_manager import Bulk, Network, Paths


OUTAGES = 10
# The question's interval is 500 ms at most.
BOUND = 1.2
SILENT = """table netdev silent {
  chain everything { type filter hook ingress device s1 priority 0; policy drop; }
}
"""


def router_state(network):
    words = network.client.run("ip", "neigh", "show", "10.1.0.1", "dev", "c1").split()
    return words[-1] if words else "none"


def returns(executable, folder):
    network = Network()
    network.listen(folder)
    for name, value in (("base_reachable_time_ms", 200), ("delay_first_probe_time", 0), ("ucast_solicit", 1)):
        network.client.run("sysctl", "-qw", f"net.ipv4.neigh.c1.{name}={value}")
    network.shape("10mbit")
    paths = Paths(executable, network, folder)
    paths.start()
    transfer = Bulk(network)
    both = lambda: sorted(network.subflows()) == ["10.1.0.2", "10.2.0.2"]
    wait_until("the transfer has both subflows", both)

    slowest = 0.0
    for outage in range(OUTAGES):
        network.server.run("nft", "-f", "-", input=SILENT)
        wait_until("the path is given up", lambda: network.subflows() == ["10.2.0.2"], 20)
        wait_until("the router is forgotten", lambda: router_state(network) in ("INCOMPLETE", "FAILED", "none"), 20)
        time.sleep(0.1 * outage)  # another moment of the kernel's second each time
        since = time.monotonic()
        network.server.run("nft", "delete", "table", "netdev", "silent")
        wait_until("the path is back", both, 20)
        slowest = max(slowest, time.monotonic() - since)
    print(f"{OUTAGES} outages: back after {slowest * 1000:.0f} ms at most")
    expect(slowest <= BOUND, f"a path was back after {slowest:.2f} s only")
    expect(transfer.arrived(), "the transfer is not right")
    paths.stop()


main(returns, ["ss", "ip", "nft", "tc"])
