#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The file of a running gateway changes: a host behind it has what is new at once and keeps what stays.

    [host] h0 --- lan0 [gateway] up1 --- w1
                                 up2 --- w2

Usage: gateway_reload.py ANABRANCH, as root or as an ordinary user.
"""
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from namespaces import Gateway, Namespace, cable, end, expect, main, wait_until

SOON = 2.0  # seconds


def uplink(k, ipv6="", dns=""):
    return f"""[[uplink]]
name = "isp{k}"
interface = "up{k}"
next_hop = "172.16.{k}.2"
index = {k}
source_prefix = "10.{k}.0.0/16"
{f'dns = ["{dns}"]' if dns else ""}
""" + (f'[uplink.ipv6]\nsource_prefix = "{ipv6}"\nnext_hop = "fe80::{k}:2"\n' if ipv6 else "")


def config(*uplinks):
    return '[lan]\ninterface = "lan0"\n' + "".join(uplinks)


class Host:
    """The host role on h0, and what its kernel loses meanwhile."""

    def __init__(self, executable, namespace, folder):
        folder.mkdir()
        self.executable, self.namespace, self.log = executable, namespace, folder / "log.host"
        self.environment = os.environ | {"RUNTIME_DIRECTORY": str(folder / "run"), "STATE_DIRECTORY": str(folder / "state")}
        with open(self.log, "w") as log:
            arguments = [executable, "--log-level", "debug", "host", "run", "h0"]
            self.process = namespace.start(arguments, stderr=log, env=self.environment)
        self.monitor = None

    def state(self, index, family):
        done = self.namespace.command(self.executable, "host", "show", "-j", env=self.environment)
        for path in json.loads(done.stdout)["paths"] if done.returncode == 0 else ():
            if (path["index"], path["family"]) == (index, family):
                return path["state"]
        return None

    def wait(self, index, family, *states, patience=10.0):
        wait_until(f"path {index} is {states} in {family}", lambda: self.state(index, family) in states, patience)

    def resolver_rules(self):
        rules = self.namespace.run("ip", "-6", "rule")
        return sorted(re.findall(r"to (2001:db8:53::\S+) lookup", rules))

    def watch(self):
        self.said = self.log.stat().st_size
        self.monitor = self.namespace.start(
            ["ip", "monitor", "address", "rule"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        time.sleep(0.2)  # it says nothing when it begins

    def expect_kept(self, what):
        """Nothing of IPv4 went since watch(), and no path was withdrawn."""
        self.monitor.terminate()
        lost = [line for line in self.monitor.communicate()[0].splitlines() if line.startswith("Deleted") and "10." in line]
        expect(not lost, f"{what}: {lost}")
        said = self.log.read_text()[self.said :]
        expect("withdrawn" not in said, f"{what}: {re.findall('.*withdrawn.*', said)}")
        expect(self.state(1, "ipv4") == self.state(2, "ipv4") == "up", f"{what}: a path is no longer up in IPv4")


def scenario(executable, folder):
    here, host = Namespace(os.getpid()), Namespace()
    cable(here, "lan0", host, "h0")
    for k in (1, 2):
        # No next hop is there; without ARP none is missed.
        here.ip(f"link add up{k} type veth peer name w{k}", f"link set up{k} arp off up", f"link set w{k} up")
        here.ip(f"addr add 172.16.{k}.1/24 dev up{k}")
    host.ip("addr add 10.1.0.50/16 dev h0", "route add default via 10.1.0.1")
    gateway = Gateway(executable, here, folder / "gateway")
    gateway.start(config(uplink(1), uplink(2)))
    role = Host(executable, host, folder / "host")
    role.wait(2, "ipv4", "up", patience=20)
    wait_until("the paths are announced", lambda: "path 2: the network has announced it" in role.log.read_text())

    # A prefix more: another name of the path's domain, where nobody chose one, and the path goes on.
    prefix = "2001:db8:2::/64"
    role.watch()
    began = time.monotonic()
    gateway.reload(config(uplink(1), uplink(2, prefix, "2001:db8:53::1")))
    role.wait(2, "ipv6", "acquiring", "up", patience=SOON)
    print(f"a prefix of path 2 reached the host after {(time.monotonic() - began) * 1e3:.0f} ms")
    role.wait(2, "ipv6", "up")
    wait_until("its resolver", lambda: role.resolver_rules() == ["2001:db8:53::1"], SOON)
    role.expect_kept("a prefix was added")

    # Another resolver, by SIGHUP.
    role.watch()
    gateway.config.write_text(config(uplink(1), uplink(2, prefix, "2001:db8:53::2")))
    gateway.process.send_signal(signal.SIGHUP)
    wait_until("the other resolver in its place", lambda: role.resolver_rules() == ["2001:db8:53::2"], SOON)
    expect(role.state(2, "ipv6") == "up", "the path was lost with its resolver")
    role.expect_kept("a resolver was changed")

    # A file that is wrong, by SIGHUP and by hand.
    role.watch()
    gateway.config.write_text(config(uplink(1), uplink(2, "2001:db8:2::/48")))
    gateway.process.send_signal(signal.SIGHUP)
    wait_until("the log says so", lambda: gateway.says("the changed file is refused and the old configuration stays"))
    refused = here.command(executable, "gateway", "reload", env=gateway.environment)
    where = r"gateway\.toml:\d+:\d+: .*2001:db8:2::/48"
    expect(refused.returncode == 2 and re.search(where, refused.stderr), f"{refused.returncode}: {refused.stderr}")
    expect(role.state(2, "ipv6") == "up" and role.resolver_rules() == ["2001:db8:53::2"], "a wrong file changed something")
    role.expect_kept("a file was wrong")

    # The prefix goes, the path stays.
    role.watch()
    gateway.reload(config(uplink(1), uplink(2)))
    wait_until("IPv6 of path 2 is over", lambda: role.state(2, "ipv6") not in ("up", "acquiring"), SOON)
    wait_until("its resolver, too", lambda: role.resolver_rules() == [], SOON)
    role.expect_kept("a prefix was taken out")

    # The gateway ends, and the paths stay; it is removed, and they are withdrawn, in IPv4 too.
    role.watch()
    gateway.stop()
    time.sleep(0.5)  # what it should not say
    role.expect_kept("the gateway ended")
    gateway.do("cleanup", "-c", str(gateway.config))
    role.wait(2, "ipv4", "withdrawn", patience=SOON)
    expect("10.2." not in host.run("ip", "mptcp", "endpoint"), "MPTCP still uses path 2")
    end(role.process)


main(scenario, ["kea-dhcp4", "ip"])
