#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A firewall resets one end of a subflow again and again; the other end hears nothing of it.

Usage: paths_left_behind.py ANABRANCH. The server keeps the subflow that the client has lost, and the kernel lets it have
eight: then none can come any more, and when the last good one is lost the connection stands still. `anabranch paths run`
takes the address id back (REMOVE_ADDR), a second time as nobody acknowledges it. After twelve resets the server has the
two subflows of the client and no other.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import expect, main, wait_until
from path_manager import PORT, Bulk, Network, Paths

RESETS = 12
# The client's own packets meet it: the answer is a reset to the client, and nothing to the server.
FIREWALL = """table inet firewall {{
  chain out {{ type filter hook output priority 0; oifname "{}" tcp dport {} reject with tcp reset; }}
}}
"""


def at_server(network):
    """Remote ends of the server's established subflows."""
    lines = network.server.run("ss", "-tHn", "state", "established", f"sport = :{PORT}").splitlines()
    return sorted(line.split()[3].rsplit(":", 1)[0] for line in lines)


def resets(executable, folder):
    network = Network()
    network.listen(folder)
    network.shape("10mbit")
    paths = Paths(executable, network, folder)
    paths.start()
    transfer = Bulk(network)
    both = ["10.1.0.2", "10.2.0.2"]
    wait_until("the transfer has both subflows", lambda: sorted(network.subflows()) == both)

    most = 0
    for number in range(RESETS):
        wait_until("both links carry data", lambda: network.carry(100_000), 20)
        network.client.run("nft", "-f", "-", input=FIREWALL.format(f"c{number % 2 + 1}", PORT))
        wait_until("a subflow is lost", lambda: sorted(network.subflows()) != both)
        network.client.run("nft", "delete", "table", "inet", "firewall")
        wait_until("both subflows are back", lambda: sorted(network.subflows()) == both, 20)
        most = max(most, len(at_server(network)))
    wait_until("the server has forgotten what is gone", lambda: at_server(network) == both)
    print(f"{RESETS} resets: the server had {most} subflows at most")
    expect(transfer.arrived(), "the transfer is not right")
    paths.stop()


main(resets, ["ss", "ip", "nft", "tc"])
