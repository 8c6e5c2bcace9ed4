#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our host role on an interface that systemd-networkd, NetworkManager or ifupdown manages.

Usage: coexist.py ANABRANCH. The manager gets the interface's lease from our gateway; it is reloaded, stopped
and started again. With the files of packaging/ it removes nothing of ours; without them all is back within a
second. No route of ours is ever in the main table.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from lan import Failed, Network, ask_name, command, expect, read, scenario, stop, wait_until
from managers import Ifupdown, NetworkManager, Networkd, hide_users, start_bus
from single_host import HostRole, intruders_in_main_table, ours
from two_uplinks import SERVER, Gateway

REPAIR = 1.0  # seconds


class Watch:
    """Everything of ours that the kernel reports as removed, as `ip monitor` says it."""

    def __init__(self, network):
        self.network, self.log = network, f"/run/{network.name}-removed.log"
        self.process = network.popen(["ip", "monitor", "link", "address", "route", "rule"], self.log)
        wait_until("ip monitor watches", self.sees)

    def sees(self):
        self.network.ip("rule add priority 7777 from 192.0.2.77 lookup main")
        self.network.ip("rule del priority 7777")
        return "Deleted 7777" in read(self.log)

    def removed(self):
        return [line for line in read(self.log).splitlines()
                if line.startswith("Deleted") and ("proto 173" in line or "anab" in line)]


class Host:
    def __init__(self, gateway, anabranch, manager, drop_ins):
        self.name = manager.__name__.lower() + ("" if drop_ins else "-bare")
        self.network = Network(self.name)
        gateway.attach(self.network, "h0", f"port{gateway.ports}")
        gateway.ports += 1
        self.manager = manager(self.network)
        self.manager.configure(drop_ins)
        self.role = HostRole(anabranch, self.network, "h0", self.name)

    def base(self):
        """The address the manager has given h0."""
        return next((a.split("/")[0] for a in self.network.addresses("h0")), None)

    def wait_base(self):
        return wait_until(f"{self.name}: h0 has an address", self.base, 20)

    def expect_works(self, address, index):
        answer = wait_until(f"{self.name}: {address} reaches the server",
                            lambda: ask_name(self.network, SERVER, address, 1))
        expect(answer == (f"isp{index}", address), f"{self.name}: packets of {address} arrive as {answer}")

    def further(self):
        """What is ours but the endpoint of the interface's own address: it comes and goes with the address, and
        NetworkManager makes one itself."""
        state = ours(self.network)
        state["endpoints"] = [line for line in state["endpoints"] if "dev anab" in line]
        return state

    def settle(self, what, wanted, watch):
        """After `what` all is as wanted: never gone where a watch looks, else back within a second."""
        try:
            wait_until("all is back", lambda: self.further() == wanted, REPAIR)
        except Failed as late:
            raise Failed(f"{self.name}: after {what} {wanted} is {self.further()}") from late
        if watch:
            expect(not watch.removed(), f"{self.name}: {what} removes {watch.removed()}")
        intruders = intruders_in_main_table(self.network)
        expect(not intruders, f"{self.name}: after {what} the main table has {intruders}")


def check(gateway, anabranch, manager, drop_ins):
    host = Host(gateway, anabranch, manager, drop_ins)
    host.manager.start()
    base = host.wait_base()
    expect(base.startswith("10.1."), f"{host.name}: h0 has {base}")
    main = wait_until(f"{host.name}: h0 has a default route",
                      lambda: (table := host.network.ip("route show table main")) and "default" in table and table)
    host.role.start()
    up = host.role.wait_up(1, 2)
    expect(up[1] == base and up[2].startswith("10.2."), f"{host.name}: the paths have {up}")
    expect(host.network.ip("route show table main") == main, f"{host.name}: the main table has changed")
    wanted = host.further()
    keeps_link = manager is not Ifupdown
    watch = Watch(host.network) if drop_ins and keeps_link else None
    for action in host.manager.ACTIONS:
        host.manager.act(action)
        host.wait_base()
        host.settle(action, wanted, watch)
    host.manager.stop()
    if keeps_link:
        host.settle("its stop", wanted, watch)
        host.expect_works(up[2], 2)
    host.manager.start()
    host.wait_base()
    # The lease may be another one now; the further path is what it was.
    expect(host.role.wait_up(1, 2)[2] == up[2], f"{host.name}: path 2 has another address")
    host.settle("its start", wanted, watch)
    host.expect_works(host.wait_base(), 1)
    host.expect_works(up[2], 2)
    if watch:
        stop(watch.process)
    host.role.stop()
    host.manager.stop()


def run(anabranch):
    hide_users()
    command("mount -t tmpfs tmpfs /var/lib")
    for folder in ("/var/lib/NetworkManager", "/var/lib/dhcp"):
        os.mkdir(folder)
    os.makedirs("/run/systemd")
    gateway = Gateway(anabranch)
    gateway.ports = 0
    try:
        start_bus()
        for manager in (Networkd, NetworkManager):
            check(gateway, anabranch, manager, False)
            check(gateway, anabranch, manager, True)
        check(gateway, anabranch, Ifupdown, False)
    finally:
        gateway.stop()


scenario(run, "ip", "kea-dhcp4", "dhclient", "dbus-daemon", "networkctl")
