#!/bin/sh
# SPDX-License-Identifier: MIT
# Script of dhclient -6 (-sf) and dhcpcd (--script) alike, in place of theirs, which write resolv.conf. For
# dhclient it sets the address, as Debian's does; dhcpcd does that itself. /run/INTERFACE/told has what the
# program said last, a file for each kind of lease.
case "${reason:?}" in
  PREINIT6) ip link set "$interface" up ;;
  BOUND6 | RENEW6 | REBIND6)
    if [ -n "${new_ip6_address:-}" ]; then
      ip -6 address replace "$new_ip6_address/${new_ip6_prefixlen:-128}" dev "$interface" \
        valid_lft "$new_max_life" preferred_lft "$new_preferred_life"
    fi ;;
  DEPREF6)
    [ -z "${cur_ip6_address:-}" ] ||
      ip -6 address change "$cur_ip6_address/${cur_ip6_prefixlen:-128}" dev "$interface" preferred_lft 0 ;;
  EXPIRE6 | RELEASE6 | STOP6)
    [ -z "${old_ip6_address:-}" ] ||
      ip -6 address del "$old_ip6_address/${old_ip6_prefixlen:-128}" dev "$interface" ;;
esac
kind=other
[ -z "${new_ip6_prefix:-}" ] || kind=prefix
[ -z "${new_ip6_address:-}" ] || kind=address
[ "$reason" != ROUTERADVERT ] || kind=routers
env >"/run/$interface/told.$kind.new"
mv "/run/$interface/told.$kind.new" "/run/$interface/told.$kind"
