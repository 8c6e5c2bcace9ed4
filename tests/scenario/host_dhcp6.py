#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The host role on a wire whose provisioning domains leave IPv6 addresses to DHCPv6: Kea as server, a server
that answers in containers of provisioning domains, another DHCPv6 client on the same interface.

Usage: host_dhcp6.py ANABRANCH [PART...], as root or as an ordinary user. Ends with "ok" (exit 0), "SKIP: why"
(exit 77) or "FAILED: why" (exit 1). The parts run side by side, each in namespaces of its own:

    h0 (the host) ---- w0 (a router, a DHCPv6 server and other stations)
"""
import csv
import json
import os
import re
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from container_server import CONFIRM, RENEW, SOLICIT, ContainerServer  # noqa: E402
from dhcp_wire import Failed, command, expect, wait_until  # noqa: E402
from router import Router, domain, ext_route, header, prefix_information  # noqa: E402
from wired import PATIENCE, endpoints, figures_of_ipv6, main, output, read  # noqa: E402

ON_LINK, AUTONOMOUS = 0x80, 0x40


def of_path(index, flags=ON_LINK, managed=True, prefix=None, lifetime=1800):
    """What a gateway says of a path whose addresses come by DHCPv6."""
    information = prefix_information(prefix or f"2001:db8:{index}::/64", flags=flags)
    inside = domain(f"isp{index}.example", information, ext_route(index, 3), lifetime=lifetime)
    return header(0) + inside.replace(header(lifetime), header(lifetime, managed=managed))


def router_of(wire, *indices):
    router = Router(wire)
    router.has(*indices)
    for index in indices:
        wire.command(f"ip addr add 2001:db8:{index}::1/64 dev w0 nodad")
        router.says[index] = of_path(index)
    # The interface's own path is as for any host: an address by SLAAC, outside of the domain too.
    first = prefix_information("2001:db8:1::/64")
    router.says[1] = header(1800) + first + domain("isp1.example", first, ext_route(1, 3), lifetime=1800)
    wait_until("the link-local address", lambda: "fe80" in output("ip -6 addr show dev h0 -tentative"))
    return router


def leased():
    """{interface: address} of what is ours and known to be free."""
    found = {}
    for link in json.loads(output("ip -j -6 addr")):
        for one in link["addr_info"]:
            # On h0 itself ours are single addresses.
            ours = link["ifname"].startswith("anab") or one.get("prefixlen") == 128
            if ours and one.get("scope") == "global" and not one.get("tentative"):
                found[link["ifname"]] = f"{one['local']}/{one['prefixlen']}"
    return found


# --- Kea

KEA = {
    "interfaces-config": {"interfaces": ["w0"]},
    "data-directory": "/run/kea",
    "lease-database": {"type": "memfile", "persist": True, "name": "/run/kea/leases6.csv", "lfc-interval": 0},
    "preferred-lifetime": 300,
    "valid-lifetime": 600,
    "renew-timer": 3,
    "rebind-timer": 400,
    "option-def": [{"name": "ext-route", "code": 1, "type": "binary", "space": "vendor-32473"}],
    "client-classes": [
        {"name": f"path{index}", "test": f"substring(vendor[32473].option[1].hex,0,1) == 0x0{index}"} for index in (2, 3)
    ] + [{"name": "path1", "test": "not member('path2') and not member('path3')"}],
    "loggers": [{"name": "kea-dhcp6", "severity": "INFO", "output_options": [{"output": "/run/kea/log", "flush": True}]}],
}


def kea_subnet(index):
    # In every subnet: at the shared network it keeps the sub-options of the first packet that it answers.
    vendor = {"name": "vendor-opts", "data": "32473", "always-send": True}
    route = {"name": "ext-route", "space": "vendor-32473", "csv-format": False, "data": f"0{index}03", "always-send": True}
    # Nobody waits for a better server.
    preference = {"name": "preference", "data": "255", "always-send": True}
    return {
        "id": index,
        "subnet": f"2001:db8:{index}::/64",
        "client-class": f"path{index}",
        "pools": [{"pool": f"2001:db8:{index}::1:1-2001:db8:{index}::1:ff"}],
        "option-data": [vendor, route, preference, {"name": "dns-servers", "data": f"2001:db8:ff::{index}"}],
    }


class Kea:
    def __init__(self, wire):
        os.makedirs("/run/kea")
        subnets = [kea_subnet(index) for index in (1, 2, 3)]
        network = {"name": "lan", "interface": "w0", "subnet6": subnets}
        with open("/run/kea/kea.conf", "w") as file:
            json.dump({"Dhcp6": KEA | {"shared-networks": [network]}}, file)
        os.environ |= {"KEA_PIDFILE_DIR": "/run/kea", "KEA_LOCKFILE_DIR": "none", "KEA_LOGGER_DESTINATION": "/run/kea/log"}
        wait_until("w0's link-local address", lambda: "fe80" in output(
            f"nsenter -t {wire.holder.pid} -n ip -6 addr show dev w0 -tentative scope link"))
        with open("/run/kea/out", "w") as out:
            enter = ["nsenter", "-t", str(wire.holder.pid), "-n"]
            self.process = subprocess.Popen([*enter, "kea-dhcp6", "-c", "/run/kea/kea.conf"], stdout=out, stderr=out)
        wait_until("Kea starts", lambda: self.said("DHCP6_STARTED"), 20)

    def log(self):
        return read("/run/kea/log")

    def said(self, text, times=1):
        return self.log().count(text) >= times

    def leases(self):
        """The last line of each address."""
        with open("/run/kea/leases6.csv") as file:
            return {line["address"]: line for line in csv.DictReader(file)}

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


def part_kea(host, wire):
    """Two paths by Kea, one of which is given an address that somebody has; renewals, a restart, the end."""
    router_of(wire, 1, 2, 3)
    kea = Kea(wire)
    try:
        wire.command("ip addr add 2001:db8:2::1:1/128 dev w0 nodad")
        with open("/run/host.toml", "w") as file:
            file.write('[metrics]\nlisten = "9474"\n')
        host.start("-c", "/run/host.toml")
        third = host.wait_up(3)
        took = time.monotonic() - host.started
        expect(third.startswith("2001:db8:3::1:"), f"path 3 has {third}")
        wait_until("the conflict", lambda: host.said("another station uses 2001:db8:2::1:1;"))
        wait_until("Kea hears of it", lambda: re.search(r"DECLINE.*2001:db8:2::1:1\b", kea.log()))
        expect("2001:db8:2::1:1/64" not in leased().values(), "a taken address is used")
        second = host.wait_up(2, patience=20)
        expect(second.startswith("2001:db8:2::1:"), f"path 2 has {second}")
        wait_until("both", lambda: leased() == {host.macvlan(2): f"{second}/64", host.macvlan(3): f"{third}/64"})
        wait_until("endpoints", lambda: {102: second, 103: third}.items() <= endpoints().items())
        for index, address in ((2, second), (3, third)):
            way = output(f"ip -6 route get 2001:db8:f::1 from {address}")
            expect(host.macvlan(index) in way, f"path {index}: {way}")
            way = output(f"ip -6 route get 2001:db8:ff::{index}")
            expect(host.macvlan(index) in way, f"the resolver of path {index} is reached elsewhere: {way}")

        figures = figures_of_ipv6()
        expect(figures("leases_obtained_total", 3) == 1 and figures("leases_obtained_total", 2) == 2, "leases are not counted")
        expect(figures("leases_lost_total", 3) == 0 and figures("address_conflicts_total", 2) == 1, "nor the conflict")
        expect(0 < figures("lease_remaining_seconds", 3) <= 600 and figures("address_up", 3) == 1, "path 3 is not measured")

        shown = output(f"{host.executable} host show")
        line = rf"^3 +{third} +{host.macvlan(3)} +up +fe80::616e:6162:0:3 +\d+ s +isp3\.example$"
        expect(shown.startswith("h0: 3 paths") and re.search(line, shown, re.MULTILINE), f"show tells: {shown}")

        lines = kea.leases()
        expect(lines[second]["duid"] == lines[third]["duid"], "two hosts for the server")
        expect(lines[second]["iaid"] != lines[third]["iaid"], "one IAID for two paths")
        renewed = f"{third} renewed"
        before = host.log().count(renewed)
        wait_until("renewals", lambda: host.said(renewed, before + 2), 15)
        expect({line["subnet_id"] for a, line in kea.leases().items() if a in (second, third)} == {"2", "3"}
               and leased()[host.macvlan(3)] == f"{third}/64", "a renewal led to another path")
        held = [a for a, line in kea.leases().items() if line["state"] == "0" and int(line["valid_lifetime"]) > 0]
        expect(sorted(held) == sorted([second, third]), f"Kea holds {held}")

        # Killed and started again: it goes on with its leases.
        wait_until("the state file", lambda: third in read("/run/host/host-h0.state"))
        monitor = subprocess.Popen(["ip", "-6", "monitor", "address", "rule"], stdout=subprocess.PIPE, text=True)
        host.kill()
        before = host.log().count("renewed")
        host.start()
        expect(host.wait_up(2) == second and host.wait_up(3) == third, "other addresses after a restart")
        wait_until("the restart renews", lambda: host.said("renewed", before + 2))
        monitor.terminate()
        deleted = [line for line in monitor.communicate(timeout=PATIENCE)[0].splitlines() if line.startswith("Deleted")]
        expect(not deleted, f"the restart deleted {deleted}")

        host.stop()
        command(f"{host.executable} host cleanup h0")
        for address in (second, third):
            wait_until(f"Kea gets {address} back", lambda a=address: re.search(rf"RELEASE.*{a}\b", kea.log()))
        expect(not leased() and not endpoints(), "cleanup left something")
        return f"path 3 up {took:.1f} s after the start"
    except Failed:
        sys.stdout.write(kea.log()[-3000:])
        raise
    finally:
        kea.stop()


def part_beside(host, wire):
    """dhclient on the same interface, where the paths are shared: each gets its own, and neither the other's."""
    router_of(wire, 1, 2)
    kea = Kea(wire)
    client = None
    try:
        arguments = ["dhclient", "-6", "-d", "-sf", "/bin/true", "-lf", "/run/dhclient.leases", "-pf", "/run/dhclient.pid", "h0"]
        with open("/run/dhclient.log", "w") as log:
            client = subprocess.Popen(arguments, stdout=log, stderr=log)
        wait_until("dhclient's lease", lambda: "iaaddr 2001:db8:1::1:" in read("/run/dhclient.leases"), 20)
        host.start("--interfaces", "shared")
        address = host.wait_up(2)
        expect(leased() == {"h0": f"{address}/128"}, f"{leased()}")
        before = host.log().count(f"{address} renewed"), read("/run/dhclient.log").count("Reply")
        wait_until("both renew", lambda: host.said(f"{address} renewed", before[0] + 2)
                   and read("/run/dhclient.log").count("Reply") >= before[1] + 2, 20)
        expect(host.up(2) == address, "the path did not last")
        return None
    except Failed:
        sys.stdout.write(read("/run/dhclient.log")[-2000:] + kea.log()[-2000:])
        raise
    finally:
        if client:
            client.terminate()
            client.wait(PATIENCE)
        kea.stop()


def part_containers(host, wire):
    """A server of others with OPTION_PVD: of each answer the container of the path counts."""
    router = router_of(wire, 1, 2, 3)
    paths = {1: "2001:db8:1::7:1", 2: "2001:db8:2::7:2", 3: "2001:db8:3::7:3"}
    server = ContainerServer(wire, paths)
    host.start()
    for index in (2, 3):
        expect(host.wait_up(index) == paths[index], f"path {index} took {host.up(index)}")
    solicit = next(asked for kind, asked in server.heard if kind == SOLICIT)
    expect(65001 in struct.unpack(f"!{len(solicit[6]) // 2}H", solicit[6]), "containers are not asked for")
    wait_until("renewals", lambda: [kind for kind, _ in server.heard].count(RENEW) >= 4)

    # Of the server another address: the one before goes.
    paths[2] = "2001:db8:2::7:22"
    wait_until("the other address", lambda: host.up(2) == paths[2])
    wait_until("the first one goes", lambda: leased().get(host.macvlan(2)) == f"{paths[2]}/64")

    # An address outside of the domain's prefixes is not taken.
    was, paths[3] = paths[3], "2001:db8:bad::1"
    heard = len(server.heard)
    wait_until("renewals", lambda: [kind for kind, _ in server.heard[heard:]].count(RENEW) >= 2)
    expect(host.up(3) == was, f"path 3 took {host.up(3)}")
    paths[3] = was

    # The network changes its mind: addresses by SLAAC.
    router.say(2, of_path(2, ON_LINK | AUTONOMOUS))
    wait_until("an address by SLAAC", lambda: (a := host.up(2)) and a != paths[2])
    wait_until("the leased one goes", lambda: paths[2] not in output("ip -6 addr"))

    # The link goes and returns: the server is asked whether the address still fits.
    server.heard.clear()
    router.says.clear()
    time.sleep(0.1)  # the router's thread is through with what it was sending
    wire.command("ip link set w0 down")
    wait_until("the link is gone", lambda: (p := host.path(3)) and p["state"] == "down")
    wire.command("ip link set w0 up")
    wait_until("the server is asked", lambda: CONFIRM in [kind for kind, _ in server.heard])
    wait_until("the path is there again", lambda: host.up(3) == paths[3])
    expect(not host.said("path 3: the DHCPv6 lease has ended"), "the lease was lost with the link")
    return None


main([value for name, value in list(globals().items()) if name.startswith("part_")], ["kea-dhcp6", "dhclient"],
     lambda: command("ip addr del 10.1.0.50/16 dev h0"))
