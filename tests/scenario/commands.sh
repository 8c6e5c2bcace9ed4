#!/bin/sh
# SPDX-License-Identifier: MIT
# commands.sh PATH/TO/anabranch: help and version of everything, and the exit codes of what is wrong
# before anything is done. Touches no network.
set -u
anabranch=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

# expect CODE TEXT ARGUMENTS...: exit code, and a text among what is printed.
expect() {
  code=$1 text=$2
  shift 2
  printed=$("$anabranch" "$@" 2>&1)
  ended=$?
  [ "$ended" = "$code" ] || fail "anabranch $*: exit $ended and not $code: $printed"
  case $printed in
    *"$text"*) ;;
    *) fail "anabranch $*: no '$text' in: $printed" ;;
  esac
}

expect 0 "anabranch " --version
expect 0 "Subcommands:" --help
for words in "gateway run" "gateway check" "gateway show" "gateway reload" "gateway cleanup" \
  "gateway kea-config" "host run" "host check" "host show" "host cleanup" "lab list" "lab run" \
  "lab shell" "balancer run" "balancer check" "balancer show" "balancer drain" "balancer explain" "balancer reload" \
  "balancer cleanup" "run" "doctor"; do
  # shellcheck disable=SC2086
  expect 0 "Print this help" $words --help
done
expect 2 "subcommand" gateway
expect 2 "nonsense" gateway show nonsense
expect 2 "IFACE is required" host run
expect 2 "--log-level" --log-level loud doctor

cat >"$folder/gateway.toml" <<'END'
[lan]
interface = "lan0"
[[uplink]]
name = "isp1"
interface = "up1"
next_hop = "172.16.1.2"
index = 1
source_prefix = "10.1.0.0/16"
END
echo "max_paths = 4" >"$folder/host.toml"
echo "max_path = 4" >"$folder/wrong.toml"
expect 0 "gateway.toml: ok, 1 uplink, EXT_ROUTE is option 224" gateway check -c "$folder/gateway.toml"
expect 0 "host.toml: ok, at most 4 paths, EXT_ROUTE is option 224" host check -c "$folder/host.toml"
for role in gateway host; do
  expect 2 "absent.toml" "$role" check -c "$folder/absent.toml"
  expect 2 "wrong.toml:1:1: unknown key 'max_path'" "$role" check -c "$folder/wrong.toml"
done
expect 2 "did you mean 'max_paths'?" host check -c "$folder/wrong.toml"
expect 2 "absent.toml" gateway run -c "$folder/absent.toml"
expect 2 "absent.toml" gateway cleanup -c "$folder/absent.toml"
expect 2 "absent.toml" gateway kea-config -c "$folder/absent.toml"
expect 2 "absent.toml" host run -c "$folder/absent.toml" lo
echo ok
