# SPDX-License-Identifier: MIT
"""A client with two addresses, a balancer and servers on one Ethernet:

  client 10.9.0.101, 10.9.1.101 ---+
  balancer 10.9.0.2 ---------------+--- server N 10.9.0.1N, the service's address on lo
                                   |
  The service 198.51.100.10 (2001:db8:10::10) is routed to the balancer; servers answer the client directly.
"""
import subprocess
import sys

from namespaces import HELPERS, Namespace, cable, expect, wait_until

VIP, VIP6 = "198.51.100.10", "2001:db8:10::10"
# Of the service and of servers' own addresses.
PREFIX, PREFIX6 = "198.51.100.0/24", "2001:db8:10::/64"
PORT = 443
FIRST_JOIN_PORT = 1024
UNUSED = 20000  # a port that a client's kernel gives to no connection
BALANCER, BALANCER6 = "10.9.0.2", "2001:db8:9::2"
CLIENT, OTHER_CLIENT = "10.9.0.101", "10.9.1.101"
CLIENT6, OTHER_CLIENT6 = "2001:db8:9::101", "2001:db8:91::101"


def sysctl(node, **settings):
    node.run("sh", "-c", " && ".join(f"echo {value} >/proc/sys/net/{name.replace('__', '/')}" for name, value in settings.items()))


def counters(node):
    """TcpExt and MPTcpExt of a namespace."""
    lines = node.run("cat", "/proc/net/netstat").splitlines()
    out = {}
    for names, values in zip(lines[::2], lines[1::2]):
        out |= {name: int(value) for name, value in zip(names.split()[1:], values.split()[1:])}
    return out


class Network:
    def __init__(self, servers):
        self.switch, self.client, self.balancer = [Namespace() for _ in range(3)]
        self.servers = {number: Namespace() for number in range(1, servers + 1)}
        self.switch.ip("link add bridge type bridge", "link set bridge up")
        for node in (self.client, self.balancer, *self.servers.values()):
            sysctl(node, mptcp__blackhole_timeout=0, ipv4__conf__all__rp_filter=0, ipv4__conf__default__rp_filter=0,
                   ipv4__conf__all__arp_ignore=1, ipv4__conf__all__arp_announce=2, ipv6__conf__default__accept_dad=0)
            node.ip("mptcp limits set subflows 4 add_addr_accepted 4")
        self.plug(self.client, "eth0", f"{CLIENT}/24", f"{CLIENT6}/64")
        self.plug(self.client, "eth1", f"{OTHER_CLIENT}/24", f"{OTHER_CLIENT6}/64")
        self.plug(self.balancer, "eth0", f"{BALANCER}/24", f"{BALANCER6}/64", "10.9.1.2/24", "2001:db8:91::2/64")
        for number, server in self.servers.items():
            sysctl(server, ipv4__tcp_timestamps=0)  # ADD_ADDR of an IPv6 address with a port has no room beside them
            self.plug(server, "eth0", f"10.9.0.1{number}/24", f"2001:db8:9::1{number}/64", f"10.9.1.1{number}/24",
                      f"2001:db8:91::1{number}/64")
            server.ip(f"address add {VIP}/32 dev lo", f"address add {VIP6}/128 dev lo")
        # Programs that set no congestion control must not fall to a default that MPTCP crawls with.
        self.client.ip(f"route add {PREFIX} via {BALANCER} congctl cubic", f"route add {PREFIX6} via {BALANCER6} congctl cubic",
                       f"route add {PREFIX} via 10.9.1.2 table 101 congctl cubic",
                       f"route add {PREFIX6} via 2001:db8:91::2 table 101 congctl cubic")
        self.client.run("ip", "rule", "add", "from", "10.9.1.0/24", "lookup", "101")
        self.client.run("ip", "-6", "rule", "add", "from", "2001:db8:91::/64", "lookup", "101")

    def plug(self, node, interface, *addresses):
        self.ports = getattr(self, "ports", 0) + 1
        if node is self.balancer:
            self.balancer_port = f"port{self.ports}"
        cable(node, interface, self.switch, f"port{self.ports}")
        self.switch.ip(f"link set port{self.ports} master bridge")
        node.ip(*[f"address add {address} dev {interface}" for address in addresses])

    def announce(self, *endpoints):
        """What servers tell clients of further subflows: the C flag and these addresses and ports, where {} is the server's
        number and {port} its join port; or nothing."""
        for number, server in self.servers.items():
            server.ip("mptcp endpoint flush")
            sysctl(server, mptcp__allow_join_initial_addr_port=int(not endpoints))
            for place, endpoint in enumerate(endpoints, 1):
                server.ip(f"mptcp endpoint add {endpoint.format(number, port=FIRST_JOIN_PORT + number)} id {place} signal")

    def listen(self):
        for server in self.servers.values():
            listener = server.start([sys.executable, str(HELPERS / "transfers.py"), "listen", "::", str(PORT)],
                                    stdout=subprocess.PIPE, text=True)
            expect(listener.stdout.readline() == "ready\n", "a server does not listen")

    def joins_from(self, mode):
        """The other addresses of the client take part: "subflow", or "subflow fullmesh" towards announced addresses."""
        self.client.ip("mptcp endpoint flush", f"mptcp endpoint add {OTHER_CLIENT} dev eth1 id 1 {mode}",
                       f"mptcp endpoint add {OTHER_CLIENT6} dev eth1 id 2 {mode}")

    def of_servers(self, *names):
        """Sums over all servers."""
        found = [counters(server) for server in self.servers.values()]
        return [sum(one.get(name, 0) for one in found) for name in names]

    def begin(self, count, address, burst=0):
        """Connections by MPTCP that send until they are told to end; or that send `burst` octets then."""
        before, = self.of_servers("MPCapableACKRX")
        arguments = ["burst" if burst else "send", address, str(PORT), str(count)] + [str(burst)] * bool(burst)
        sender = self.client.start([sys.executable, str(HELPERS / "transfers.py"), *arguments],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        expect(sender.stdout.readline() == "ready\n", f"the {count} connections do not come about")
        # Servers count the third packet, of which the client does not wait to hear.
        wait_until(f"{count} MPTCP connections", lambda: self.of_servers("MPCapableACKRX")[0] >= before + count)
        return sender

    @staticmethod
    def outcome(sender):
        """How many connections carried what they should, something else, not all of it."""
        output, _ = sender.communicate("end\n", timeout=90)
        return list(map(int, output.split()))

    def end(self, sender):
        """Every octet of every connection has arrived."""
        right, wrong, missing = self.outcome(sender)
        expect((wrong, missing) == (0, 0), f"beside {right} good connections {wrong} carried something else, {missing} broke")
