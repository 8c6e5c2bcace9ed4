#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`anabranch paths explain` names each fault that is planted, and the pair is used when it is not.

    [client] c1 10.1.0.2 --- s1 10.1.0.1 [server, 198.18.0.1 and 198.18.0.2 on its loopback]
             c2 10.2.0.2 --- s2 10.2.0.1

Usage: explain.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import contextlib
import json
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from namespaces import Namespace, Skipped, cable, expect, main, wait_until  # noqa: E402

MPTCP = 262
SOL_MPTCP, MPTCP_INFO = 284, 1
SERVER, OTHER, PORT = "198.18.0.1", "198.18.0.2", 5001
WIRE, MODEM = "10.1.0.2", "10.2.0.2"


class Network:
    def __init__(self, executable, folder):
        self.executable = executable
        self.environment = os.environ | {"RUNTIME_DIRECTORY": str(folder / "run"),
                                         "STATE_DIRECTORY": str(folder / "state")}
        self.folder = folder
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
        """[connection] as JSON tells them."""
        text = (host or self.client).run(self.executable, "paths", "explain", subject, "-j", *options,
                                         env=self.environment)
        return json.loads(text)["connections"]

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
                client.sendall(b"hello")
                expect(server.recv(5) == b"hello", "no data")
                server.sendall(b"hello")
                expect(client.recv(5) == b"hello", "no data")
                yield client

    def expect_code(self, code, *subject, **how):
        told = self.verdict(*subject, **how)
        expect(told["code"] == code, f"{code} was expected: {told}")

    def wait_code(self, code, *subject, **how):
        told = []

        def there():
            told[:] = [self.code(*subject, **how)]
            return told[0] == code
        try:
            wait_until(f"the code {code}", there, 8)
        except Exception:
            print(f"--- last code was {told}; {self.explain(subject[0], host=how.get('host'))}")
            raise


TO = f"{SERVER}:{PORT}"


def nothing_wrong(net):
    with net.listener() as listening, net.connection(listening):
        net.wait_code("used", SERVER)
        expect(net.code(SERVER, local=WIRE) == "used", "the first subflow is used")
        expect(net.code(TO, new=True) == "would-use", "a new connection would use the modem")
        by_token = [c for c in net.explain(SERVER) if c["token"]][0]["token"]
        expect(len(net.explain(by_token)) == 1, "one connection by its token")
        expect(net.code(TO, "--try", new=True) == "would-use", "a trial finds nothing in the way")


def missing_source_rule(net):
    net.client.ip(f"rule del from {MODEM} lookup 102 priority 102")
    try:
        with net.listener() as listening, net.connection(listening):
            verdict = net.verdict(SERVER)
            expect(verdict["code"] in ("source-rule-missing", "used"), verdict)
            net.expect_code("source-rule-missing", TO, new=True)
            hint = net.verdict(TO, new=True)["hint"]
            expect(f"ip rule add from {MODEM} lookup 102" in hint, hint)
    finally:
        net.client.ip(f"rule add from {MODEM} lookup 102 priority 102")


def address_without_route(net):
    net.client.ip("route del default via 10.2.0.1 dev c2 table 102")
    try:
        net.expect_code("no-route", TO, new=True)
    finally:
        net.client.ip("route add default via 10.2.0.1 dev c2 table 102")


@contextlib.contextmanager
def bound_without_rule(net):
    """The modem is reached because its endpoint names the interface: no source rule is needed."""
    net.client.ip(f"rule del from {MODEM} lookup 102 priority 102", "route add default via 10.2.0.1 dev c2 metric 200")
    net.client.run("ip", "mptcp", "endpoint", "flush")
    net.client.run("ip", "mptcp", "endpoint", "add", MODEM, "dev", "c2", "subflow")
    try:
        yield
    finally:
        net.client.run("ip", "mptcp", "endpoint", "flush")
        net.client.run("ip", "mptcp", "endpoint", "add", MODEM, "subflow")
        net.client.ip("route del default via 10.2.0.1 dev c2 metric 200", f"rule add from {MODEM} lookup 102 priority 102")


def strict_rp_filter(net):
    with bound_without_rule(net), net.listener() as listening:
        with net.connection(listening):
            net.wait_code("used", SERVER)
        for key in ("net.ipv4.conf.c2.rp_filter", "net.ipv4.conf.all.rp_filter"):
            with net.setting(net.client, key, 1), net.connection(listening):
                net.wait_code("rp-filter-strict", SERVER)
        with net.setting(net.client, "net.ipv4.conf.all.rp_filter", 2), net.connection(listening):
            net.wait_code("used", SERVER)


def link_down(net):
    net.server.ip("link set s2 down")
    try:
        wait_until("the carrier is gone", lambda: net.code(TO, new=True) == "link-down")
    finally:
        net.server.ip("link set s2 up")
        wait_until("the carrier is back", lambda: net.code(TO, new=True) != "link-down")


def peer_sent_c(net):
    with net.setting(net.server, "net.mptcp.allow_join_initial_addr_port", 0), net.listener():
        net.expect_code("peer-denies-join", TO, "--try", new=True)
        expect(net.code(TO, "--try", new=True, local=WIRE) == "would-use", "the first subflow goes there")


def announced_without_listener(net):
    """The server listens on one address and announces another: seen from both sides."""
    net.server.run("ip", "mptcp", "endpoint", "add", OTHER, "signal")
    try:
        with net.listener(SERVER) as listening, net.connection(listening):
            net.wait_code("no-listener", WIRE, host=net.server, local=OTHER, remote=WIRE)
            net.expect_code("no-listener", TO, "--try", new=True, remote=f"{OTHER}:{PORT}")
        with net.listener() as listening, net.connection(listening):
            expect(net.code(TO, "--try", new=True, remote=f"{OTHER}:{PORT}") != "no-listener", "somebody listens")
    finally:
        net.server.run("ip", "mptcp", "endpoint", "flush")


def subflow_limit(net):
    net.client.run("ip", "mptcp", "limits", "set", "subflows", "0")
    try:
        with net.listener() as listening, net.connection(listening):
            net.expect_code("subflow-limit", SERVER)
            net.expect_code("subflow-limit", TO, new=True)
    finally:
        net.client.run("ip", "mptcp", "limits", "set", "subflows", "4")


def no_endpoint(net):
    net.client.run("ip", "mptcp", "endpoint", "flush")
    try:
        with net.listener() as listening, net.connection(listening):
            net.expect_code("kernel-no-endpoint", SERVER)
    finally:
        net.client.run("ip", "mptcp", "endpoint", "add", MODEM, "subflow")


def userspace_without_daemon(net):
    with net.setting(net.client, "net.mptcp.pm_type", 1):
        net.expect_code("no-path-manager", TO, new=True)


def mptcp_disabled(net):
    with net.setting(net.client, "net.mptcp.enabled", 0):
        net.expect_code("mptcp-disabled", TO, new=True)


def peer_speaks_only_tcp(net):
    with net.listener(protocol=socket.IPPROTO_TCP):
        net.expect_code("peer-tcp-only", TO, "--try", new=True)
        net.client.ip("link set c2 down")
        try:
            told = net.code(TO, "--try", new=True, local=WIRE)
            expect(told == "tcp-only-somewhere", f"one path alone does not tell: {told}")
        finally:
            net.client.ip("link set c2 up", "route add default via 10.2.0.1 dev c2 table 102")
            wait_until("c2 is up", lambda: "LOWER_UP" in net.client.run("ip", "link", "show", "c2"))


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


def option_stripped(net):
    with net.listener() as listening:
        with filtered(net.server, "iifname s2 reset tcp option mptcp"):
            net.expect_code("option-stripped", TO, "--try", new=True)
            expect(net.code(TO, "--try", new=True, local=WIRE) == "would-use", "the wire lets MPTCP pass")
            with net.connection(listening):
                expect(net.code(SERVER) != "used", "the modem cannot be used")
                net.expect_code("option-stripped", TO, "--try")
        with filtered(net.server, "iifname s2 tcp option mptcp exists drop"):
            net.expect_code("option-dropped", TO, "--try", new=True)
        with filtered(net.server, "iifname s2 drop"):
            net.expect_code("no-answer", TO, "--try", new=True)


def blackholed(net):
    """SYNs with MP_CAPABLE are lost until the kernel sends one without: it then keeps MPTCP off."""
    with net.listener() as listening:
        with net.setting(net.client, "net.mptcp.blackhole_timeout", 3600):
            with filtered(net.server, "tcp option mptcp exists drop"):
                with net.client.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP) as client:
                    client.settimeout(15)
                    client.connect((SERVER, PORT))
                    listening.settimeout(5)
                    listening.accept()[0].close()
            net.expect_code("mptcp-blackholed", TO, new=True)
            expect(net.code(TO, new=True, local=WIRE) == "mptcp-blackholed", "on every path")
        # Writing the setting ends it.
        net.expect_code("would-use", TO, new=True)


def scenario(executable, folder):
    net = Network(executable, folder)
    steps = [nothing_wrong, missing_source_rule, address_without_route, strict_rp_filter, link_down, peer_sent_c,
             announced_without_listener, subflow_limit, no_endpoint, userspace_without_daemon, mptcp_disabled,
             peer_speaks_only_tcp, option_stripped, blackholed]
    for step in steps:
        begun = time.monotonic()
        step(net)
        print(f"{step.__name__}: named ({time.monotonic() - begun:.1f} s)")
    nothing_wrong(net)


if __name__ == "__main__":
    main(scenario, ("ip", "nft", "sysctl"))
