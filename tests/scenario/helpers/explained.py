# SPDX-License-Identifier: MIT
"""The network of the scenarios about `anabranch paths explain`, and what they ask it.

    [client] c1 10.1.0.2 --- s1 10.1.0.1 [server, 198.18.0.1 and 198.18.0.2 on its loopback]
             c2 10.2.0.2 --- s2 10.2.0.1
"""
import contextlib
import json
import os
import socket

from namespaces import Namespace, Skipped, cable, expect, wait_until

MPTCP = 262
SERVER, OTHER, PORT = "198.18.0.1", "198.18.0.2", 5001
WIRE, MODEM = "10.1.0.2", "10.2.0.2"


class Network:
    def __init__(self, executable, folder):
        self.executable = executable
        self.environment = os.environ | {"RUNTIME_DIRECTORY": str(folder / "run"),
                                         "STATE_DIRECTORY": str(folder / "state")}
        self.folder = folder
        self.current = None  # the client's name of the connection that the scenario speaks of
        self.client, self.server = Namespace(), Namespace()
        for k in (1, 2):
            cable(self.client, f"c{k}", self.server, f"s{k}")
        for host in (self.client, self.server):
            self.settings(host, {"net.mptcp.enabled": 1, "net.mptcp.blackhole_timeout": 0, "net.mptcp.pm_type": 0,
                                 "net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.all.arp_ignore": 1})
            names = ("c1", "c2") if host is self.client else ("s1", "s2")
            self.settings(host, {f"net.ipv4.conf.{name}.rp_filter": 0 for name in names})
        self.client.ip(*(line for k in (1, 2) for line in (
            f"address add 10.{k}.0.2/24 dev c{k}",
            f"route add default via 10.{k}.0.1 dev c{k} table 10{k}",
            f"rule add from 10.{k}.0.2 lookup 10{k} priority 10{k}")),
            "route add default via 10.1.0.1 dev c1")
        self.server.ip(f"address add {SERVER}/32 dev lo", f"address add {OTHER}/32 dev lo",
                       *(f"address add 10.{k}.0.1/24 dev s{k}" for k in (1, 2)))
        self.client.run("ip", "mptcp", "limits", "set", "subflows", "4", "add_addr_accepted", "4")
        self.server.run("ip", "mptcp", "limits", "set", "subflows", "4", "add_addr_accepted", "4")
        self.client.run("ip", "mptcp", "endpoint", "add", MODEM, "subflow")

    @staticmethod
    def settings(host, values):
        for key, value in values.items():
            host.run("sysctl", "-qw", f"{key}={value}")

    @contextlib.contextmanager
    def setting(self, host, key, value):
        before = host.run("sysctl", "-n", key).strip()
        self.settings(host, {key: value})
        try:
            yield
        finally:
            self.settings(host, {key: before})

    def explain(self, subject, *options, host=None):
        """[connection] as JSON tells them, without those that the scenario has closed: they may take their time to end."""
        text = (host or self.client).run(self.executable, "paths", "explain", subject, "-j", *options,
                                         env=self.environment)
        return [one for one in json.loads(text)["connections"]
                if one["token"] is None or self.current in (None, one["local"], one["remote"])]

    def code(self, subject, *options, host=None, local=MODEM, remote=f"{SERVER}:{PORT}", new=False):
        """The code of one pair: of the connection that exists, or of a new one."""
        return self.verdict(subject, *options, host=host, local=local, remote=remote, new=new)["code"]

    def verdict(self, subject, *options, host=None, local=MODEM, remote=f"{SERVER}:{PORT}", new=False):
        told = [pair for connection in self.explain(subject, *options, host=host)
                if (connection["token"] is None) == new for pair in connection["pairs"]
                if pair["local"].split(":")[0] == local and pair["remote"].startswith(remote)]
        expect(len(told) == 1, f"one pair of {local} and {remote} in {told}")
        return told[0]

    @contextlib.contextmanager
    def listener(self, address="0.0.0.0", protocol=MPTCP):
        with self.server.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((address, PORT))
            listening.listen(16)
            yield listening

    @contextlib.contextmanager
    def connection(self, listening):
        """An MPTCP connection of the wire, with data exchanged: both sides are fully established."""
        with self.client.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP) as client:
            client.settimeout(5)
            listening.settimeout(5)
            client.connect((SERVER, PORT))
            while True:  # trials before it are in the queue, too
                server, peer = listening.accept()
                if peer == client.getsockname():
                    break
                server.close()
            with server:
                self.accepted = server
                self.current = "{}:{}".format(*client.getsockname())
                client.sendall(b"hello")
                expect(server.recv(5) == b"hello", "no data")
                server.sendall(b"hello")
                expect(client.recv(5) == b"hello", "no data")
                yield client

    def expect_code(self, code, *subject, **how):
        told = self.verdict(*subject, **how)
        expect(told["code"] == code, f"{code} was expected: {told}")

    def wait_code(self, code, *subject, **how):
        """The verdict with this code, when it comes."""
        told = []

        def there():
            told[:] = [self.verdict(*subject, **how)]
            return told[0]["code"] == code
        try:
            wait_until(f"the code {code}", there, 8)
        except Exception:
            print(f"--- last was {told}; {self.explain(subject[0], host=how.get('host'))}")
            raise
        return told[0]


TO = f"{SERVER}:{PORT}"


@contextlib.contextmanager
def filtered(host, rule):
    """A middle box: a rule for what comes in on a path."""
    chain = f"table ip box {{\n chain in {{\n type filter hook prerouting priority mangle\n {rule}\n }}\n}}\n"
    loaded = host.command("nft", "-f", "-", input=chain)
    if "Could not process" in loaded.stderr or "not supported" in loaded.stderr:
        raise Skipped(f"this kernel makes no middle box of nft: {loaded.stderr}")
    expect(loaded.returncode == 0, loaded.stderr)
    try:
        yield
    finally:
        host.run("nft", "delete", "table", "ip", "box")
