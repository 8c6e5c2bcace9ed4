#!/bin/sh
# SPDX-License-Identifier: MIT
# Script of dhclient (-sf), udhcpc (-s) and dhcpcd (--script) alike, in place of theirs, which write
# resolv.conf. Sets address and default route, and appends "EVENT ADDRESS ROUTER EXT_ROUTE" to
# /run/INTERFACE/events.
case "${1:-}" in
  bound | renew | deconfig | leasefail | nak)  # udhcpc
    event=$1 address=${ip:-} length=${mask:-} route=${opt224:-} routers=${router:-} ;;
  *)
    event=${reason:?} address=${new_ip_address:-} routers=${new_routers:-}
    route=${new_ext_route:-} length=${new_subnet_cidr:-}
    [ -n "$length" ] || case "${new_subnet_mask:-}" in
      255.255.0.0) length=16 ;;
      255.255.255.255) length=32 ;;
      *) length=24 ;;
    esac ;;
esac
case "$event" in
  bound | renew | BOUND | RENEW | REBIND | REBOOT)
    ip address replace "$address/$length" dev "$interface"
    ip route replace default via "${routers%% *}" dev "$interface" ;;
  PREINIT) ip link set "$interface" up ;;
  deconfig | RELEASE | EXPIRE | STOP | FAIL)
    ip -4 address flush dev "$interface" ;;
esac
# One write, so that lines of several clients never mix.
echo "$event ${address:--} ${routers:--} $(echo "${route:--}" | tr -d ' :')" >>"/run/$interface/events"
