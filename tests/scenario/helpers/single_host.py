# SPDX-License-Identifier: MIT
"""`anabranch host run` on the one interface of a network, and what is seen of it from outside."""
import json
import os
import subprocess

from lan import read, stop, wait_until

PROTOCOL = 173  # of every route and rule that is ours


class HostRole:
    def __init__(self, anabranch, network, interface, name):
        self.anabranch, self.network, self.interface = anabranch, network, interface
        self.log = f"/run/{name}.log"
        self.environment = {"RUNTIME_DIRECTORY": f"/run/{name}-run", "STATE_DIRECTORY": f"/run/{name}-state"}
        self.process = None

    def start(self):
        arguments = [self.anabranch, "--log-level", "debug", "host", "run", self.interface]
        self.process = self.network.popen(arguments, self.log, self.environment)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        stop(self.process)

    def command(self, *verb):
        return subprocess.run([*self.network.prefix(), self.anabranch, "host", *verb], capture_output=True, text=True,
                              env={**os.environ, **self.environment})

    def report(self):
        try:
            return json.loads(self.command("show", self.interface, "-j").stdout)
        except ValueError:
            return {}

    def paths(self):
        return {path["index"]: path for path in self.report().get("paths", [])}

    def up(self):
        return {index: path["address"] for index, path in self.paths().items() if path["state"] == "up"}

    def wait_up(self, *indices, patience=20):
        """Returns {index: address} once exactly these are up."""
        return wait_until(f"paths {indices} of {self.interface} are up",
                          lambda: (up := self.up()) and set(up) == set(indices) and up, patience)

    def said(self):
        """What was said to the user, debug lines left out."""
        return [line for line in read(self.log).splitlines() if " debug:" not in line]


def intruders_in_main_table(network):
    """Routes of ours in the main table, where none belongs."""
    return [line for line in network.ip("-d route show table main").splitlines() if f"proto {PROTOCOL}" in line]


def ours(network):
    """Everything of ours, to be compared: macvlans, addresses on them, rules, routes, endpoints."""
    links = [line for line in network.ip("-br link").splitlines() if line.startswith("anab")]
    addresses = [line.split()[2:] for line in network.ip("-br -4 addr").splitlines() if line.startswith("anab")]
    rules = [line for line in network.ip("rule").splitlines() if f"proto {PROTOCOL}" in line]
    routes = network.ip(f"route show table all proto {PROTOCOL}").splitlines()
    endpoints = network.run("ip mptcp endpoint").splitlines()
    return {"links": links, "addresses": addresses, "rules": rules, "routes": sorted(routes),
            "endpoints": sorted(endpoints)}


def snapshot(network):
    """All that a role could change: links, addresses, rules, routes, endpoints, settings."""
    parts = [network.ip("-d link"), network.ip("addr"), network.ip("rule"), network.ip("route show table all"),
             network.run("ip mptcp endpoint"), network.run("ip mptcp limits"),
             network.run("sysctl net.ipv4.conf net.ipv6.conf net.mptcp")]
    return [line for part in parts for line in part.splitlines()
            if "valid_lft" not in line and "stable_secret" not in line]
