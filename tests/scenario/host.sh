#!/bin/bash
# SPDX-License-Identifier: MIT
# The host role against a real DHCP server: one veth, Kea on its far end, a static address on the near
# one. Runs as root or as an ordinary user, in namespaces of its own.
#
#   tests/scenario/host.sh PATH/TO/anabranch
#
# Ends with "ok" (exit 0), "SKIP: why" (exit 77) or "FAILED: why" (exit 1).
set -u

. "$(dirname "$0")/helpers/host.bash"
enter "$0" "${1:-}"

# --- The network: h0 (here) - gwlan (namespace gw), both subnets of the gateway on one wire.
ip link set lo up
ip netns add gw || { echo "SKIP: cannot make a network namespace"; exit 77; }
ip link add h0 type veth peer name gwlan netns gw
ip addr add 10.1.0.50/16 dev h0
ip link set h0 up
ip route add default via 10.1.0.1 dev h0
ip -n gw link set lo up
ip -n gw addr add 10.1.0.1/16 dev gwlan
ip -n gw addr add 10.2.0.1/16 dev gwlan
ip -n gw link set gwlan up
wait_for 10 "the veth does not come up" bash -c 'ip -n gw link show gwlan | grep -q "state UP"'

# --- 1. A network without EXT_ROUTE: the host says so and touches nothing.
start_kea 600 no
settled
snapshot > /run/before
start_host
wait_for 10 "no verdict about a server without EXT_ROUTE" holds 'r["support"] == "no"'
grep -q 'no EXT_ROUTE' /run/host.log || failed "no line says that the network has no paths"
snapshot | diff /run/before - || failed "something was changed on a network without EXT_ROUTE"
stop "$host_pid"; host_pid=
stop "$kea_pid"

# --- 2. Two paths.
start_kea 8 yes
start_host
wait_for 15 "two paths do not come up" holds "$up"
grep -q 'host is ready: 2 paths' /run/host.log || failed "the host does not say that it is ready"
macvlan=$(shown 'r["paths"][1]["interface"]')
address=$(shown 'r["paths"][1]["address"]')
[ "$macvlan" = "anab$(cat /sys/class/net/h0/ifindex)p2" ] || failed "name of the macvlan: $macvlan"
case $address in 10.2.*) ;; *) failed "path 2 has the address $address" ;; esac
table=$(ip rule | sed -n "s/.*from $address lookup \([0-9]*\).*/\1/p")
[ -n "$table" ] || failed "no rule for $address: $(ip rule)"
ip route show table "$table" | grep -q "^default via 10.2.0.1 dev $macvlan" || failed "no default route in table $table"
ip route show table "$table" | grep -q "^10.2.0.0/16 dev $macvlan" || failed "no on-link route in table $table"
ip route show table main | grep -q "$macvlan" && failed "the main table knows the macvlan"
[ "$(ip route show default)" = "default via 10.1.0.1 dev h0 " ] || failed "the main default route changed"
if [ -e /proc/sys/net/mptcp/enabled ]; then
  ip mptcp endpoint | grep -q "^$address id 2 subflow dev $macvlan" || failed "endpoint of path 2: $(ip mptcp endpoint)"
  ip mptcp endpoint | grep -q "^10.1.0.50 id 1 subflow dev h0" || failed "endpoint of path 1: $(ip mptcp endpoint)"
  [ "$(ip mptcp limits | sed 's/.*subflows \([0-9]*\).*/\1/')" -ge 2 ] || failed "limits: $(ip mptcp limits)"
fi
# A closed port that refuses shows that packets find both ways.
ip netns exec gw python3 - "$address" <<'PY' || failed "the gateway cannot reach $address"
import socket, sys
try: socket.create_connection((sys.argv[1], 9), timeout=3)
except ConnectionRefusedError: sys.exit(0)
except OSError as error: print(error)
sys.exit(1)
PY

arp_answers() {  # ADDRESS: Ethernet addresses that answer for it on the gateway's wire
  ip netns exec gw python3 - "$1" <<'PY'
import select, socket, sys, time
wanted = socket.inet_aton(sys.argv[1])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)); s.bind(("gwlan", 0))
mac = s.getsockname()[4]
s.send(b"\xff" * 6 + mac + bytes.fromhex("0806000108000604000" + "1") + mac + socket.inet_aton("10.2.0.1") + bytes(6) + wanted)
end, seen = time.monotonic() + 0.5, set()
while (left := end - time.monotonic()) > 0:
    if select.select([s], [], [], left)[0]:
        frame = s.recv(2048)
        if frame[20:22] == b"\0\2" and frame[28:32] == wanted: seen.add(frame[22:28].hex(":"))
print(" ".join(sorted(seen)))
PY
}
[ "$(arp_answers "$address")" = "$(cat "/sys/class/net/$macvlan/address")" ] || failed "ARP for $address: $(arp_answers "$address")"
[ "$(arp_answers 10.1.0.50)" = "$(cat /sys/class/net/h0/address)" ] || failed "ARP for the first path: $(arp_answers 10.1.0.50)"

# --- 3. An MPTCP connection uses both paths: the gateway sees a second subflow.
if [ -e /proc/sys/net/mptcp/enabled ]; then
  for where in "" "ip netns exec gw"; do $where sysctl -qw net.mptcp.enabled=1 net.mptcp.blackhole_timeout=0 2>/dev/null; done
  ip -n gw mptcp limits set subflows 4 add_addr_accepted 0
  ip netns exec gw python3 - <<'PY' &
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("10.1.0.1", 7000)); s.listen(); s.settimeout(15)
c, _ = s.accept(); c.settimeout(15)
while c.recv(65536): pass
PY
  server_pid=$!
  python3 - <<'PY' || failed "no MPTCP connection to the gateway"
import socket, time
for attempt in range(50):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    try: s.connect(("10.1.0.1", 7000)); break
    except ConnectionRefusedError: s.close(); time.sleep(0.1)
for _ in range(10): s.send(b"x" * 1000); time.sleep(0.05)
s.close()
PY
  wait "$server_pid"
  server_pid=
  joins() {
    ip netns exec gw python3 -c '
rows = [l.split() for l in open("/proc/net/netstat") if l.startswith("MPTcpExt:")]
print(dict(zip(*rows))["MPJoinAckRx"])'
  }
  [ "$(joins)" -ge 1 ] || failed "no second subflow joined"
fi

# --- 4. Renewal keeps the address: an 8 s lease, renewed after 5 s, lives on.
ip monitor address link rule route > /run/monitor 2>&1 &
monitor_pid=$!
renewals() { grep -c "DHCPREQUEST\|DHCP4_LEASE_ALLOC.*$address" /run/kea/log; }
first=$(renewals)
sleep 9
[ "$(renewals)" -gt "$first" ] || failed "no renewal reached the server"
holds "$up" || failed "a path was lost at renewal"
[ "$(shown 'r["paths"][1]["address"]')" = "$address" ] || failed "renewal changed the address"
grep -q "^Deleted" /run/monitor && failed "something was deleted at renewal: $(cat /run/monitor)"

# --- 5. kill -9 and restart: same macvlan, same address, nothing deleted in between.
number=$(cat "/sys/class/net/$macvlan/ifindex")
stop "$host_pid" KILL
start_host
wait_for 10 "paths are not up after kill -9 and restart" holds "$up"
sleep 1
[ "$(shown 'r["paths"][1]["address"]')" = "$address" ] || failed "restart changed the address"
[ "$(cat "/sys/class/net/$macvlan/ifindex")" = "$number" ] || failed "restart made another macvlan"
grep -q "^Deleted" /run/monitor && failed "restart deleted something: $(grep ^Deleted /run/monitor)"

# --- 6. What others break is repaired; a wire that is cut and mended is no loss.
ip rule del from "$address"
ip addr del "$address/16" dev "$macvlan"
wait_for 10 "a deleted rule and address do not come back" \
  bash -c "ip rule | grep -q 'from $address' && ip route show table $table | grep -q default"
began=$(date +%s%N)
ip link del "$macvlan"
wait_for 10 "a deleted macvlan does not come back" \
  bash -c "ip addr show dev $macvlan | grep -q $address && ip route show table $table | grep -q default"
took=$((($(date +%s%N) - began) / 1000000))
echo "a deleted macvlan and its routes were back after $took ms"
[ $took -le 1000 ] || failed "a deleted macvlan was back after $took ms only"
wait_for 10 "no line tells of the macvlan" grep -q "h0: interface $macvlan.* put back" /run/host.log
sysctl -qw net.ipv4.conf.h0.arp_ignore=0
wait_for 10 "a changed setting is not put back" bash -c '[ "$(sysctl -n net.ipv4.conf.h0.arp_ignore)" = 1 ]'
wait_for 10 "no line tells of the setting" grep -q 'h0: setting arp_ignore.* put back' /run/host.log
ip -n gw link set gwlan down
wait_for 10 "the cut wire is not seen" holds '[p["state"] for p in r["paths"]] == ["down", "down"]'
ip -n gw link set gwlan up
wait_for 10 "paths do not return with the wire" holds "$up"
[ "$(shown 'r["paths"][1]["address"]')" = "$address" ] || failed "the wire's return changed the address"
ip link set h0 down
sleep 1
ip link set h0 up
ip route add default via 10.1.0.1 dev h0
wait_for 10 "paths do not return with the interface" holds "$up"
wait_for 10 "the table does not return with the interface" bash -c "ip route show table $table | grep -q default"
settled

# --- 7. The network changes to one without EXT_ROUTE: everything of ours goes. And back.
stop "$kea_pid"
start_kea 600 no
ip -n gw link set gwlan down
wait_for 10 "the cut wire is not seen" holds '[p["state"] for p in r["paths"]] == ["down", "down"]'
ip -n gw link set gwlan up
wait_for 15 "no verdict about the other network" holds 'r["support"] == "no"'
settled
snapshot | diff /run/before - || failed "paths of another network were left behind"
stop "$kea_pid"
start_kea 8 yes
ip -n gw link set gwlan down
sleep 1
ip -n gw link set gwlan up
wait_for 15 "paths do not return with the network" holds "$up"
macvlan=$(shown 'r["paths"][1]["interface"]')
address=$(shown 'r["paths"][1]["address"]')

# --- 8. SIGTERM leaves the paths, a lost server ends them, cleanup leaves no trace.
stop "$host_pid"; host_pid=
ip addr show dev "$macvlan" | grep -q "$address" || failed "the path went away with the process"
"$anabranch" host cleanup h0 || failed "cleanup"
snapshot | diff /run/before - || failed "cleanup left something behind"

# --- 9. The server dies: when the lease ends the path goes, endpoint first.
start_host
wait_for 15 "two paths do not come up again" holds "$up"
stop "$kea_pid"; kea_pid=
wait_for 20 "a path outlives its lease" holds '[p["state"] for p in r["paths"]] == ["up", "acquiring"]'
wait_for 10 "a rule outlives its lease" bash -c "! ip rule | grep -q 'from 10.2.'"
ip mptcp endpoint 2>/dev/null | grep -q "10\.2\." && failed "an endpoint outlives its lease"
stop "$host_pid"; host_pid=
"$anabranch" host cleanup || failed "cleanup of all interfaces"
snapshot | diff /run/before - || failed "cleanup left something behind after a lost lease"
grep -q 'Sanitizer\|runtime error' /run/host.log && failed "a sanitizer complained"
echo ok
