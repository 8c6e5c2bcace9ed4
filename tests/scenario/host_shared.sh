#!/bin/bash
# SPDX-License-Identifier: MIT
# The host role on a wire that lets only one Ethernet address of a station pass, as Wi-Fi and guarded
# switch ports do: host - switch with a guarded port - gateway with Kea.
#
#   tests/scenario/host_shared.sh PATH/TO/anabranch
#
# Ends with "ok" (exit 0), "SKIP: why" (exit 77) or "FAILED: why" (exit 1).
set -u

. "$(dirname "$0")/helpers/host.bash"
enter "$0" "${1:-}" nft

# --- The network. The gateway's packet sockets see a frame before its own filters do: the guard is in
# the switch between.
ip link set lo up
ip netns add gw && ip netns add sw || { echo "SKIP: cannot make a network namespace"; exit 77; }
ip link add h0 type veth peer name port1 netns sw
ip -n sw link add port2 type veth peer name gwlan netns gw
ip -n sw link add bridge0 type bridge
ip -n sw link set port1 master bridge0
ip -n sw link set port2 master bridge0
for link in port1 port2 bridge0; do ip -n sw link set "$link" up; done
guard() {
  ip netns exec sw nft -f - <<NFT
table bridge guard {
  chain f {
    type filter hook forward priority 0;
    iifname "port1" ether saddr != $(cat /sys/class/net/h0/address) counter drop
  }
}
NFT
}
guard 2>/run/nft || { echo "SKIP: no bridge filter: $(head -1 /run/nft)"; exit 77; }
ip addr add 10.1.0.50/16 dev h0
ip link set h0 up
ip route add default via 10.1.0.1 dev h0
# A second interface that is down, and a third that has a wire and no address: the host uses one
# interface only and gets all paths all the same.
ip link add spare0 type veth peer name spare1
ip link add wire0 type veth peer name wire1
ip link set wire0 up
ip link set wire1 up
ip -n gw link set lo up
ip -n gw addr add 10.1.0.1/16 dev gwlan
ip -n gw addr add 10.2.0.1/16 dev gwlan
ip -n gw link set gwlan up
wait_for 15 "the switch does not come up" bash -c 'ip -n sw link show port1 | grep -q "state UP"'

start_kea 8 yes
settled
snapshot > /run/before

# --- 1. The macvlan's questions are dropped by the switch: the host finds out and goes another way.
began=$SECONDS
start_host
wait_for 25 "the host does not find the second path" holds "$up and r['interfaces'] == 'shared'"
echo "learned and up after $((SECONDS - began)) s"
[ "$(shown 'r["interfaces_reason"]')" = learned ] || failed "reason: $(shown r)"
"$anabranch" host show | head -1 | grep -q 'one Ethernet address only' || failed "show does not tell why: $("$anabranch" host show)"
[ "$(grep -c 'further paths are addresses of h0 itself' /run/host.log)" = 1 ] || failed "the log does not tell it once"
dropped=$(ip netns exec sw nft list table bridge guard | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')
[ "$dropped" -ge 2 ] || failed "the guard has dropped $dropped frames: nothing was tried"
address=$(shown 'r["paths"][1]["address"]')
table=$(ip rule | sed -n "s/.*from $address lookup \([0-9]*\).*/\1/p")
in_place() {
  ip addr show dev h0 | grep -q "inet $address/32 scope global dynamic noprefixroute" &&
    ip route show table "$table" | grep -q '^default via 10.2.0.1 dev h0' &&
    ip rule | grep -q "from $address lookup $table"
}
in_place || failed "path 2: $(ip addr show dev h0; ip rule; ip route show table "$table")"
ip -o link | grep -q 'anab' && failed "a macvlan is left: $(ip -o link)"
[ "$(ip route)" = "$(printf 'default via 10.1.0.1 dev h0 \n10.1.0.0/16 dev h0 proto kernel scope link src 10.1.0.50 ')" ] ||
  failed "the main table changed: $(ip route)"
ip route get 198.51.100.1 | grep -q 'src 10.1.0.50' || failed "plain packets leave with another address: $(ip route get 198.51.100.1)"
[ "$(shown 'r["paths"][0]["address"]')" = 10.1.0.50 ] || failed "the first path has another address: $(shown r)"
[ "$(sysctl -n net.ipv4.conf.h0.arp_announce net.ipv4.conf.h0.arp_ignore | tr '\n' ' ')" = "0 0 " ] || failed "settings of h0 were left changed"
"$anabranch" host show spare0 2>/dev/null && failed "spare0 has a role"


# Its own address set anew stands first again: plain packets leave with it.
ip addr del 10.1.0.50/16 dev h0
ip addr add 10.1.0.50/16 dev h0
ip route replace default via 10.1.0.1 dev h0
first_address() { ip -4 addr show dev h0 | grep -m1 -o 'inet [0-9.]*'; }
wait_for 15 "h0's own address is not the first of h0: $(ip addr show dev h0)" \
  bash -c "$(declare -f first_address); [ \"\$(first_address)\" = 'inet 10.1.0.50' ]"
wait_for 15 "path 2 does not come back" in_place
wait_for 15 "paths are not up" holds "$up"

# The gateway forgets whom it knows: ARP for path 2's router must work with path 2's address.
ip netns exec gw python3 - "$address" <<'PY' || failed "the gateway cannot reach $address"
import socket, sys
try: socket.create_connection((sys.argv[1], 9), timeout=3)
except ConnectionRefusedError: sys.exit(0)
except OSError as error: print(error)
sys.exit(1)
PY
ip neigh flush dev h0
python3 - "$address" <<'PY' || failed "no way from $address to its router"
import socket, sys
try: socket.create_connection(("10.2.0.1", 9), timeout=3, source_address=(sys.argv[1], 0))
except ConnectionRefusedError: sys.exit(0)
except OSError as error: print(error)
sys.exit(1)
PY

# --- 2. A connection uses both paths, and goes on over both while the host role is killed and started.
mptcp=$([ -e /proc/sys/net/mptcp/enabled ] && echo yes)
joins() {
  ip netns exec gw python3 -c '
rows = [l.split() for l in open("/proc/net/netstat") if l.startswith("MPTcpExt:")]
print(dict(zip(*rows))["MPJoinAckRx"])'
}
if [ "$mptcp" ]; then
  for where in "" "ip netns exec gw"; do $where sysctl -qw net.mptcp.enabled=1 net.mptcp.blackhole_timeout=0 2>/dev/null; done
  ip -n gw mptcp limits set subflows 4 add_addr_accepted 0
  ip netns exec gw python3 - <<'PY' &
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("10.1.0.1", 7000)); s.listen(); s.settimeout(60)
c, _ = s.accept(); c.settimeout(60)
while c.recv(65536): pass
PY
  server_pid=$!
  python3 - <<'PY' &
import signal, socket, sys, time
going = True
def end(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, end)
for attempt in range(50):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    try: s.connect(("10.1.0.1", 7000)); break
    except ConnectionRefusedError: s.close(); time.sleep(0.1)
while going: s.send(b"x" * 1000); time.sleep(0.02)
s.close()
PY
  client_pid=$!
  wait_for 10 "no second subflow joined" bash -c "$(declare -f joins); [ \"\$(joins)\" -ge 1 ]"
  subflows() { ss -tn state established "src $address" 2>/dev/null | grep -c "$address"; }
  [ "$(subflows)" = 1 ] || failed "no subflow from $address: $(ss -tn)"
fi
ip monitor address link rule route > /run/monitor 2>&1 &
monitor_pid=$!
stop "$host_pid" KILL
start_host
wait_for 10 "paths are not up after kill -9 and restart" holds "$up and r['interfaces'] == 'shared'"
# Past the renewal of the 8 s lease.
renewals() { grep -c "DHCP4_LEASE_ALLOC.*$address" /run/kea/log; }
first=$(renewals)
wait_for 15 "no renewal reached the server" bash -c "[ \$(grep -c 'DHCP4_LEASE_ALLOC.*$address' /run/kea/log) -gt $first ]"
holds "$up" || failed "a path was lost at renewal"
[ "$(shown 'r["paths"][1]["address"]')" = "$address" ] || failed "the address changed"
grep '^Deleted' /run/monitor | grep -v neigh && failed "something was deleted by restart or renewal"
stop "$monitor_pid"; monitor_pid=
if [ "$mptcp" ]; then
  [ "$(subflows)" = 1 ] || failed "the subflow of path 2 is gone: $(ss -tn)"
  stop "$client_pid"; client_pid=
  wait "$server_pid" || failed "the connection broke"
  server_pid=
fi
[ "$(grep -c 'further paths are addresses of h0 itself' /run/host.log)" = 1 ] || failed "a restart had to learn it again"

# --- 3. What others take away is back within a second, and said.
timed_repair() {  # WHAT-THE-LOG-SAYS CHECK COMMAND...
  local said=$1 check=$2
  shift 2
  python3 - "$check" "$@" <<'PY' >> /run/repairs || failed "not repaired within a second: $*"
import subprocess, sys, time
check, command = sys.argv[1], sys.argv[2:]
holds = lambda: subprocess.run(["bash", "-c", check], capture_output=True).returncode == 0
assert holds(), check
subprocess.run(command, check=True)
began = time.monotonic()
while not holds():
    if time.monotonic() - began > 3: sys.exit(1)
    time.sleep(0.02)
took = time.monotonic() - began
print(f"{' '.join(command)}: {took * 1000:.0f} ms")
sys.exit(took > 1)
PY
  wait_for 15 "no line says that this was repaired: $said" grep -q "h0: .*$said.*put back" /run/host.log
  sleep 1.1  # not in a row: a fight is another matter
}
timed_repair "address $address/32" "ip addr show dev h0 | grep -q $address" ip addr del "$address/32" dev h0
timed_repair "rule from $address" "ip rule | grep -q 'from $address'" ip rule del from "$address"
timed_repair "route default in table $table" "ip route show table $table | grep -q default" ip route del default table "$table"
if [ "$mptcp" ]; then
  timed_repair "MPTCP endpoint $address" "ip mptcp endpoint | grep -q $address" ip mptcp endpoint flush
  timed_repair "MPTCP limit" "! ip mptcp limits | grep -q 'subflows 0'" ip mptcp limits set subflows 0
fi

# Somebody who keeps deleting slows us down, and does not fill the log.
lines=$(grep -c 'put back' /run/host.log)
deletions=0
end=$((SECONDS + 4))
while [ $SECONDS -lt $end ]; do
  ip rule del from "$address" 2>/dev/null && deletions=$((deletions + 1))
done
lines=$(($(grep -c 'put back' /run/host.log) - lines))
echo "fight: $deletions repairs in 4 s, $lines lines" >> /run/repairs
[ "$deletions" -ge 3 ] && [ "$deletions" -le 25 ] || failed "repaired $deletions times in 4 s"
[ "$lines" -le 10 ] || failed "$lines lines about it"
cat /run/repairs

# --- 4. Cleanup leaves no trace, with the state file and without.
stop "$host_pid"; host_pid=
"$anabranch" host cleanup h0 >/dev/null || failed "cleanup"
if [ "$mptcp" ]; then
  ip mptcp limits | grep -q 'subflows 0' || failed "the limit set by hand did not come back: $(ip mptcp limits)"
  ip mptcp limits set subflows "$(sed -n 's/^add_addr_accepted.*subflows \([0-9]*\).*/\1/p' /run/before)"
fi
snapshot | diff /run/before - || failed "cleanup left something behind"

# --- 5. By configuration: at once, without a macvlan ever.
echo 'interfaces = "shared"' > /run/host.toml
: > /run/host.log
ip monitor link > /run/monitor 2>&1 &
monitor_pid=$!
start_host -c /run/host.toml
wait_for 15 "two paths do not come up by configuration" holds "$up"
[ "$(shown 'r["interfaces"], r["interfaces_reason"]')" = "shared configured" ] || failed "by configuration: $(shown r)"
address=$(shown 'r["paths"][1]["address"]')  # cleanup has given the first one back
grep -q anab /run/monitor && failed "a macvlan was made: $(cat /run/monitor)"
stop "$monitor_pid"; monitor_pid=

# --- 6. Without the guard and told so, paths move to virtual interfaces and keep their addresses.
ip netns exec sw nft delete table bridge guard
stop "$host_pid"
start_host --interfaces virtual
wait_for 10 "paths do not move to virtual interfaces" holds "$up and r['paths'][1]['interface'].startswith('anab')"
[ "$(shown 'r["paths"][1]["address"]')" = "$address" ] || failed "moving changed the address"
wait_for 15 "h0 keeps the address of a path that moved" bash -c "! ip addr show dev h0 | grep -q $address"
stop "$host_pid" KILL; host_pid=
rm /run/host/host-h0.state
"$anabranch" host cleanup >/dev/null || failed "cleanup without the state file"
ip mptcp endpoint del id 1 2>/dev/null  # the first path's: only the file knew that it was ours
snapshot | diff /run/before - || failed "cleanup without the state file left something behind"
grep -q 'Sanitizer\|runtime error' /run/host.log && failed "a sanitizer complained"
echo ok
