#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`anabranch paths explain` names each fault that is planted, and the pair is used when it is not. Without a
path manager of ours: explain_daemon.py has the faults that only one knows of.

Usage: explain.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import contextlib
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from explained import MODEM, MPTCP, OTHER, PORT, SERVER, TO, WIRE, Network, filtered  # noqa: E402
from namespaces import expect, main, wait_until  # noqa: E402


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
