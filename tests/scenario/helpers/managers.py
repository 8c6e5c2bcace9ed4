# SPDX-License-Identifier: MIT
"""systemd-networkd, NetworkManager and ifupdown, each in charge of one interface of a private network."""
import os
import stat

from lan import HERE, UNPACKED, Network, hide, program, read, stop, wait_until, write

BUS = """<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow own="*"/><allow send_type="method_call"/><allow send_destination="*"/>
<allow receive_sender="*"/></policy></busconfig>"""
# Both daemons take a machine without udev for a container, and its interfaces for ready, when /sys is
# read-only.
READ_ONLY_SYS = "mount --make-rprivate / && mount -o remount,bind,ro /sys && exec "


def packaging(path):
    """The text of a file that is shipped, from the tree or from where the tests are staged."""
    for folder in (HERE + "/../../packaging", HERE + "/../../../packaging"):
        if text := read(f"{folder}/{path}"):
            return text
    raise FileNotFoundError(path)


def hide_users():
    """Daemons that become a user of their own find it with our number, the only one in a user namespace."""
    hide("/etc/passwd", "root:x:0:0::/:/bin/sh\nsystemd-network:x:0:0::/:/bin/sh\n")
    hide("/etc/group", "root:x:0:\nsystemd-network:x:0:\n")


def start_bus():
    write("/run/dbus.conf", BUS)
    os.makedirs("/run/dbus", exist_ok=True)
    Network().popen([program("dbus-daemon"), "--config-file=/run/dbus.conf", "--nofork"], "/run/dbus.log")
    wait_until("D-Bus is there", lambda: os.path.exists("/run/dbus/system_bus_socket"))


def networkd_program():
    return program("systemd-networkd", "/lib/systemd/systemd-networkd", "/usr/lib/systemd/systemd-networkd")


class Daemon:
    """A manager that runs as a daemon in `network`."""

    def __init__(self, network):
        self.network, self.process = network, None

    def start(self):
        self.process = self.network.popen(["unshare", "-m", "sh", "-c", READ_ONLY_SYS + self.program()],
                                          f"/run/{self.network.name}-manager.log")

    def stop(self):
        stop(self.process)

    def control(self, tool, verb):
        self.network.popen([tool, *verb.split()], f"/run/{self.network.name}-manager.log").wait(15)


class Networkd(Daemon):
    ACTIONS = ("reload", "renew h0", "reconfigure h0", "forcerenew h0")
    FILE = "[Match]\nName={}\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n" \
           "[DHCPv4]\nClientIdentifier=mac\n"

    def configure(self, drop_ins):
        if drop_ins:
            write("/run/systemd/networkd.conf.d/anabranch.conf", packaging("networkd/anabranch.conf"))
            write("/run/systemd/network/10-anabranch.network", packaging("networkd/10-anabranch.network"))
        # As on many machines: one file for every interface. Only the drop-in keeps it off ours.
        write("/run/systemd/network/80-all.network", self.FILE.format("*" if drop_ins else "h0"))

    def program(self):
        return networkd_program()

    def act(self, action):
        self.control(program("networkctl"), action)


class NetworkManager(Daemon):
    ACTIONS = ("general reload", "connection reload", "device reapply h0", "connection up lan")
    CONFIG = "[main]\nplugins=keyfile\nno-auto-default=*\ndns=none\nrc-manager=unmanaged\nauth-polkit=false\n" \
             "dhcp=internal\n[keyfile]\npath=/run/nm/connections\n[logging]\nlevel=INFO\n"
    CONNECTION = "[connection]\nid=lan\nuuid=6f1c24ad-3c1b-4c7b-8d0e-3d9f7a8f0a01\ntype=ethernet\n" \
                 "interface-name=h0\n[ipv4]\nmethod=auto\n[ipv6]\nmethod=disabled\n"
    FILES = f"{UNPACKED}/network-manager/usr"

    def configure(self, drop_ins):
        if drop_ins:
            write("/run/nm/conf.d/anabranch.conf", packaging("NetworkManager/anabranch.conf"))
        write("/run/nm/NetworkManager.conf", self.CONFIG)
        write("/run/nm/connections/lan.nmconnection", self.CONNECTION, stat.S_IRUSR | stat.S_IWUSR)

    def program(self):
        return " ".join([program("NetworkManager", f"{self.FILES}/sbin/NetworkManager"), "-n",
                         "--config=/run/nm/NetworkManager.conf", "--config-dir=/run/nm/conf.d",
                         "--intern-config=/run/nm/intern.conf", "--state-file=/run/nm/state"])

    def act(self, action):
        self.control(program("nmcli", f"{self.FILES}/bin/nmcli"), action)


class Ifupdown:
    """It runs only while it is called. "start" and "stop" are ifup and ifdown; ifdown sets the link down."""
    ACTIONS = ()

    def __init__(self, network):
        self.network = network

    def configure(self, drop_ins):
        write("/run/interfaces", "iface h0 inet dhcp\n")
        os.makedirs("/run/network", exist_ok=True)
        hide("/sbin/dhclient-script", read(HERE + "/dhcp_event.sh"))
        os.makedirs("/run/h0", exist_ok=True)

    def call(self, name):
        tool = program(name, f"{UNPACKED}/ifupdown/sbin/{name}")
        self.network.popen([tool, "-i", "/run/interfaces", "--no-scripts", "h0"],
                           f"/run/{self.network.name}-manager.log").wait(30)

    def start(self):
        self.call("ifup")

    def stop(self):
        self.call("ifdown")
