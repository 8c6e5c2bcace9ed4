#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A firewall resets one end of a subflow again and again; the other end hears nothing of it.

Usage: paths_left_behind.py ANABRANCH. The server keeps each subflow that the client has lost, and its kernel lets it
have two besides the first one here: with both places taken none can come any more, and when the last good one is lost
the connection stands still. `anabranch paths run` takes the address ids of the lost ones back (REMOVE_ADDR), for which
the kernel has to have a subflow from that address or to have announced it. After twelve resets, by turns on either link,
both links carry data, and the server has the two subflows of the client and no other. (The first one, with the id 0, cannot
be taken back and takes no place: it is not counted once the client has lost it.)
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import expect, main, wait_until
from path_manager import PORT, Bulk, Network, Paths

RESETS = 12
PLACES = 2
# The client's own packets meet it: the answer is a reset to the client, and nothing to the server.
FIREWALL = """table inet firewall {{
  chain out {{ type filter hook output priority 0; oifname "{}" tcp dport {} reject with tcp reset; }}
}}
"""


def at_server(network, first):
    """The client's ends of the server's established subflows, without the first one."""
    lines = network.server.run("ss", "-tHn", "state", "established", f"sport = :{PORT}").splitlines()
    return sorted(end.rsplit(":", 1)[0] for end in (line.split()[3] for line in lines) if end != first)


def resets(executable, folder):
    network = Network()
    network.listen(folder)
    network.shape("10mbit")
    network.server.run("ip", "mptcp", "limits", "set", "subflows", str(PLACES))
    paths = Paths(executable, network, folder)
    paths.start()
    transfer = Bulk(network)
    first = "{}:{}".format(*transfer.connection.getsockname())
    both = ["10.1.0.2", "10.2.0.2"]
    wait_until("the transfer has both subflows", lambda: sorted(network.subflows()) == both)

    most = 0
    for number in range(RESETS):
        wait_until("both links carry data", lambda: network.carry(100_000), 20)
        network.client.run("nft", "-f", "-", input=FIREWALL.format(f"c{number % 2 + 1}", PORT))
        wait_until("a subflow is lost", lambda: sorted(network.subflows()) != both, 20)
        network.client.run("nft", "delete", "table", "inet", "firewall")
        wait_until("both subflows are back", lambda: sorted(network.subflows()) == both, 20)
        most = max(most, len(at_server(network, first)))
    wait_until("both links carry data at the end", lambda: network.carry(100_000), 20)
    wait_until("the server has the two subflows alone", lambda: at_server(network, first) == both, 20)
    print(f"{RESETS} resets: the server had {most} subflows of {PLACES} at most")
    expect(transfer.arrived(), "the transfer is not right")
    paths.stop()


main(resets, ["ss", "ip", "nft", "tc"])
