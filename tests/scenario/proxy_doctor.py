#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`anabranch doctor` beside a CPE and a converter: nothing to say while all is well; then one thing after the other is
spoilt, and it is named with its cure. The CPE itself warns of a rule that comes before its own.

Usage: proxy_doctor.py ANABRANCH, as root or as an ordinary user. Ends with "ok", "SKIP: why" or "FAILED: why".
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from namespaces import expect, main, wait_until
from proxy_exchange import PORT, exchange, read_again, serve
from proxy_pair import CONVERTER, CONVERTER_TOML, CPE_TOML, SERVER, Pair, Role

FIRST, SECOND = "converter operator from 172.16.1.1", "converter operator from 172.16.2.1"
# What the machine that runs this offers, and not the scenario.
OF_THE_MACHINE = {"descriptors"}


def examined(role):
    """Name and finding of every check that is not well, or names what it is about."""
    option = f"--{role.name}"
    done = role.namespace.command(role.executable, "doctor", "-j", option, str(role.config), env=role.environment)
    report = json.loads(done.stdout)["files"][role.name]
    expect(report["file"] == str(role.config), f"it looks at {report['file']}")
    checks = {check["name"]: check for check in report["checks"] if check["name"] not in OF_THE_MACHINE}
    for check in checks.values():
        expect((check["state"] == "ok") != bool(check["why"] and check["cure"]), f"{check}")
    return checks


def complaints(role):
    return {name: check for name, check in examined(role).items() if check["state"] != "ok"}


def only(role, name, state, *words):
    found = complaints(role)
    expect(list(found) == [name] and found[name]["state"] == state, f"expected {state} {name}: {found}")
    for word in words:
        expect(word in json.dumps(found[name]), f"'{word}' is not in {found[name]}")


def well(pair):
    expect(not complaints(pair.cpe_role), f"{complaints(pair.cpe_role)}")
    expect(not complaints(pair.converter_role), f"{complaints(pair.converter_role)}")
    expect({FIRST, SECOND} <= set(examined(pair.cpe_role)), "an uplink is not looked at")


def an_uplink_without_a_rule(pair):
    pair.cpe.ip("rule del from 172.16.2.0/24 lookup 102")
    only(pair.cpe_role, SECOND, "doubtful", "leave by up1", "ip rule add from 172.16.2.1")
    pair.cpe.ip("rule add from 172.16.2.0/24 lookup 102 pref 502")


def a_rule_before_ours(pair):
    pair.cpe.ip("rule add iif lan0 lookup main pref 30")
    only(pair.cpe_role, "rules", "doubtful", "30: from all iif lan0 lookup 254", "0x616e0100")
    said = pair.cpe_role.log.read_text().count("comes before ours")
    read_again(pair.cpe_role, CPE_TOML)
    wait_until("the CPE warns of it", lambda: pair.cpe_role.log.read_text().count("comes before ours") == said + 1)
    try:
        taken = exchange(pair, size=10, patience=2)
        expect(False, f"the rule does no harm: {taken}")
    except OSError:
        pass
    pair.cpe.ip("rule del pref 30")
    expect(exchange(pair, size=10) == CONVERTER, "not converted once the rule is gone")


def marks_in_the_check_of_sources(pair):
    pair.sysctl(pair.cpe, "net/ipv4/conf/lan0/src_valid_mark", 1)
    only(pair.cpe_role, "src_valid_mark", "sick", "lan0")
    try:
        taken = exchange(pair, size=10, patience=2)
        expect(False, f"the mark does no harm: {taken}")
    except OSError:
        pass
    pair.sysctl(pair.cpe, "net/ipv4/conf/lan0/src_valid_mark", 0)


def a_strict_filter(pair):
    pair.sysctl(pair.cpe, "net/ipv4/conf/all/rp_filter", 1)
    only(pair.cpe_role, "rp_filter", "doubtful", "lan0")
    pair.sysctl(pair.cpe, "net/ipv4/conf/all/rp_filter", 0)


def mptcp_taken_out(pair):
    pair.sysctl(pair.converter, "net/mptcp/enabled", 0)
    expect("mptcp" in complaints(pair.converter_role), "the converter has no MPTCP, and nobody says so")
    pair.sysctl(pair.converter, "net/mptcp/enabled", 1)


def secrets_that_differ(pair, executable, folder):
    """Two converters at one address and port: what one gives, the other refuses."""
    text = CONVERTER_TOML.replace("[clients]\n", '[clients]\ncookie = "required"\n')
    read_again(pair.converter_role, text)
    expect(not complaints(pair.cpe_role), f"one converter with cookies: {complaints(pair.cpe_role)}")
    second = Role(executable, pair.converter, folder / "second", "converter", text)
    second.start()
    wait_until("the doctor sees it", lambda: any("cookie" in check["found"] and "secret" in check["why"]
                                                 for check in complaints(pair.cpe_role).values()), 30)
    second.stop()
    read_again(pair.converter_role, CONVERTER_TOML)


def nobody_there(pair):
    pair.converter_role.stop()
    found = complaints(pair.cpe_role)
    expect(set(found) == {FIRST, SECOND} and found[FIRST]["found"] == "Connection refused", f"{found}")
    done = pair.cpe.command(pair.cpe_role.executable, "doctor", "--cpe", str(pair.cpe_role.config))
    expect(done.returncode == 1 and "Connection refused" in done.stdout, f"{done.returncode}: {done.stdout}")
    pair.converter_role.start()


def scenario(executable, folder):
    pair = Pair(executable, folder)
    serve(pair.server, SERVER, PORT)
    steps = (well, an_uplink_without_a_rule, a_rule_before_ours, marks_in_the_check_of_sources, a_strict_filter,
             mptcp_taken_out)
    for step in steps:
        began = time.monotonic()
        step(pair)
        print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    secrets_that_differ(pair, executable, folder)
    nobody_there(pair)
    pair.stop()


main(scenario, ["nft", "ss", "tc"])
