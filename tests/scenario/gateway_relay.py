#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A gateway that is not on the hosts' link: another router stands between, which relays DHCP.

  host h0 --- acc0 [access router, relay] core0 --- lan0 [gateway] up1 --- isp1 (198.18.1.1)
                                                                   up2 --- isp2 (198.18.2.1)
                                                                   srv0 --- a DHCP server of its own

The host's own role gets both paths: from the gateway's Kea, from a server apart that was given what
`gateway kea-config` prints, and from a second gateway of ours in the access router's place, whose two
uplinks are one interface because the paths part deeper.

Usage: gateway_relay.py ANABRANCH, as root or as an ordinary user.
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from namespaces import Gateway, Namespace, cable, end, expect, main, wait_until

SERVER = "198.51.100.53"


def uplinks(nat, interfaces, next_hops):
    return "".join(
        f'[[uplink]]\nname = "isp{k}"\ninterface = "{interface}"\nnext_hop = "{hop}"\nindex = {k}\n'
        f'source_prefix = "10.{k}.0.0/16"\nnat = "{nat}"\n'
        for k, interface, hop in zip((1, 2), interfaces, next_hops)
    )


DEEP = (
    '[lan]\ninterface = "lan0"\nvia = "192.0.2.1"\nlocal_prefixes = ["198.51.100.0/24"]\n'
    + uplinks("masquerade", ("up1", "up2"), ("172.16.1.2", "172.16.2.2"))
    + '[dhcp]\nlease_time = "30s"\n'
)
FIRST = '[lan]\ninterface = "acc0"\n' + uplinks("none", ("core0", "core0"), ("192.0.2.2", "192.0.2.2"))


class Network:
    def __init__(self):
        self.gateway = Namespace(os.getpid())
        self.host, self.access, self.server = Namespace(), Namespace(), Namespace()
        cable(self.host, "h0", self.access, "acc0")
        cable(self.access, "core0", self.gateway, "lan0")
        cable(self.gateway, "srv0", self.server, "s0")
        self.host.ip("addr add 10.1.0.50/16 dev h0", "route add default via 10.1.0.1")
        self.access.ip("addr add 192.0.2.1/24 dev core0", "route add default via 192.0.2.2")
        self.access.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0")
        self.gateway.ip("addr add 192.0.2.2/24 dev lan0", "addr add 198.51.100.1/24 dev srv0")
        self.gateway.run("sysctl", "-qw", "net.ipv4.conf.srv0.forwarding=1")
        self.server.ip(f"addr add {SERVER}/24 dev s0", "route add default via 198.51.100.1")
        for k in (1, 2):
            isp = Namespace()
            cable(self.gateway, f"up{k}", isp, "w")
            self.gateway.ip(f"addr add 172.16.{k}.1/24 dev up{k}")
            isp.ip(f"addr add 172.16.{k}.2/24 dev w", f"addr add 198.18.{k}.1/32 dev lo")

    def access_routes(self, does):
        for k in (1, 2):
            self.access.ip(f"addr {does} 10.{k}.0.1/16 dev acc0")


def relay(network, server, option_82):
    more = ["-a"] if option_82 else []
    program = network.access.start(
        ["dhcrelay", "-4", "-d", "--no-pid", *more, "-id", "acc0", "-iu", "core0", server],
        stderr=open(os.devnull, "w"),
    )
    # It has its sockets once it appears among the packet sockets.
    wait_until("the relay listens", lambda: network.access.run("cat", "/proc/net/packet").count("\n") > 2)
    return program


def host_gets_both_paths(executable, folder, network, what):
    """The host's role, from nothing to both paths up, each leading to its provider."""
    environment = os.environ | {
        "RUNTIME_DIRECTORY": str(folder / f"host-{what}"),
        "STATE_DIRECTORY": str(folder / f"host-{what}-state"),
    }
    with open(folder / f"log-host-{what}", "w") as log:
        host = network.host.start(
            [executable, "--log-level", "debug", "host", "run", "h0"], stderr=log, env=environment
        )

    def paths():
        shown = network.host.command(executable, "host", "show", "-j", env=environment)
        return json.loads(shown.stdout)["paths"] if shown.returncode == 0 else []

    wait_until(f"{what}: two paths", lambda: [p["state"] for p in paths()] == ["up", "up"], 20)
    first, second = (path["address"] for path in paths())
    expect(second.startswith("10.2."), f"{what}: path 2 has the address {second}")
    expect(network.host.reaches("198.18.1.1", first), f"{what}: path 1 does not lead to provider 1")
    expect(network.host.reaches("198.18.2.1", second), f"{what}: path 2 does not lead to provider 2")
    expect(not network.host.reaches("198.18.1.1", second), f"{what}: path 2 leads to provider 1")
    return host, paths, environment


def leave(executable, network, host, environment):
    end(host)
    network.host.run(executable, "host", "cleanup", env=environment)


def own_kea(executable, folder, network):
    """Relayed to the gateway's own Kea; a lease of 30 s is renewed, straight from 10.2.x."""
    gateway = Gateway(executable, network.gateway, folder / "own")
    gateway.start(DEEP)
    expect("10.1.0.0/16 via 192.0.2.1" in network.gateway.run("ip", "route", "show", "table", "17300"),
           "no way back to the hosts in table 17300")
    program = relay(network, "192.0.2.2", option_82=False)
    host, _, environment = host_gets_both_paths(executable, folder, network, "own")
    leases = lambda: (folder / "own/state/kea/kea-leases4.csv").read_text().count("10.2.")
    before = leases()
    end(program)  # renewals need no relay
    wait_until("a renewal of path 2 without the relay", lambda: leases() > before, 25)
    leave(executable, network, host, environment)
    return gateway


def server_apart(executable, folder, network, gateway):
    """The same configuration with mode = "external", and its Kea on a machine of its own."""
    gateway.reload(DEEP.replace("[dhcp]\n", '[dhcp]\nmode = "external"\n'))
    config = json.loads(gateway.do("kea-config", "-c", str(gateway.config), "--listen", "s0"))
    config["Dhcp4"]["lease-database"] = {"type": "memfile", "persist": False}
    (folder / "kea.conf").write_text(json.dumps(config))
    with open(folder / "log-kea", "w") as log:
        kea = network.server.start(
            ["kea-dhcp4", "-c", str(folder / "kea.conf")],
            stdout=log,
            stderr=log,
            env=os.environ | {"KEA_PIDFILE_DIR": str(folder), "KEA_LOCKFILE_DIR": "none"},
        )
    wait_until("Kea runs", lambda: "DHCP4_STARTED" in (folder / "log-kea").read_text(), 20)
    program = relay(network, SERVER, option_82=True)
    host, _, environment = host_gets_both_paths(executable, folder, network, "apart")
    leave(executable, network, host, environment)
    for process in (program, kea):
        end(process)


def series(executable, folder, network, gateway):
    """A gateway of ours in the access router's place: it hands out the addresses, the fork is deeper."""
    network.access_routes("del")
    first = Gateway(executable, network.access, folder / "first")
    first.start(FIRST)
    host, _, environment = host_gets_both_paths(executable, folder, network, "series")
    # Carrier lost at the deeper gateway: it says so itself, with ICMP through both.
    network.gateway.ip("link set up2 down")
    addresses = network.host.run("ip", "-o", "-4", "addr")
    second = next(word[:-3] for word in addresses.split() if word.startswith("10.2.") and word.endswith("/16"))
    expect(network.host.refuses("198.18.2.1", second), "no ICMP unreachable from the deeper gateway")
    leave(executable, network, host, environment)
    first.stop()
    gateway.stop()
    network.gateway.run(executable, "gateway", "cleanup", "-c", str(gateway.config), env=gateway.environment)
    expect(network.gateway.run("ip", "route", "show", "table", "17300") == "", "cleanup leaves the way back")


def scenario(executable, folder):
    network = Network()
    network.access_routes("add")
    gateway = own_kea(executable, folder, network)
    server_apart(executable, folder, network, gateway)
    series(executable, folder, network, gateway)


main(scenario, ["kea-dhcp4", "dhcrelay", "ip"])
