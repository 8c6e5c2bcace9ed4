#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's DHCP clients on the LAN of our gateway: dhclient, udhcpc, dhcpcd, systemd-networkd.

Usage: interop_clients.py ANABRANCH. Each program runs as four hosts: one that knows no EXT_ROUTE, another of
that kind, one that asks for path 2, one that asks for a path there is not (dhcpcd can ask for nothing).
"""
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from lan import HERE, Network, ask_name, command, copy_of, expect, program, read, scenario, stop, wait_until, write
from managers import BUS, hide_users, networkd_program
from two_uplinks import SERVER, Gateway

SCRIPT = HERE + "/dhcp_event.sh"


class Host:
    """A network with one interface and a foreign DHCP client on it that asks for `index`, or for none. Network
    and interface have the same name: programs name their sockets after the interface."""

    def __init__(self, gateway, name, index=None):
        self.gateway, self.name, self.index = gateway, name, index
        self.network = Network(name)
        gateway.attach(self.network, name, name + "-port")
        self.mac = self.network.ip_json(f"link show {name}")[0]["address"]
        self.folder = f"/run/{name}"
        os.mkdir(self.folder)
        self.process = None

    def start(self, arguments):
        self.process = self.network.popen(arguments, f"{self.folder}.log")

    def events(self):
        return [line.split() for line in read(self.folder + "/events").splitlines()]

    def address(self):
        """The one address with its prefix length, once there is one."""
        found = [a for a in self.network.addresses(self.name) if not a.startswith("169.254.")]
        return found[0] if len(found) == 1 else None

    def rows(self):
        return self.gateway.leases(self.mac)


class Dhclient(Host):
    CONFIG = """option ext-route code 224 = array of unsigned integer 8;
supersede dhcp-renewal-time 3;
interface "{0}" {{
  {1}
  also request ext-route;
}}
"""

    def run(self):
        send = f"send ext-route {self.index}, 0;" if self.index else ""
        config = write(self.folder + "/conf", self.CONFIG.format(self.name, send))
        self.files = ["-cf", config, "-sf", SCRIPT, "-lf", self.folder + "/leases", "-pf", self.folder + "/pid"]
        self.start([copy_of("dhclient"), "-4", "-d", *self.files, self.name])

    def renew(self):
        pass  # every 3 s by its own clock

    def release(self):
        stop(self.process)
        self.network.popen([copy_of("dhclient"), "-4", "-r", *self.files, self.name], f"{self.folder}.log").wait(10)


class Udhcpc(Host):
    def run(self):
        option = ["-x", f"0xe0:{self.index:02x}00"] if self.index else []
        self.start([program("udhcpc"), "-f", "-i", self.name, "-s", SCRIPT, "-O", "224", "-t", "5", "-T", "1", *option])

    def renew(self):
        self.process.send_signal(signal.SIGUSR1)

    def release(self):
        self.process.send_signal(signal.SIGUSR2)


class Dhcpcd(Host):
    # It can be told to read an option, but not to send one.
    CONFIG = """define 224 binhex ext_route
option subnet_mask, routers, ext_route
clientid
noipv6
noarp
noipv4ll
nogateway
"""

    def run(self):
        config = write(self.folder + "/conf", self.CONFIG)
        self.options = [program("dhcpcd"), "-4", "-f", config, "--script", SCRIPT]
        self.start([*self.options, "-B", self.name])

    def signal(self, option):
        self.network.popen([*self.options, option, self.name], f"{self.folder}.log").wait(10)

    def renew(self):
        self.signal("-N")

    def release(self):
        self.signal("-k")


class Networkd(Host):
    """systemd-networkd, which takes a network without udev for a container's when /sys is read-only."""
    CONFIG = "[Match]\nName=networkd?\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n" \
             "[DHCPv4]\nClientIdentifier=mac\nRequestOptions=224\n"
    # A /run and a D-Bus of its own for each. The user it wants to become has our number.
    SHELL = """mount --make-rprivate / && mount -o remount,bind,ro /sys || exit
mount --bind {0} /run/systemd && mount --bind {0}/dbus /run/dbus
dbus-daemon --config-file={0}/dbus.conf --nofork & {1} &
echo $! >{0}/pid
while sleep 0.1; do [ ! -e {0}/verb ] || {{ networkctl $(cat {0}/verb); rm {0}/verb; }}; done"""

    def run(self):
        networkd = networkd_program()
        option = f"SendOption=224:uint16:{self.index * 256}\n" if self.index else ""
        write(self.folder + "/network/lan.network", self.CONFIG + option)
        write(self.folder + "/dbus.conf", BUS)
        for made in (self.folder + "/dbus", "/run/systemd", "/run/dbus"):
            os.makedirs(made, exist_ok=True)
        self.start(["unshare", "-m", "sh", "-c", self.SHELL.format(self.folder, networkd)])

    def events(self):
        """As those of the script, read from the lease file."""
        lease = {}
        folder = self.folder + "/netif/leases"
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            lease = dict(line.split("=", 1) for line in read(f"{folder}/{name}").splitlines() if "=" in line)
        return [["bound", lease["ADDRESS"], lease.get("ROUTER"), lease.get("OPTION_224")]] if "ADDRESS" in lease else []

    def renew(self):
        write(self.folder + "/verb.new", f"renew {self.name}")
        os.rename(self.folder + "/verb.new", self.folder + "/verb")

    def release(self):
        os.kill(int(read(self.folder + "/pid")), signal.SIGTERM)


def check_lease(host, index):
    """One good lease of path `index`, and its traffic leaves by that uplink."""
    who = f"{host.name} (asks for {host.index})"
    address = wait_until(f"{who} gets an address", host.address, 15)
    event = wait_until(f"{who} says so", lambda: [e for e in host.events() if e[1] == address.split("/")[0]])[-1]
    expect(address.startswith(f"10.{index}.") and address.endswith("/16"), f"{who}: the address is {address}")
    expect(event[2] == f"10.{index}.0.1", f"{who}: the router is {event[2]}")
    expect(event[3] in (f"0{index}02", f"{index}2"), f"{who}: EXT_ROUTE is {event[3]}")
    address = address.split("/")[0]
    given = {row[0] for row in host.rows()}
    expect(given == {address}, f"{who}: the server has given {given}")
    answer = wait_until(f"{who} reaches the server", lambda: ask_name(host.network, SERVER))
    expect(answer == (f"isp{index}", address), f"{who}: its packets arrive as {answer}")
    return address


def check_renewal(host, address):
    """A renewal is one more row for the same address, and changes nothing else."""
    before = len(host.rows())
    host.renew()
    wait_until(f"{host.name} renews", lambda: len(host.rows()) > before, 8)
    expect({row[0] for row in host.rows()} == {address}, f"{host.name} renewed another address: {host.rows()}")
    expect(host.address().startswith(address + "/"), f"{host.name} has lost its address by a renewal")


def check_release(host, address):
    host.release()
    wait_until(f"{host.name} gives its lease back", lambda: host.rows()[-1] == (address, 0))


def run(anabranch):
    hide_users()
    command("mount -t tmpfs tmpfs /var/lib")
    os.mkdir("/var/lib/dhcpcd")
    gateway = Gateway(anabranch)
    served, unknown = [], []
    try:
        for kind in (Dhclient, Udhcpc, Dhcpcd, Networkd):
            name = kind.__name__.lower()
            served += [(kind(gateway, name + "1"), 1), (kind(gateway, name + "2"), 1)]
            if kind is not Dhcpcd:
                served.append((kind(gateway, name + "3", 2), 2))
                unknown.append(kind(gateway, name + "4", 9))
        for host in [*unknown, *(host for host, _ in served)]:
            host.run()
        addresses = [check_lease(host, index) for host, index in served]
        expect(len(set(addresses)) == len(addresses), f"two hosts share an address: {addresses}")
        for (host, index), address in zip(served, addresses):
            check_renewal(host, address)
            expect(ask_name(host.network, SERVER) == (f"isp{index}", address), f"{host.name}: no way after a renewal")
        for host in unknown:
            expect(host.address() is None and not host.rows(), f"{host.name} asked for path 9 and got {host.rows()}")
        for (host, _), address in zip(served, addresses):
            check_release(host, address)
    finally:
        gateway.stop()


scenario(run, "ip", "kea-dhcp4", "dhclient", "udhcpc", "dhcpcd", "dbus-daemon", "networkctl")
