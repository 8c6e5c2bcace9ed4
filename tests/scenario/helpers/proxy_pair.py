# SPDX-License-Identifier: MIT
"""A LAN host and a server that speak only TCP, a CPE with two uplinks, a converter beside the path:

  host 10.1.0.2 --- cpe === core --- converter 198.18.9.9
                              +----- server 198.18.0.1
  host 2001:db8:1::2          converter 2001:db8:1989::9, server 2001:db8:1980::1
"""
import os
from pathlib import Path

from namespaces import Namespace, cable, end, expect, wait_until

SERVER = "198.18.0.1"
SERVER6 = "2001:db8:1980::1"
CONVERTER = "198.18.9.9"
CONVERTER6 = "2001:db8:1989::9"
CONVERTER_PORT = 5124
HOST = "10.1.0.2"
CPE = "172.16.1.1"
# Of each uplink. Faster than any home's two, and slow enough that what the kernel does when windows run full within
# microseconds is not what is tested.
RATE = "300mbit"

CONVERTER_TOML = f"""[converter]
listen = ["{CONVERTER}:{CONVERTER_PORT}", "[{CONVERTER6}]:{CONVERTER_PORT}"]

[clients]
allow = ["172.16.0.0/12", "198.18.9.0/24", "2001:db8::/32"]

[destinations]
allow = ["198.18.0.0/15", "2001:db8::/32"]
"""
CPE_TOML = f"""[cpe]
lan = ["lan0"]

[[converter]]
name = "operator"
address = "{CONVERTER}"
port = {CONVERTER_PORT}
"""


class Role:
    """`anabranch cpe run` or `converter run` in a namespace, with files of its own."""

    def __init__(self, executable, namespace, folder, name, config):
        self.executable, self.namespace, self.name = executable, namespace, name
        self.folder = Path(folder)
        self.folder.mkdir()
        self.config = self.folder / f"{name}.toml"
        self.config.write_text(config)
        self.log = self.folder / "log"
        self.environment = os.environ | {
            "RUNTIME_DIRECTORY": str(self.folder / "run"),
            "STATE_DIRECTORY": str(self.folder / "state"),
        }
        self.process = None
        self.patience = 10  # seconds

    def start(self, *options):
        with open(self.log, "a") as errors:
            self.process = self.namespace.start([self.executable, self.name, "run", "-c", str(self.config), *options],
                                                stdout=errors, stderr=errors, env=self.environment)
        wait_until(f"the {self.name} answers", self.answers, self.patience)

    def answers(self):
        expect(self.process.poll() is None, f"the {self.name} has ended")
        return self.namespace.command(self.executable, self.name, "show", "-j", env=self.environment).returncode == 0

    def show(self):
        return self.namespace.run(self.executable, self.name, "show", "-j", env=self.environment)

    def stop(self):
        code = end(self.process)
        expect(code == 0, f"the {self.name} ended with {code}")


class Network:
    def __init__(self):
        self.host, self.cpe, self.core, self.converter, self.server = nodes = [Namespace() for _ in range(5)]
        for node in nodes:
            self.sysctl(node, "net/mptcp/blackhole_timeout", 0)
            for setting in ("net/ipv6/conf/all/accept_dad", "net/ipv6/conf/default/accept_dad",
                            "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter"):
                self.sysctl(node, setting, 0)
        for node in (self.host, self.server):
            self.sysctl(node, "net/mptcp/enabled", 0)
        for node in (self.cpe, self.core):
            self.sysctl(node, "net/ipv4/ip_forward", 1)
            self.sysctl(node, "net/ipv6/conf/all/forwarding", 1)
        cable(self.host, "eth0", self.cpe, "lan0")
        self.join(self.host, "eth0", "10.1.0.2/16 2001:db8:1::2/64")
        self.join(self.cpe, "lan0", "10.1.0.1/16 2001:db8:1::1/64")
        self.default(self.host, "10.1.0.1", "2001:db8:1::1")
        for k in (1, 2):
            cable(self.cpe, f"up{k}", self.core, f"c{k}")
            self.join(self.cpe, f"up{k}", f"172.16.{k}.1/24 2001:db8:{1640 + k}::1/64")
            self.join(self.core, f"c{k}", f"172.16.{k}.2/24 2001:db8:{1640 + k}::2/64")
            self.default(self.cpe, f"172.16.{k}.2", f"2001:db8:{1640 + k}::2", f"metric {100 + k}")
            self.default(self.cpe, f"172.16.{k}.2", f"2001:db8:{1640 + k}::2", f"table {100 + k}")
            for node, interface in ((self.cpe, f"up{k}"), (self.core, f"c{k}")):
                node.run("tc", "qdisc", "add", "dev", interface, "root", "tbf", "rate", RATE, "burst", "256k", "latency", "30ms")
            for family, source in (("-4", f"172.16.{k}.0/24"), ("-6", f"2001:db8:{1640 + k}::/64")):
                self.cpe.run("ip", family, "rule", "add", "from", source, "lookup", str(100 + k), "pref", str(500 + k))
            self.cpe.ip(f"mptcp endpoint add 172.16.{k}.1 dev up{k} subflow")
        self.core.ip("route add 10.1.0.0/16 via 172.16.1.1 congctl cubic", "route add 2001:db8:1::/64 via 2001:db8:1641::1")
        cable(self.core, "conv0", self.converter, "eth0")
        self.join(self.core, "conv0", "198.18.9.1/24 2001:db8:1989::1/64")
        self.join(self.converter, "eth0", f"{CONVERTER}/24 {CONVERTER6}/64")
        self.default(self.converter, "198.18.9.1", "2001:db8:1989::1")
        cable(self.core, "srv0", self.server, "eth0")
        self.join(self.core, "srv0", "172.21.1.1/24 2001:db8:2100::1/64")
        self.join(self.server, "eth0", "172.21.1.2/24 2001:db8:2100::2/64")
        self.join(self.server, "lo", f"{SERVER}/32 {SERVER6}/128")
        self.default(self.server, "172.21.1.1", "2001:db8:2100::1")
        self.core.ip(f"route add {SERVER} via 172.21.1.2", f"route add {SERVER6} via 2001:db8:2100::2")
        for node in (self.cpe, self.converter):
            node.ip("mptcp limits set subflows 4 add_addr_accepted 4")

    @staticmethod
    def sysctl(node, path, value):
        node.run("sh", "-c", f"echo {value} >/proc/sys/{path}")

    @staticmethod
    def join(node, interface, addresses):
        node.ip(*[f"address add {address} dev {interface}" for address in addresses.split()])

    @staticmethod
    def default(node, via, via6, more=""):
        # Programs that set no congestion control must not fall to a default that MPTCP crawls with.
        node.ip(f"route add default via {via} {more} congctl cubic", f"route add default via {via6} {more} congctl cubic")

    def counter(self, node, name):
        """Of "TcpExt", "MPTcpExt": /proc/net/netstat."""
        lines = node.run("cat", "/proc/net/netstat").splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            found = dict(zip(names.split(), values.split()))
            if name in found:
                return int(found[name])
        return 0

    def mptcp_connections(self):
        """Accepted by the converter so far."""
        return self.counter(self.converter, "MPCapableACKRX")

    def mptcp_joins(self):
        return self.counter(self.converter, "MPJoinAckRx")


class Pair(Network):
    """The network with both roles; without them (`plain`) packets are routed and nothing else."""

    def __init__(self, executable, folder, plain=False, converter=CONVERTER_TOML, cpe=CPE_TOML):
        super().__init__()
        self.plain = plain
        if plain:
            return
        self.converter_role = Role(executable, self.converter, folder / "converter", "converter", converter)
        self.cpe_role = Role(executable, self.cpe, folder / "cpe", "cpe", cpe)
        self.converter_role.start()
        self.cpe_role.start()

    def stop(self):
        if not self.plain:
            self.cpe_role.stop()
            self.converter_role.stop()
