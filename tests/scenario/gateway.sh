#!/bin/bash
# SPDX-License-Identifier: MIT
# A gateway between one LAN and two providers, in namespaces of its own: what its users see.
#
#   host --- lan0 [gateway] up1 --- isp1 (198.18.1.1)
#                           up2 --- isp2 (198.18.2.1)      198.18.0.1 is behind both
#
# Usage: gateway.sh ANABRANCH, as root or as an ordinary user. Ends with "ok" or "FAILED: why".
set -u

export PATH=$PATH:/usr/sbin:/sbin
ANABRANCH=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
if [ "${ANABRANCH_SCENARIO:-}" != inside ]; then
  export ANABRANCH_SCENARIO=inside
  [ "$(id -u)" = 0 ] && exec unshare -nm -- "$0" "$ANABRANCH"
  exec unshare -Urnm -- "$0" "$ANABRANCH"
fi

folder=$(mktemp -d -t anabranch-gateway.XXXXXX)
config=$folder/gateway.toml
log=$folder/log
export RUNTIME_DIRECTORY=$folder/run STATE_DIRECTORY=$folder/state
gateway=
holders=()

finish() {
  for process in $gateway "${holders[@]}"; do kill -9 "$process" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$folder"
}
trap finish EXIT

fail() {
  echo "--- log of the gateway"
  cat "$log"
  echo "FAILED: $1"
  exit 1
}

# until_true MILLISECONDS WHAT COMMAND...: waits for the command to succeed.
until_true() {
  local deadline=$(($(date +%s%N) / 1000000 + $1)) what=$2
  shift 2
  while ! "$@" >/dev/null 2>&1; do
    [ $(($(date +%s%N) / 1000000)) -lt $deadline ] || fail "not in time: $what"
    sleep 0.02
  done
}

# --- the network

in_ns() { local pid=$1; shift; nsenter -t "$pid" -n "$@"; }

ip link set lo up
new_namespace() {
  unshare -n sleep 600 &
  held=$!
  holders+=("$held")
  local own
  own=$(readlink /proc/self/ns/net)
  until_true 5000 "a namespace of its own" sh -c "[ \"\$(readlink /proc/$held/ns/net)\" != '$own' ]"
  in_ns "$held" ip link set lo up
}
new_namespace; host=$held
new_namespace; isp1=$held
new_namespace; isp2=$held

ip link add lan0 type veth peer name h0 netns "$host"
ip link set lan0 up
in_ns "$host" ip link set h0 up
for k in 1 2; do
  isp=isp$k
  ip link add up$k type veth peer name w$k netns "${!isp}"
  ip link set up$k up
  ip addr add 172.16.$k.1/24 dev up$k
  in_ns "${!isp}" ip link set w$k up
  in_ns "${!isp}" ip addr add 172.16.$k.2/24 dev w$k
  in_ns "${!isp}" ip addr add 198.18.$k.1/32 dev lo
  in_ns "${!isp}" ip addr add 198.18.0.1/32 dev lo
  in_ns "$host" ip addr add 10.$k.16.50/16 dev h0
  in_ns "$host" ip route add default via 10.$k.0.1 dev h0 table 10$k
  in_ns "$host" ip rule add from 10.$k.16.50 lookup 10$k
done
in_ns "$host" ip addr add 192.0.2.9/32 dev h0
in_ns "$host" ip rule add from 192.0.2.9 lookup 101

provider_knows_us() { # with nat = "none" the providers route our prefixes to us
  for k in 1 2; do isp=isp$k; in_ns "${!isp}" ip route "$1" 10.$k.0.0/16 via 172.16.$k.1; done
}
provider_knows_us add

ping() { in_ns "$1" python3 "$here/helpers/ping.py" "${@:2}"; }
reaches() { ping "$host" "$2" "$1"; } # SOURCE TARGET
gets_unreachable() {
  ping "$host" "$2" "$1"
  [ $? = 2 ]
}

write_config() { # nat of uplink 1, nat of uplink 2 and further lines of uplink 2
  cat >"$config" <<END
dhcp = "off"

[lan]
interface = "lan0"

[[uplink]]
name = "isp1"
interface = "up1"
next_hop = "172.16.1.2"
index = 1
source_prefix = "10.1.0.0/16"
nat = "$1"

[[uplink]]
name = "isp2"
interface = "up2"
next_hop = "172.16.2.2"
index = 2
source_prefix = "10.2.0.0/16"
nat = "$2"
${3:-}
END
}

everything() {
  ip rule
  ip -4 route show table all
  ip -o -4 addr | sed 's/ *valid_lft.*//'
  for interface in lan0 up1 up2; do
    for name in forwarding rp_filter ignore_routes_with_linkdown; do
      echo "$interface $name $(cat /proc/sys/net/ipv4/conf/$interface/$name)"
    done
  done
  nft list ruleset
}

start() {
  : >"$log"
  "$ANABRANCH" gateway run -c "$config" 2>"$log" &
  gateway=$!
  until_true 10000 "the gateway is ready" grep -q "gateway is ready" "$log"
}
state_of() { "$ANABRANCH" gateway show | awk -v name="$1" '$2 == name { print $4 }'; }
state_is() { [ "$(state_of "$1")" = "$2" ]; }

# --- what its users see

before=$(everything)
write_config none none
"$ANABRANCH" gateway check -c "$config" >/dev/null || fail "check refuses a right file"
start

reaches 10.1.16.50 198.18.1.1 || fail "a host of prefix 1 does not reach provider 1"
reaches 10.2.16.50 198.18.2.1 || fail "a host of prefix 2 does not reach provider 2"
reaches 10.1.16.50 198.18.2.1 && fail "a host of prefix 1 leaves through uplink 2"
reaches 10.2.16.50 198.18.1.1 && fail "a host of prefix 2 leaves through uplink 1"
reaches 10.1.16.50 10.2.0.1 || fail "a host of prefix 1 does not reach the gateway's other address"
reaches 10.2.16.50 10.1.0.1 || fail "a host of prefix 2 does not reach the DHCP server's address"

in_ns "$isp1" nft "table ip seen { chain incoming { type filter hook prerouting priority 0; ip saddr 192.0.2.9 counter; }; }"
reaches 192.0.2.9 198.18.1.1 && fail "an unknown source gets an answer"
in_ns "$isp1" nft list table ip seen | grep -q "counter packets 0 " || fail "an unknown source was forwarded"

for k in 1 2; do
  in_ns "$host" timeout 2 bash -c "exec 3<>/dev/tcp/198.18.$k.1/9" 2>/dev/null
done
[ "$(cat /proc/sys/net/netfilter/nf_conntrack_count)" = 0 ] || fail "with nat = none there are tracked connections"
nft list tables | grep -q anabranch && fail "with nat = none there is an nft table"

# An uplink loses its carrier, and gets it back.
in_ns "$isp2" ip link set w2 down
gets_unreachable 10.2.16.50 198.18.2.1 || fail "no ICMP unreachable at once after the loss of the carrier"
until_true 8000 "show says that isp2 is down" state_is isp2 down
reaches 10.1.16.50 198.18.1.1 || fail "the other path suffers"
in_ns "$isp2" ip link set w2 up
in_ns "$isp2" ip route replace 10.2.0.0/16 via 172.16.2.1
until_true 8000 "path 2 works again" reaches 10.2.16.50 198.18.2.1
until_true 8000 "show says that isp2 is up" state_is isp2 up
ip link set up2 down
until_true 8000 "no path over an uplink that is set down" gets_unreachable 10.2.16.50 198.18.2.1
ip link set up2 up
until_true 8000 "path 2 works after set down and up" reaches 10.2.16.50 198.18.2.1

# Someone else deletes what is ours.
ip rule del priority 1002
until_true 8000 "the deleted rule is back" sh -c "ip rule | grep -q ^1002:"
ip route del default table 17301 metric 100
until_true 8000 "the deleted route is back" sh -c "ip route show table 17301 | grep -q 'metric 100'"
ip addr del 10.2.0.1/16 dev lan0
until_true 8000 "the deleted address is back" sh -c "ip addr show lan0 | grep -q 10.2.0.1/16"

# A wrong file is refused, the old state stays.
during=$(everything)
cp "$config" "$folder/right"
sed -i 's/^index = 2/index = 1/' "$config"
"$ANABRANCH" gateway reload 2>"$folder/refusal"
[ $? = 2 ] || fail "reload of a wrong file does not end with 2"
"$ANABRANCH" gateway check -c "$config" 2>/dev/null
[ $? = 2 ] || fail "check of a wrong file does not end with 2"
grep -q "gateway.toml:18:9: index 1 is that of the uplink 'isp1' already" "$folder/refusal" ||
  fail "the refusal does not name the place: $(cat "$folder/refusal")"
[ "$(everything)" = "$during" ] || fail "a refused file changed something"
reaches 10.2.16.50 198.18.2.1 || fail "a refused file broke path 2"
cp "$folder/right" "$config"

# A killed gateway is succeeded by another without a gap.
ip monitor route rule address >"$folder/monitor" &
monitor=$!
holders+=("$monitor")
monitor_sees_removals() {
  ip rule add priority 7777 from 192.0.2.77 lookup main
  ip rule del priority 7777
  grep -q "Deleted.*7777" "$folder/monitor"
}
until_true 8000 "ip monitor watches" monitor_sees_removals
kill -9 "$gateway"
wait "$gateway" 2>/dev/null
reaches 10.2.16.50 198.18.2.1 || fail "forwarding ends with the process"
start
kill "$monitor"
grep Deleted "$folder/monitor" | grep -qv 7777 && fail "the restart removed: $(grep Deleted "$folder/monitor")"
[ "$(everything)" = "$during" ] || fail "the restart changed something"

# Translation, and failing open to the other uplink.
provider_knows_us del
write_config masquerade masquerade 'fail_open = "isp1"'
"$ANABRANCH" gateway reload || fail "reload"
reaches 10.1.16.50 198.18.1.1 || fail "no masquerade on uplink 1"
reaches 10.2.16.50 198.18.2.1 || fail "no masquerade on uplink 2"
in_ns "$isp2" ip link set w2 down
until_true 8000 "prefix 2 fails open to uplink 1" reaches 10.2.16.50 198.18.1.1
until_true 8000 "show says fail-open" state_is isp2 fail-open
grep -q "isp2 .* down: .*; [1-9][0-9]* tracked connection" "$log" || fail "the connections of path 2 are still tracked"
in_ns "$isp2" ip link set w2 up
until_true 8000 "prefix 2 is back on its own uplink" reaches 10.2.16.50 198.18.2.1
nft flush ruleset
until_true 8000 "a flushed translation is back" sh -c "nft list tables | grep -q anabranch_gateway"
reaches 10.2.16.50 198.18.2.1 || fail "no masquerade after the flush"

write_config masquerade prefix 'external_prefix = "100.65.0.0/16"'
"$ANABRANCH" gateway reload || fail "reload"
in_ns "$isp2" ip route replace 100.65.0.0/16 via 172.16.2.1
reaches 10.2.16.50 198.18.2.1 || fail "no prefix translation outward"
ping "$isp2" 100.65.16.50 || fail "no prefix translation inward"

# The end: the state stays until it is cleaned up.
"$ANABRANCH" gateway cleanup -c "$config" 2>/dev/null && fail "cleanup under a running gateway"
kill "$gateway"
wait "$gateway" || fail "exit code of a stopped gateway"
gateway=
reaches 10.2.16.50 198.18.2.1 || fail "a stopped gateway no longer forwards"
"$ANABRANCH" gateway cleanup -c "$config" || fail "cleanup"
after=$(everything)
[ "$before" = "$after" ] || fail "cleanup leaves a difference: $(diff <(echo "$before") <(echo "$after"))"
reaches 10.2.16.50 198.18.2.1 && fail "it forwards after cleanup"
echo ok
