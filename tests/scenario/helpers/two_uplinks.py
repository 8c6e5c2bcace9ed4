# SPDX-License-Identifier: MIT
"""`anabranch gateway run` with Kea, a LAN (a bridge) and two uplinks, in the namespace of the script. Behind
both uplinks answers one server, which says which uplink a connection came by."""
import csv

from lan import Network, cable, read, serve_names, stop, wait_until, write

SERVER = ("198.18.0.1", 80)
UPLINK = """
[[uplink]]
name = "isp{0}"
interface = "up{0}"
next_hop = "172.16.{0}.2"
index = {0}
source_prefix = "10.{0}.0.0/16"
nat = "none"
"""


class Gateway:
    def __init__(self, anabranch, lease_time="10min"):
        self.network = here = Network()
        here.ip("link add lan0 type bridge")
        here.ip("link set lan0 up")
        for k in (1, 2):
            isp = Network(f"isp{k}")
            cable(here, f"up{k}", isp, "w")
            here.ip(f"address add 172.16.{k}.1/24 dev up{k}")
            isp.ip(f"address add 172.16.{k}.2/24 dev w")
            isp.ip(f"address add {SERVER[0]}/32 dev lo")
            isp.ip(f"route add 10.{k}.0.0/16 via 172.16.{k}.1")
            serve_names(isp, *SERVER)
        config = f'[lan]\ninterface = "lan0"\n{UPLINK.format(1)}{UPLINK.format(2)}'
        config += f'[dhcp]\nlease_time = "{lease_time}"\n'
        write("/run/gateway.toml", config)
        self.process = here.popen(
            [anabranch, "--log-level", "debug", "gateway", "run", "-c", "/run/gateway.toml"], "/run/gateway.log",
            {"RUNTIME_DIRECTORY": "/run/gateway", "STATE_DIRECTORY": "/run/gateway-state"})
        wait_until("the gateway is ready", lambda: "gateway is ready" in read("/run/gateway.log"), 20)

    def attach(self, network, interface, port):
        """A cable from `interface` of `network` to a port of the LAN."""
        cable(self.network, port, network, interface)
        self.network.ip(f"link set {port} master lan0")

    def leases(self, mac):
        """Kea's file, one row an event: [(address, seconds)] of an Ethernet address, oldest first."""
        rows = csv.DictReader(read("/run/gateway-state/kea/kea-leases4.csv").splitlines())
        return [(row["address"], int(row["valid_lifetime"])) for row in rows if row["hwaddr"] == mac]

    def stop(self):
        stop(self.process)
