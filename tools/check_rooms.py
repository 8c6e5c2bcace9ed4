#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds every include to the table of docs/architecture.md: a room includes only rooms below it."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BELOW = {
    "base": [],
    "wire": ["base"],
    "kernel": ["wire", "base"],
    "status": ["base"],
    "gateway": ["probe", "status", "kernel", "wire", "base"],
    "host": ["status", "kernel", "wire", "base"],
    "policy": ["base"],
    "probe": ["kernel", "wire", "base"],
    "paths": ["probe", "status", "kernel", "policy", "wire", "base"],
    "signalling": ["wire", "base"],
    "relay": ["kernel", "base"],
    "proxy": ["relay", "signalling", "status", "kernel", "policy", "wire", "base"],
    "balancer": ["probe", "status", "kernel", "policy", "wire", "base"],
    "lab": ["status", "kernel", "wire", "base"],
}
BELOW["cli"] = list(BELOW)
BELOW["manual"] = list(BELOW)


def main():
    wrong = 0
    for path in sorted((ROOT / "src").rglob("*.[ch]pp")):
        room = path.relative_to(ROOT / "src").parts[0]
        if "SPDX-License-Identifier: MIT" not in path.read_text().splitlines()[0]:
            print(f"{path.relative_to(ROOT)}:1: no SPDX line")
            wrong += 1
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'#include "([a-z]+)/', line)
            if match and match[1] != room and match[1] not in BELOW[room]:
                print(f"{path.relative_to(ROOT)}:{number}: {room}/ may not include {match[1]}/")
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
