#!/bin/bash
# SPDX-License-Identifier: MIT
# A gateway whose leases lie in PostgreSQL, reached as Debian has it: through a socket in
# /run/postgresql. The database server is one of its own, made for this and thrown away.
#
#   h0 --- lan0 [gateway] up1 --- w1
#                         up2 --- w2
#
# Usage: gateway_postgresql.sh ANABRANCH, as root or as an ordinary user. Ends with "ok" (exit 0),
# "SKIP: why" (exit 77) or "FAILED: why" (exit 1).
set -u

ANABRANCH=$(realpath "$1")
self=$(realpath "$0")
PATH=$PATH:/usr/sbin:/sbin
for programs in /usr/lib/postgresql/*/bin; do PATH=$PATH:$programs; done

skip() { echo "SKIP: $1"; exit 77; }

# until_true MILLISECONDS WHAT COMMAND...: waits for the command to succeed.
until_true() {
  local deadline=$(($(date +%s%N) / 1000000 + $1)) what=$2
  shift 2
  while ! "$@" >/dev/null 2>&1; do
    [ $(($(date +%s%N) / 1000000)) -lt $deadline ] || fail "not in time: $what"
    sleep 0.05
  done
}

query() { psql -h "$socket" -U kea -d leases -Atqc "$1"; }

# --- outside: the database, which refuses to run as root, be it only root of a user namespace

if [ "${ANABRANCH_SCENARIO:-}" != inside ]; then
  for tool in initdb postgres psql kea-admin kea-dhcp4 udhcpc unshare setpriv; do
    command -v "$tool" >/dev/null || skip "no $tool"
  done
  folder=$(mktemp -d -t anabranch-postgresql.XXXXXX)
  socket=$folder/socket
  database=
  finish() {
    [ -n "$database" ] && kill -INT "$database" 2>/dev/null && wait "$database"
    rm -rf "$folder"
  }
  trap finish EXIT
  fail() {
    cat "$folder"/*.log
    echo "FAILED: $1"
    exit 1
  }

  ordinary=(setpriv --pdeathsig INT)
  mkdir "$folder/database" "$socket"
  if [ "$(id -u)" = 0 ]; then
    ordinary+=(--reuid 65534 --regid 65534 --clear-groups)
    chmod 755 "$folder"
    chown 65534:65534 "$folder/database" "$socket"
  fi
  cd /
  "${ordinary[@]}" initdb -D "$folder/database" -U kea -A trust -E UTF8 --locale C --no-sync \
    >"$folder/initdb.log" 2>&1 || skip "initdb refuses: $(grep -m 1 error "$folder/initdb.log")"
  "${ordinary[@]}" postgres -D "$folder/database" -c listen_addresses= -c fsync=off \
    -c unix_socket_directories="$socket" -c max_connections=10 -c shared_buffers=1MB \
    >"$folder/postgres.log" 2>&1 &
  database=$!
  until_true 20000 "PostgreSQL runs" psql -h "$socket" -U kea -d postgres -c "select 1"
  psql -h "$socket" -U kea -d postgres -qc "create database leases" || fail "no database could be made"
  kea-admin db-init pgsql -h "$socket" -u kea -p unused -n leases >"$folder/kea-admin.log" 2>&1 ||
    fail "kea-admin db-init pgsql"

  flags=-nm
  [ "$(id -u)" = 0 ] || flags=-Urnm
  ANABRANCH_SCENARIO=inside FOLDER=$folder unshare $flags -- "$self" "$ANABRANCH"
  exit
fi

# --- inside: the network and the gateway

folder=$FOLDER
socket=/run/postgresql
log=$folder/gateway.log
config=$folder/gateway.toml
export RUNTIME_DIRECTORY=$folder/run STATE_DIRECTORY=$folder/state
gateway=
trap '[ -z "$gateway" ] || kill -9 "$gateway"' EXIT

fail() {
  echo "--- log of the gateway"
  cat "$log"
  echo "FAILED: $1"
  exit 1
}

# /run as on a machine that has run PostgreSQL and never Kea's own service.
mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run && mkdir "$socket" &&
  mount --bind "$folder/socket" "$socket" || skip "cannot mount"

ip link set lo up
for ends in "lan0 h0" "up1 w1" "up2 w2"; do
  ip link add "${ends% *}" type veth peer name "${ends#* }" || skip "cannot make a veth"
  for end in $ends; do ip link set "$end" up; done
done
# No next hop is there; without ARP none is missed.
ip link set up1 arp off
ip link set up2 arp off

cat >"$config" <<END
[lan]
interface = "lan0"

[[uplink]]
name = "isp1"
interface = "up1"
next_hop = "172.16.1.2"
index = 1
source_prefix = "10.1.0.0/16"
nat = "none"

[[uplink]]
name = "isp2"
interface = "up2"
next_hop = "172.16.2.2"
index = 2
source_prefix = "10.2.0.0/16"
nat = "none"

[dhcp.lease_database]
type = "postgresql"
name = "leases"
host = "$socket"
user = "kea"
END

dhcp_runs() { "$ANABRANCH" gateway show | grep -q "dhcp running"; }
start() {
  "$ANABRANCH" gateway run -c "$config" 2>>"$log" &
  gateway=$!
  until_true 10000 "the gateway's DHCP server runs" dhcp_runs
}

cat >"$folder/told" <<'END'
#!/bin/sh
[ "$1" != bound ] || echo "$ip" >"$TOLD"
END
chmod 755 "$folder/told"

# lease CLIENT: the address on path 2 of a client that remembers nothing but its identifier.
lease() {
  rm -f "$folder/address"
  TOLD=$folder/address udhcpc -i h0 -f -q -n -t 5 -T 1 -C -x "0x3d:00$1" -x 0xe0:0200 \
    -s "$folder/told" >"$folder/udhcpc.log" 2>&1
  cat "$folder/address" 2>/dev/null
}

# in_database CLIENT: the address, path and state of its lease there.
in_database() {
  query "select '0.0.0.0'::inet + address, subnet_id, state from lease4 where client_id = '\\x00$1'"
}

: >"$log"
start
first=$(lease aa01)
second=$(lease aa02)
[[ $first == 10.2.* ]] || fail "the first client got '$first' on path 2"
[[ $second == 10.2.* && $second != "$first" ]] || fail "the first client got '$first', the second '$second'"
[ "$(in_database aa01)" = "$first|2|0" ] || fail "the database has '$(in_database aa01)' for $first"
[ "$(in_database aa02)" = "$second|2|0" ] || fail "the database has '$(in_database aa02)' for $second"
[ "$(query "select count(*) from lease4")" = 2 ] || fail "the database has leases that nobody asked for"
[ ! -e "$STATE_DIRECTORY/kea/kea-leases4.csv" ] || fail "there is a file of leases beside the database"

# The next gateway starts from nothing but the database. The second client comes first: a server that
# had forgotten both would hand it the first one's address.
kill -9 "$gateway"
wait "$gateway" 2>/dev/null
rm -rf "$STATE_DIRECTORY" "$RUNTIME_DIRECTORY"
start
again=$(lease aa02)
[ "$again" = "$second" ] || fail "the second client had $second, the next gateway gave it '$again'"
again=$(lease aa01)
[ "$again" = "$first" ] || fail "the first client had $first, the next gateway gave it '$again'"

# Kea ends when the database drops its connections, and is started again.
query "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = 'leases'" >/dev/null
third=
gets_third() { third=$(lease aa03); [[ $third == 10.2.* ]]; }
until_true 20000 "a lease after the database has dropped its connections" gets_third
[ "$(in_database aa03)" = "$third|2|0" ] || fail "the database has '$(in_database aa03)' for $third"

kill "$gateway"
wait "$gateway" || fail "exit code of a stopped gateway"
gateway=
echo ok
