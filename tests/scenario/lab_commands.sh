#!/bin/bash
# SPDX-License-Identifier: MIT
# lab_commands.sh EXECUTABLE: what a user types, and what is said when it is wrong.
set -u
executable=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
why() { echo "FAILED: $*"; exit 1; }

"$executable" lab list | grep -q '^single-homed ' || why "lab list does not name single-homed"

said=$("$executable" lab run nonsense 2>&1)
[ $? -eq 2 ] || why "an unknown scenario does not end with 2"
grep -q 'hint: one of single-homed' <<<"$said" || why "no hint for an unknown scenario: $said"

said=$("$executable" lab run single-homed --json /nonexistent/x.json 2>&1)
[ $? -eq 2 ] || why "a file that cannot be written does not end with 2: $said"

said=$(echo 'ip -o -4 address show dev up1' | timeout 60 "$executable" lab shell single-homed gateway 2>&1) ||
  why "lab shell failed: $said"
grep -q '172.16.1.1/24' <<<"$said" || why "lab shell is not in the gateway: $said"

said=$(echo 'anabranch gateway show' | timeout 60 "$executable" lab shell single-homed gateway 2>&1) ||
  why "the shell does not know the executable: $said"
grep -q 'isp1' <<<"$said" || why "show in the lab's shell tells: $said"

said=$(echo true | timeout 60 "$executable" lab shell single-homed nowhere 2>&1)
[ $? -eq 2 ] || why "an unknown node does not end with 2: $said"
echo ok
