#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""DHCP exchanges per second (DISCOVER to ACK) that a gateway with 2 and with 16 paths gives, compared with
a plain Kea of one subnet and no classes. perfdhcp offers more than any of them can do, for five seconds
each; one after another, seven rounds, medians.

Usage: dhcp_rate.py ANABRANCH [--rounds N] [--json FILE], as root or as an ordinary user. Ends with 1 when a
ratio is below its bound.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/scenario/helpers"))
from namespaces import Gateway, Namespace, cable, end, expect, main, wait_until

OFFERED = 8000
SECONDS = 5
BOUND = 0.95
PLAIN = {
    "Dhcp4": {
        "interfaces-config": {"interfaces": ["lan0/10.1.0.1"], "dhcp-socket-type": "raw"},
        "lease-database": {"type": "memfile", "persist": True},
        "valid-lifetime": 600,
        "subnet4": [
            {
                "id": 1,
                "subnet": "10.1.0.0/16",
                "pools": [{"pool": "10.1.16.0-10.1.255.250"}],
                "option-data": [{"name": "routers", "data": "10.1.0.1"}],
            }
        ],
        # As Debian's own configuration has it, and as ours.
        "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout"}]}],
    }
}


def gateway_config(paths):
    return '[lan]\ninterface = "lan0"\n[dhcp]\nrelays = ["10.1.0.50"]\n' + "".join(
        f'[[uplink]]\nname = "isp{k}"\ninterface = "up{k}"\nnext_hop = "172.16.{k}.2"\nindex = {k}\n'
        f'source_prefix = "10.{k}.0.0/16"\n'
        for k in range(1, paths + 1)
    )


def perfdhcp(client, index):
    """Completed exchanges per second. perfdhcp plays a relay in front of many clients."""
    option = ["-o", f"224,{index:02x}00"] if index else []
    arguments = ["perfdhcp", "-4", "-l", "h0", "-r", str(OFFERED), "-p", str(SECONDS), "-R", "60000", *option, "10.1.0.1"]
    done = client.command(*arguments)
    rate = re.search(r"Rate: ([0-9.]+) 4-way", done.stdout)
    if not rate:
        raise RuntimeError(f"perfdhcp says nothing of a rate:\n{done.stdout}{done.stderr}")
    return float(rate.group(1))


def plain(here, client, folder):
    config = PLAIN | {}
    config["Dhcp4"]["lease-database"]["name"] = str(folder / "leases.csv")
    (folder / "kea.conf").write_text(json.dumps(config))
    log = folder / "log-kea"
    environment = os.environ | {"KEA_PIDFILE_DIR": str(folder), "KEA_LOCKFILE_DIR": "none"}
    with open(log, "w") as output:
        kea = here.start(["kea-dhcp4", "-c", str(folder / "kea.conf")], stdout=output, stderr=output, env=environment)
    wait_until("Kea runs", lambda: "DHCP4_STARTED" in log.read_text(), 20)
    rate = perfdhcp(client, 0)
    end(kea)
    return rate


def ours(executable, here, client, folder, paths):
    gateway = Gateway(executable, here, folder / "gateway")
    gateway.start(gateway_config(paths), log_level="info")
    rate = perfdhcp(client, paths)
    gateway.stop()
    gateway.do("cleanup", "-c", str(gateway.config))
    return rate


def bench(rounds, result, executable, folder):
    here, client = Namespace(os.getpid()), Namespace()
    cable(here, "lan0", client, "h0")
    here.ip("addr add 10.1.0.1/16 dev lan0")
    client.ip("addr add 10.1.0.50/16 dev h0")
    # A path that is down gives no leases.
    for k in range(1, 17):
        cable(here, f"up{k}", client, f"isp{k}")
        here.ip(f"link set up{k} arp off")  # no next hop is there; without ARP none is missed
    cases = {
        "plain": lambda at: plain(here, client, at),
        "2 paths": lambda at: ours(executable, here, client, at, 2),
        "16 paths": lambda at: ours(executable, here, client, at, 16),
    }
    rates = {name: [] for name in cases}
    for round_number in range(rounds):
        for name, measure in cases.items():
            at = folder / f"{round_number}-{name.replace(' ', '-')}"
            at.mkdir()
            rates[name].append(measure(at))
            shutil.rmtree(at)
        print("  ".join(f"{name}: {values[-1]:.0f}" for name, values in rates.items()), flush=True)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratios = {name: medians[name] / medians["plain"] for name in cases if name != "plain"}
    print(f"plain Kea: {medians['plain']:.0f} exchanges/s")
    for name, ratio in ratios.items():
        print(f"{name}: {medians[name]:.0f} exchanges/s, {ratio:.2f} of plain Kea (bound {BOUND})")
    if result:
        Path(result).write_text(json.dumps({"rates": rates, "medians": medians, "ratios": ratios, "bound": BOUND}))
    expect(min(ratios.values()) >= BOUND, "a ratio is below its bound")


def begin():
    parser = argparse.ArgumentParser()
    parser.add_argument("executable")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json")
    options = parser.parse_args()
    main(lambda *where: bench(options.rounds, options.json, *where), ["kea-dhcp4", "perfdhcp"])


begin()
