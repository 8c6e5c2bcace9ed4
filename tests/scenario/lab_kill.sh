#!/bin/bash
# SPDX-License-Identifier: MIT
# lab_kill.sh EXECUTABLE: a lab killed with SIGKILL in the middle of a run leaves no process, no network
# namespace, no interface and no name behind.
set -u
executable=$1
why() { echo "FAILED: $*"; exit 1; }

descendants() {
  local child
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    echo "$child"
    descendants "$child"
  done
}
# A process number alone may be given away again: the start time belongs to it.
identity() { echo "$1 $(awk '{print $22}' "/proc/$1/stat" 2>/dev/null)"; }
namespaces() { readlink /proc/[0-9]*/ns/net 2>/dev/null | sort -u; }

before=$(namespaces)
links_before=$(ip -o link | wc -l)
names_before=$(ls /run/netns 2>/dev/null)
"$executable" lab run single-homed --quick >/dev/null 2>&1 &
lab=$!
trap 'kill -9 $lab 2>/dev/null' EXIT

deadline=$((SECONDS + 30))
# The transfer processes are the last to start: then everything is there.
until family=$(descendants $lab) && [ "$(echo "$family" | wc -w)" -ge 9 ]; do
  kill -0 $lab 2>/dev/null || why "the lab ended before it was killed"
  [ $SECONDS -lt $deadline ] || why "the lab did not start its processes: $family"
  sleep 0.1
done
identities=$(for pid in $family; do identity "$pid"; done)
# Of the lab alone: other scenarios come and go beside it.
inside=$(for pid in $family; do readlink "/proc/$pid/ns/net"; done | sort -u)
[ "$(comm -13 <(echo "$before") <(echo "$inside") | wc -l)" -ge 5 ] || why "the lab has no namespaces of its own"

kill -9 $lab
wait $lab 2>/dev/null
deadline=$((SECONDS + 10))
while :; do
  left=$(while read -r pid start; do
    [ "$(identity "$pid")" = "$pid $start" ] && [ -n "$start" ] && echo "$pid"
  done <<<"$identities")
  gone=$(comm -12 <(comm -13 <(echo "$before") <(echo "$inside")) <(namespaces))
  [ -z "$left$gone" ] && break
  [ $SECONDS -lt $deadline ] || why "left behind: processes [$left], namespaces [$gone]"
  sleep 0.1
done
[ "$(ip -o link | wc -l)" = "$links_before" ] || why "interfaces were left behind"
[ "$(ls /run/netns 2>/dev/null)" = "$names_before" ] || why "names under /run/netns were left behind"
echo "ok: $(echo "$family" | wc -w) processes ended with the lab"
