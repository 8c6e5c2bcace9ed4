#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A recording of real trouble gives the same decisions again.

Usage: paths_replay.py ANABRANCH. `anabranch paths run --record` sees transfers whose paths fall silent, whose
links flap, whose settings change and whose role is started anew; `anabranch paths replay` decides the same on
every line, and names the line where a recording says something else.
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/helpers")
from explained import filtered
from namespaces import expect, main, wait_until
from path_manager import Network, Paths, Transfers

TRANSFERS = 12
FLAPS = 12
LEAST_SECONDS = 8
LEAST_INPUTS = 1000
# What is decided here whatever the machine's speed; announcements need a server's side.
DECIDED = {"create_subflow", "destroy_subflow", "remove_address", "probe", "measure", "prefer_path", "note"}
TOLD = {"paths", "event", "owner", "sample", "probed", "measured", "tick"}


def decisions(lines):
    """Kinds of inputs and of actions in a recording, headers left out."""
    inputs, actions = set(), set()
    for line in lines:
        if "input" in line:
            inputs |= set(line["input"])
            for action in line["actions"]:
                actions |= set(action) - {"number", "reason"}
    return inputs, actions


def trouble(network, paths):
    def both_used():
        return network.subflows().count("10.1.0.2") >= TRANSFERS and network.subflows().count("10.2.0.2") >= TRANSFERS

    def failed(address):
        return [path["failed"] for path in paths.shown()["paths"] if path["address"] == address] == [True]

    wait_until("every transfer has two subflows", both_used, 20)
    for k in (1, 2):
        with filtered(network.server, f"iifname s{k} drop"):
            wait_until(f"path {k} is found silent", lambda: failed(f"10.{k}.0.2"))
        wait_until(f"path {k} is back", both_used, 20)
    paths.write("[subflows]\nlimit = 3\n")
    paths.do("reload")
    for flap in range(FLAPS):
        network.server.ip(f"link set s2 {'up' if flap % 2 else 'down'}")
        time.sleep(0.1)
    wait_until("both paths are back", both_used, 20)


def replayed(paths, file):
    done = paths.network.client.command(paths.executable, "paths", "replay", str(file), "-j")
    return done, json.loads(done.stdout) if done.stdout else {}


def scenario(executable, folder):
    network = Network()
    network.listen(folder)
    file = folder / "recording"
    paths = Paths(executable, network, folder, options=["--record", str(file)])
    paths.start()
    transfers = Transfers(network, TRANSFERS)
    begun = time.monotonic()
    trouble(network, paths)
    time.sleep(max(0.0, LEAST_SECONDS - (time.monotonic() - begun)))  # a long recording is what is asked for
    ended = transfers.end()
    expect(ended == [TRANSFERS, 0, 0], f"right, wrong, missing: {ended}")
    wait_until("every connection has ended", lambda: not paths.shown()["connections"], 20)
    paths.stop()

    lines = [json.loads(line) for line in file.read_text().splitlines()]
    headers = [line for line in lines if "anabranch_recording" in line]
    expect([header["settings"]["subflows"] for header in headers] == [8, 3], f"settings: {headers}")
    inputs, actions = decisions(lines)
    expect(TOLD <= inputs, f"not in the recording: {TOLD - inputs}")
    expect(DECIDED <= actions, f"never decided: {DECIDED - actions}")
    done, told = replayed(paths, file)
    print(f"{told.get('inputs')} inputs and {told.get('actions')} actions in {told.get('span_s', 0):.1f} s")
    expect(done.returncode == 0 and told["difference"] is None, f"other decisions: {done.stdout}{done.stderr}")
    expect(told["inputs"] == len(lines) - len(headers) and told["inputs"] >= LEAST_INPUTS, f"how many: {told}")
    expect(told["span_s"] >= LEAST_SECONDS, f"how long: {told}")

    # The last line with an action now says another reason.
    at = max(i for i, line in enumerate(lines) if line.get("actions"))
    lines[at]["actions"][0]["reason"] = "by-hand"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done, told = replayed(paths, file)
    expect(done.returncode == 1 and told["difference"]["line"] == at + 1, f"not found: {done.stdout}{done.stderr}")
    expect("by-hand" in told["difference"]["expected"], f"what was recorded: {told}")


main(scenario, ["ss", "ip", "nft"])
