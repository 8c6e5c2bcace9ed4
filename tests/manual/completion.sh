#!/bin/bash
# SPDX-License-Identifier: MIT
# completion.sh MANUAL: what bash offers after the words typed so far.
set -eu
# shellcheck source=/dev/null
source "$1/completions/anabranch"

compopt() { :; } # bash has it only while it completes

# expect "WORDS" CANDIDATE...: each candidate is among the completions of the last word; "not:X": X is not.
expect() {
  local typed=$1 wanted found
  shift
  read -ra COMP_WORDS <<<"$typed"
  [[ $typed != *' ' ]] || COMP_WORDS+=('')
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  _anabranch
  for wanted in "$@"; do
    found=" ${COMPREPLY[*]-} "
    if [[ $wanted == not:* ]]; then
      [[ $found != *" ${wanted#not:} "* ]] || { echo "FAILED: '$typed' offers ${wanted#not:}"; exit 1; }
    else
      [[ $found == *" $wanted "* ]] || { echo "FAILED: '$typed' offers$found and not $wanted"; exit 1; }
    fi
  done
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
touch "$folder/gateway.toml"

expect 'anabranch ' gateway host lab run doctor not:--help
expect 'anabranch ga' gateway not:host
expect 'anabranch --' --version --log-level --help
expect 'anabranch --log-level ' debug info warning error not:gateway
expect 'anabranch --log-level debug ' gateway
expect 'anabranch gateway ' run check show reload cleanup kea-config not:gateway
expect 'anabranch gateway show -' --json -j --log-level not:--config
expect "anabranch gateway check -c $folder/" "$folder/gateway.toml"
expect "anabranch gateway check --config = $folder/g" "$folder/gateway.toml"
expect 'anabranch gateway kea-config --listen ' lo
expect 'anabranch host run ' lo not:run
expect 'anabranch host run lo -' --config
expect 'anabranch host --log-level ' debug
expect 'anabranch lab ' list run shell not:wire not:workload
expect 'anabranch lab run ' single-homed single-homed-4
expect 'anabranch lab run --quick single-homed-' single-homed-16 not:single-homed
expect 'anabranch lab shell single-homed ' host gateway server
expect 'anabranch lab shell single-homed-4 isp' isp4
expect 'anabranch run -- bas' bash
expect "anabranch run -- cat $folder/" "$folder/gateway.toml"
expect 'anabranch doctor -' --json
complete -p anabranch | grep -q -- '-F _anabranch' || { echo "FAILED: it is not registered"; exit 1; }
echo ok
