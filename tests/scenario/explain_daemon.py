#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`anabranch paths explain` beside a running `anabranch paths run`: what only the path manager knows.

Usage: explain_daemon.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import contextlib
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers"))
from explained import MODEM, OTHER, PORT, SERVER, TO, WIRE, Network, filtered  # noqa: E402
from namespaces import end, expect, main, wait_until  # noqa: E402

# Connections begin on the wire, as in the other scenario.
COMMON = "[route]\nprefer = false\n[limits]\nbpf = false\n"
THIRD = "10.2.0.3"
BY_MODEM = 'interfaces = ["c2"]'


def rule(*lines):
    return '[[rule]]\nname = "metered"\n' + "\n".join(lines) + "\n"


# Bare cables have no rate worth measuring: with this rule it does not decide.
NO_BACKUP = rule("backup = false")


@contextlib.contextmanager
def daemon(net, settings="", host=None):
    """`anabranch paths run` with these settings, on the client unless told otherwise."""
    host = host or net.client
    file = net.folder / "paths.toml"
    file.write_text(COMMON + settings)
    log = net.folder / "log-paths"
    with open(log, "a", encoding="utf-8") as errors:
        running = host.start([net.executable, "--log-level", "debug", "paths", "run", "-c", str(file)], stderr=errors,
                             env=net.environment)

    def knows_its_paths():
        expect(running.poll() is None, "the path manager ended")
        shown = host.command(net.executable, "paths", "show", "-j", env=net.environment)
        return shown.returncode == 0 and len(json.loads(shown.stdout)["paths"]) >= 2 and \
            host.run("sysctl", "-n", "net.mptcp.pm_type").strip() == "1"
    try:
        wait_until("the path manager is ready", knows_its_paths)
        yield running
    finally:
        code = end(running)
        host.run(net.executable, "paths", "cleanup", env=net.environment)
    expect(code == 0, f"the path manager ended with {code}")


@contextlib.contextmanager
def traffic(client):
    """Data all the time: only who sends can see that nothing is confirmed."""
    going = True

    def push():
        while going:
            try:
                client.send(bytes(20000))
            except TimeoutError:
                pass
            time.sleep(0.002)

    pushing = threading.Thread(target=push)
    pushing.start()
    try:
        yield
    finally:
        going = False
        pushing.join()


@contextlib.contextmanager
def drained(net, listening):
    """A connection whose server reads all that comes."""
    with net.connection(listening) as client:
        server = net.accepted

        def read():
            try:
                while server.recv(1 << 20):
                    pass
            except OSError:
                pass
        reading = threading.Thread(target=read)
        server.settimeout(None)
        reading.start()
        try:
            yield client
        finally:
            client.close()
            reading.join()


def nothing_wrong(net):
    with daemon(net, NO_BACKUP), net.listener() as listening, net.connection(listening):
        net.wait_code("used", SERVER)
        expect(net.code(SERVER, local=WIRE) == "used", "the first subflow is used")
        expect([c["managed_by"] for c in net.explain(SERVER) if c["token"]] == ["daemon"], "by whom it is managed")
        expect(net.code(TO, new=True) == "would-use", "a new connection would use the modem")


def connection_from_before(net):
    with net.listener() as listening, net.connection(listening), daemon(net):
        wait_until("it stays with the kernel's path manager",
                   lambda: [c["managed_by"] for c in net.explain(SERVER) if c["token"]] == ["kernel"])


def interface_denied(net):
    with daemon(net, '[interfaces]\ndeny = ["c2"]\n'), net.listener() as listening, net.connection(listening):
        net.wait_code("interface-denied", SERVER)
        net.expect_code("interface-denied", TO, new=True)


def which_settings(net):
    """Those that the path manager runs with, wherever they are, or others that are asked about."""
    other = net.folder / "other.toml"
    other.write_text('[interfaces]\nallow = ["c1"]\n' + rule(BY_MODEM, "deny = true"))
    with daemon(net, NO_BACKUP), net.listener() as listening, net.connection(listening):
        def remarks(*options):
            return [c["remarks"] for c in net.explain(SERVER, *options) if c["token"] is None][0]
        expect(str(net.folder / "paths.toml") in remarks()[0], f"the file is named: {remarks()}")
        told = remarks("-c", str(other))
        expect(str(other) in told[0] and str(net.folder / "paths.toml") in told[0], f"both are named: {told}")
        expect(net.code(TO, "-c", str(other), new=True) == "rule-denied", "what the other file would do")
        expect(net.code(TO, new=True) == "would-use", "what the running one does")
        failed = net.client.command(net.executable, "paths", "explain", SERVER, "-c", "/nowhere", env=net.environment)
        expect(failed.returncode == 2, f"a file that is not there: {failed}")


def denied_by_rule(net):
    settings = rule(BY_MODEM, f'ports = ["{PORT}"]', "deny = true")
    with daemon(net, settings), net.listener() as listening, net.connection(listening):
        expect("metered" in net.wait_code("rule-denied", SERVER)["words"], "the rule is named")
        net.expect_code("rule-denied", TO, new=True)
        other = f"{SERVER}:{PORT + 1}"
        expect(net.code(other, remote=other, new=True) == "would-use", "the rule is about one port")


def subflow_limit(net):
    """One further subflow and two paths for it: the other path is told why."""
    net.client.ip(f"address add {THIRD}/24 dev c2", f"rule add from {THIRD} lookup 102 priority 103")
    try:
        with daemon(net, "[subflows]\nlimit = 1\n" + NO_BACKUP), net.listener() as listening, net.connection(listening):
            def codes():
                return sorted(net.code(SERVER, local=local) for local in (MODEM, THIRD))
            wait_until("one is used and the other is one too many", lambda: codes() == ["subflow-limit", "used"])
    finally:
        net.client.ip(f"address del {THIRD}/24 dev c2", f"rule del from {THIRD} lookup 102 priority 103")
    with daemon(net, rule(BY_MODEM, "subflows = 0")), net.listener() as listening, net.connection(listening):
        net.wait_code("subflow-limit", SERVER)


def backup_by_rule(net):
    with daemon(net, rule(BY_MODEM, "backup = true")), net.listener() as listening, net.connection(listening):
        expect("metered" in net.wait_code("backup-by-rule", SERVER)["words"], "the rule is named")
        net.expect_code("would-use-backup", TO, new=True)


def backup_for_want_of_a_rate(net):
    """Measurements get no answer, joins do."""
    with filtered(net.server, "iifname s2 tcp flags & (syn | ack) == syn tcp option mptcp missing drop"):
        with daemon(net), net.listener() as listening, net.connection(listening):
            words = net.wait_code("backup-by-admission", SERVER)["words"]
            expect("unknown" in words, f"why: {words}")


def backup_by_peer(net):
    net.server.run("ip", "mptcp", "endpoint", "add", OTHER, "id", "9", "signal", "backup")
    try:
        with daemon(net), net.listener() as listening, net.connection(listening):
            wait_until("the subflow that the peer wants as a backup", lambda: "backup-by-peer" in [
                pair["code"] for connection in net.explain(SERVER) if connection["token"]
                for pair in connection["pairs"] if pair["remote"].startswith(OTHER)])
    finally:
        net.server.run("ip", "mptcp", "endpoint", "flush")


def peer_sent_c(net):
    """Without a trial: the path manager has seen it."""
    with net.setting(net.server, "net.mptcp.allow_join_initial_addr_port", 0):
        with daemon(net), net.listener() as listening, net.connection(listening):
            net.wait_code("peer-denies-join", SERVER)


def announced_without_listener(net):
    net.server.run("ip", "mptcp", "endpoint", "add", OTHER, "signal")
    try:
        with daemon(net), net.listener(SERVER) as listening, net.connection(listening):
            net.wait_code("no-listener", SERVER, local=WIRE, remote=f"{OTHER}:{PORT}")
    finally:
        net.server.run("ip", "mptcp", "endpoint", "flush")


def path_failed(net):
    everything_by_modem = rule('interfaces = ["c1"]', "backup = true") + NO_BACKUP.replace("metered", "others")
    with daemon(net, everything_by_modem), net.listener() as listening, drained(net, listening) as client:
        net.wait_code("used", SERVER)
        with traffic(client):
            with filtered(net.server, "iifname s2 drop"):
                net.wait_code("path-failed", SERVER)
            net.wait_code("used", SERVER)


def joins_without_success(net):
    syn = "iifname s2 tcp flags & (syn | ack) == syn tcp option mptcp exists"
    for what_comes_by_modem, code in (
            (f"{syn} drop", "connecting"), (f"{syn} reject with tcp reset", "join-refused"),
            ("iifname s2 tcp flags & (syn | ack) == ack reject with tcp reset", "retry-wait")):
        with net.listener() as listening, filtered(net.server, what_comes_by_modem), daemon(net):
            with net.connection(listening):
                words = net.wait_code(code, SERVER)["words"]
                expect(code == "connecting" or "tried again in" in words, f"when again: {words}")


def server_that_tells_nothing(net):
    with daemon(net, '[announce]\nwhen = "never"\n', net.server), net.listener() as listening:
        net.client.run("ip", "mptcp", "endpoint", "flush")
        try:
            with net.connection(listening):
                net.wait_code("peer-not-told", WIRE, host=net.server, local="10.2.0.1", remote=WIRE)
        finally:
            net.client.run("ip", "mptcp", "endpoint", "add", MODEM, "subflow")


def scenario(executable, folder):
    net = Network(executable, folder)
    steps = [nothing_wrong, which_settings, connection_from_before, interface_denied, denied_by_rule, subflow_limit,
             backup_by_rule, backup_for_want_of_a_rate, backup_by_peer, peer_sent_c, announced_without_listener, path_failed,
             joins_without_success, server_that_tells_nothing]
    for step in steps:
        begun = time.monotonic()
        step(net)
        print(f"{step.__name__}: named ({time.monotonic() - begun:.1f} s)", flush=True)


if __name__ == "__main__":
    main(scenario, ("ip", "nft", "sysctl"))
