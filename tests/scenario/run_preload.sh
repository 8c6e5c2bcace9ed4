#!/bin/sh
# SPDX-License-Identifier: MIT
# Given nginx and curl as they are installed, when both are started by "anabranch run", then a download
# between them is MPTCP at both ends and arrives unchanged; when curl is started by itself, it is served
# over plain TCP. All in a network namespace of its own.
#
# usage: run_preload.sh PATH-OF-ANABRANCH        (as root, or where user namespaces are allowed)
set -u

if [ "${1:-}" != --inside ]; then
	[ $# -eq 1 ] || { echo "usage: $0 ANABRANCH" >&2; exit 2; }
	[ "$(id -u)" = 0 ] && set -- -n "$1" || set -- -rn "$1"
	exec unshare "$1" -- /bin/sh "$0" --inside "$2"
fi

PATH=$PATH:/usr/sbin:/sbin
anabranch=$2
nginx_pid=
directory=$(mktemp -d) || exit 1

clean_up() {
	[ -z "$nginx_pid" ] || { kill "$nginx_pid" && wait "$nginx_pid"; } 2>/dev/null
	rm -rf "$directory"
}
trap clean_up EXIT

failed() {
	echo "FAILED: $1"
	exit 1
}

# counter NAME: the MPTcpExt counter of this namespace
counter() {
	awk -v name="$1" '$1 == "MPTcpExt:" {
		if (!columns) { columns = split($0, title); next }
		for (i = 2; i <= columns; i++) if (title[i] == name) { print $i; exit }
	}' /proc/net/netstat
}

# expect_counters WHEN ACTIVE PASSIVE: completed MP_CAPABLE handshakes as client and as server
expect_counters() {
	active=$(counter MPCapableSYNACKRX)
	passive=$(counter MPCapableACKRX)
	[ "$active" = "$2" ] && [ "$passive" = "$3" ] ||
		failed "$1: $active MPTCP connections opened and $passive accepted, expected $2 and $3"
}

fetch() {
	http_proxy= "$@" -s -S -f -m 30 -o "$directory/got" http://127.0.0.1:8080/file || failed "curl: exit code $?"
	[ "$(sha256sum <"$directory/got")" = "$sum" ] || failed "the file arrived changed"
}

ip link set lo up || failed "no loopback interface"
sysctl -qw net.mptcp.enabled=1 net.mptcp.blackhole_timeout=0 || failed "no MPTCP in this kernel"

mkdir "$directory/www" "$directory/tmp" || failed "no space"
head -c 10000000 /dev/urandom >"$directory/www/file"
sum=$(sha256sum <"$directory/www/file")
user=
[ "$(id -u)" != 0 ] || user="user root;"
cat >"$directory/nginx.conf" <<END
daemon off;
master_process off;
$user
pid $directory/pid;
error_log $directory/error.log;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path $directory/tmp;
  proxy_temp_path $directory/tmp;
  fastcgi_temp_path $directory/tmp;
  uwsgi_temp_path $directory/tmp;
  scgi_temp_path $directory/tmp;
  server {
    listen 127.0.0.1:8080;
    root $directory/www;
  }
}
END
"$anabranch" run -- nginx -p "$directory" -c "$directory/nginx.conf" -e "$directory/error.log" &
nginx_pid=$!
tries=0
until [ -n "$(ss -Hlnt 'sport = :8080')" ]; do
	kill -0 "$nginx_pid" 2>/dev/null || failed "nginx did not start: $(cat "$directory/error.log")"
	tries=$((tries + 1))
	[ $tries -lt 100 ] || failed "nginx does not listen after 10 s"
	sleep 0.1
done

fetch "$anabranch" run -- curl
expect_counters "both under run" 1 1

fetch curl
expect_counters "curl by itself" 1 1

sysctl -qw net.mptcp.enabled=0
fetch "$anabranch" run -- curl 2>"$directory/warning"
expect_counters "MPTCP switched off" 1 1
[ "$(grep -c 'MPTCP is not available' "$directory/warning")" = 1 ] || failed "no warning about missing MPTCP"

"$anabranch" run -- /no/such/program 2>/dev/null
[ $? = 127 ] || failed "a missing program does not give exit code 127"

echo ok
