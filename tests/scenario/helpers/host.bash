# SPDX-License-Identifier: MIT
# Sourced by scenarios about a host and Kea at the far end of its cable: they run in namespaces of their own, the host
# on h0, Kea on "gwlan" of the namespace "gw". What is in a variable ..._pid ends with the script.

enter() {  # SCRIPT ANABRANCH TOOL...: begins the script again inside, unless it is; skips it without a tool
  local script=$1 tool
  anabranch=$2
  shift 2
  [ -x "$anabranch" ] || { echo "usage: $script PATH/TO/anabranch"; exit 2; }
  PATH=$PATH:/usr/sbin:/sbin
  for tool in kea-dhcp4 ip python3 unshare "$@"; do
    command -v "$tool" >/dev/null || { echo "SKIP: no $tool"; exit 77; }
  done
  if [ "${ANABRANCH_SCENARIO:-}" != inside ]; then
    export ANABRANCH_SCENARIO=inside
    exec unshare $([ "$(id -u)" = 0 ] || echo -Ur) -nm bash "$script" "$(realpath "$anabranch")"
  fi
  mount --make-rprivate / 2>/dev/null
  mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run || { echo "SKIP: cannot mount"; exit 77; }
  mkdir -p /run/netns /run/kea /run/host /run/state
  export KEA_PIDFILE_DIR=/run/kea KEA_LOCKFILE_DIR=none KEA_LOGGER_DESTINATION=/run/kea/log
  export RUNTIME_DIRECTORY=/run/host STATE_DIRECTORY=/run/state
}

kea_pid= host_pid= monitor_pid= client_pid= server_pid=
stop() {  # PID [SIGNAL]
  [ -n "$1" ] && kill "-${2:-TERM}" "$1" 2>/dev/null && wait "$1" 2>/dev/null
}
finish() {
  local pid
  for pid in "$host_pid" "$monitor_pid" "$client_pid" "$server_pid" "$kea_pid"; do stop "$pid"; done
}
trap finish EXIT

failed() {
  echo "--- host's log"; tail -40 /run/host.log 2>/dev/null
  echo "--- the DHCP server's log"; tail -10 /run/kea/log 2>/dev/null
  local why="$*"
  echo "FAILED: ${why//$'\n'/; }"
  exit 1
}
wait_for() {  # SECONDS WHAT COMMAND...
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || failed "$what"
    sleep 0.1
  done
}

kea_config() {  # LEASE-SECONDS yes|no (EXT_ROUTE): two paths, 10.1.0.0/16 and 10.2.0.0/16
  python3 - "$@" <<'PY'
import json, sys
lease, ext_route = int(sys.argv[1]), sys.argv[2] == "yes"
def subnet(index):
    data = [{"name": "routers", "data": f"10.{index}.0.1"}]
    if ext_route:
        data.append({"name": "ext-route", "data": f"{index:02x}02", "csv-format": False, "always-send": True})
    return {"id": index, "subnet": f"10.{index}.0.0/16", "client-class": f"path{index}",
            "pools": [{"pool": f"10.{index}.16.0-10.{index}.255.250"}], "option-data": data}
index = "substring(option[224].hex,0,1)"
print(json.dumps({"Dhcp4": {
    "interfaces-config": {"interfaces": ["gwlan/10.1.0.1"], "dhcp-socket-type": "raw"},
    "lease-database": {"type": "memfile", "persist": False},
    "valid-lifetime": lease, "renew-timer": lease * 5 // 8, "rebind-timer": lease * 7 // 8,
    "option-def": [{"name": "ext-route", "code": 224, "type": "binary", "space": "dhcp4"}],
    "client-classes": [
        {"name": "path2", "test": f"{index} == 0x02"},
        {"name": "path1", "test": f"not option[224].exists or {index} == 0x00 or {index} == 0x01"}],
    "shared-networks": [{"name": "lan", "interface": "gwlan", "subnet4": [subnet(1), subnet(2)]}],
    "loggers": [{"name": "kea-dhcp4", "severity": "INFO",
                 "output_options": [{"output": "/run/kea/log", "flush": True}]}]}}))
PY
}
start_kea() {  # as kea_config
  kea_config "$@" > /run/kea/kea.conf
  : > /run/kea/log
  ip netns exec gw kea-dhcp4 -c /run/kea/kea.conf >/run/kea/out 2>&1 &
  kea_pid=$!
  wait_for 20 "Kea does not start: $(tail -3 /run/kea/out 2>/dev/null)" grep -q DHCP4_STARTED /run/kea/log
}

start_host() {  # ARGUMENTS...
  "$anabranch" --log-level debug host run h0 "$@" >>/run/host.log 2>&1 &
  host_pid=$!
}
snapshot() {  # all that cleanup must put back
  ip -d link | grep -v 'link-netns'; ip addr | sed 's/valid_lft.*//'; ip rule; ip route show table all
  ip mptcp endpoint; ip mptcp limits
  sysctl net.ipv4.conf net.ipv6.conf 2>/dev/null | grep -v stable_secret
}
shown() {  # PYTHON-EXPRESSION over r
  "$anabranch" host show h0 -j | python3 -c "import json,sys; r=json.load(sys.stdin); print($1)"
}
holds() { [ "$(shown "$1")" = True ]; }
up='r["count"] == 2 and [p["state"] for p in r["paths"]] == ["up", "up"]'

settled() {  # IPv6 address detection must be over before a picture is taken
  [ ! -e /proc/sys/net/ipv6 ] || wait_for 15 "the IPv6 link-local address stays tentative" link_local_settled
}
link_local_settled() {
  ip -6 addr show dev h0 | grep -q fe80 && ! ip -6 addr | grep -q tentative
}
