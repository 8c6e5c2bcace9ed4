# SPDX-License-Identifier: MIT
"""Other people's IPv6 clients, each alone in a network with one interface: the kernel's own, dhclient,
dhcpcd, systemd-networkd, NetworkManager."""
import os
import re
import stat

from lan import HERE, UNPACKED, Network, Skipped, copy_of, program, read, wait_until, write
from managers import READ_ONLY_SYS, networkd_program

SCRIPT = HERE + "/dhcp6_event.sh"


class Host:
    """A plain kernel, and what other clients have in common. Network and interface have the same name."""
    kernel_listens = True  # to Router Advertisements, instead of a program
    asks_for_prefix = False

    def __init__(self, gateway, name):
        self.name, self.folder = name, f"/run/{name}"
        self.network = Network(name, ipv6=True)
        self.network.sysctl("net/ipv6/conf/default/accept_ra", int(self.kernel_listens))
        self.network.sysctl("net/ipv6/conf/all/accept_ra", int(self.kernel_listens))
        gateway.attach(self.network, name, name + "-port")
        os.mkdir(self.folder)
        self.process = None

    def start(self, arguments, environment=None):
        self.process = self.network.popen(arguments, f"{self.folder}.log", environment)

    def run(self):
        pass

    def wait_link_local(self):
        wait_until(f"{self.name} has a link-local address",
                   lambda: self.network.ip(f"-6 address show dev {self.name} scope link -tentative").strip())

    def addresses(self):
        """{address: whether it is for new connections}"""
        links = self.network.ip_json(f"-6 address show dev {self.name} scope global")
        # The kernel marks an address a moment after it has learned that it is deprecated; ip(8) leaves empty
        # places for the others.
        return {one["local"]: one["preferred_life_time"] > 0 for link in links for one in link.get("addr_info", [])
                if one and not one.get("tentative")}

    def default_routers(self):
        routes = self.network.ip_json("-6 route show default")
        return sorted(hop.get("gateway", "no router") for route in routes for hop in route.get("nexthops", [route]))

    def resolvers(self):
        """Those the client has been told; None when it is not its business."""
        return None

    def delegated(self):
        """The prefix it has been delegated: what it gives to no link it keeps from coming back."""
        for route in self.network.ip_json("-6 route show table all"):
            if route["dst"].endswith("/56") and route.get("type") in ("unreachable", "prohibit", "blackhole"):
                return route["dst"].split("/")[0]
        return None


class Told(Host):
    """A client that tells a script."""

    def told(self, kind):
        return dict(line.split("=", 1) for line in read(f"{self.folder}/told.{kind}").splitlines() if "=" in line)


class Dhclient(Told):
    """The kernel has the router, dhclient the address."""
    asks_for_prefix = True
    CONFIG = "also request dhcp6.vendor-opts;\n"

    def run(self):
        self.wait_link_local()
        write(self.folder + "/conf", self.CONFIG)
        self.start([copy_of("dhclient"), "-6", "-N", "-P", "-d", "-cf", self.folder + "/conf", "-sf", SCRIPT,
                    "-lf", self.folder + "/leases", "-pf", self.folder + "/pid", self.name])

    def resolvers(self):
        return self.told("address").get("new_dhcp6_name_servers", "").split()

    def delegated(self):
        return self.told("prefix").get("new_ip6_prefix")


class Dhcpcd(Told):
    kernel_listens = False
    CONFIG = "duid\npersistent\noption dhcp6_name_servers\nipv6only\nslaac hwaddr\n"

    def __init__(self, gateway, name, stateful=False):
        super().__init__(gateway, name)
        self.asks_for_prefix = stateful

    def run(self):
        leases = "ia_na\nia_pd 7 -\n" if self.asks_for_prefix else ""
        write(self.folder + "/conf", f"{self.CONFIG}interface {self.name}\n{leases}")
        self.start([program("dhcpcd"), "-6", "-B", "-f", self.folder + "/conf", "--script", SCRIPT, self.name])

    def resolvers(self):
        """As its own hook does, which leaves out those whose lifetime has ended."""
        told = {**self.told("routers"), **self.told("other")}
        return [word for name, value in told.items()
                if re.fullmatch(r"nd\d+_rdnss\d+_servers|new_dhcp6_name_servers", name)
                and told.get(name.replace("_servers", "_lifetime")) != "0" for word in value.split()]


class Networkd(Host):
    kernel_listens = False
    asks_for_prefix = True
    CONFIG = "[Match]\nName={}\n[Network]\nDHCP=no\nIPv6AcceptRA=yes\nIPv6PrivacyExtensions=no\n" \
             "[DHCPv6]\nPrefixDelegationHint=::/56\n"
    # A /run/systemd of its own for each, and no D-Bus.
    SHELL = "mount --bind {0} /run/systemd && " + READ_ONLY_SYS

    def run(self):
        os.makedirs("/run/systemd", exist_ok=True)
        write(f"{self.folder}/network/lan.network", self.CONFIG.format(self.name))
        self.start(["unshare", "-m", "--propagation", "private", "sh", "-c",
                    self.SHELL.format(self.folder) + networkd_program()])

    def resolvers(self):
        number = self.network.ip_json(f"link show {self.name}")[0]["ifindex"]
        found = re.search(r"^DNS=(.*)$", read(f"{self.folder}/netif/links/{number}"), re.MULTILINE)
        return found[1].split() if found else []


class NetworkManager(Host):
    """There is one, for it has the D-Bus of the script for itself."""
    kernel_listens = False
    FILES = f"{UNPACKED}/network-manager/usr"
    CONFIG = "[main]\nplugins=keyfile\nno-auto-default=*\ndns=none\nrc-manager=unmanaged\nauth-polkit=false\n" \
             "[keyfile]\npath={0}/connections\n[logging]\nlevel=INFO\n"
    CONNECTION = "[connection]\nid=lan\nuuid=6f1c24ad-3c1b-4c7b-8d0e-3d9f7a8f0a06\ntype=ethernet\n" \
                 "interface-name={}\n[ipv4]\nmethod=disabled\n[ipv6]\nmethod=auto\nip6-privacy=0\n"

    def run(self):
        write(f"{self.folder}/nm.conf", self.CONFIG.format(self.folder))
        write(f"{self.folder}/connections/lan.nmconnection", self.CONNECTION.format(self.name),
              stat.S_IRUSR | stat.S_IWUSR)
        os.makedirs(f"{self.folder}/conf.d")
        daemon = [program("NetworkManager", f"{self.FILES}/sbin/NetworkManager"), "--debug",
                  f"--config={self.folder}/nm.conf", f"--config-dir={self.folder}/conf.d",
                  f"--intern-config={self.folder}/intern.conf", f"--state-file={self.folder}/state"]
        self.start(["unshare", "-m", "sh", "-c", READ_ONLY_SYS + " ".join(daemon)])

    def resolvers(self):
        told = self.network.run(f"{program('nmcli', self.FILES + '/bin/nmcli')} -e no -g IP6.DNS device show {self.name}")
        return [word.strip() for word in told.replace("|", "\n").split() if word.strip()]


def has(kind):
    """Whether the program of a kind is on this machine; without NetworkManager the rest is worth a test."""
    if kind is not NetworkManager:
        return True
    try:
        program("NetworkManager", f"{NetworkManager.FILES}/sbin/NetworkManager")
        return True
    except Skipped:
        print("no NetworkManager, left out")
        return False
