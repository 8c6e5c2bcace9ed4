/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The headers that are put before a packet for a server: Ethernet, and where it is encapsulated an
 * outer IP header (RFC 2003, RFC 2473). */
#pragma once

#include "entries.h"

#define STEER_OUTER_HOPS 64
#define STEER_DO_NOT_FRAGMENT 0x4000

STEER_INLINE void steer_write_ethernet(struct steer_ethernet* ethernet,
                                       const struct steer_next_hop* hop, int is_ipv6) {
  __builtin_memcpy(ethernet->destination, hop->destination, sizeof hop->destination);
  __builtin_memcpy(ethernet->source, hop->source, sizeof hop->source);
  ethernet->type = STEER_TO_WIRE_16(is_ipv6 ? STEER_ETHERTYPE_IPV6 : STEER_ETHERTYPE_IPV4);
}

/* Of a header without options; with a right checksum it is 0xffff. */
STEER_INLINE __u16 steer_sum_ipv4(const struct steer_ipv4* ip) {
  __u32 sum = 0;
  const __u16* word = (const __u16*)ip;
  for (unsigned i = 0; i < sizeof *ip / sizeof *word; ++i) sum += word[i];
  sum = (sum & 0xffff) + (sum >> 16);
  return (__u16)((sum & 0xffff) + (sum >> 16));
}

/* `octets` are those of the inner packet. */
STEER_INLINE void steer_write_outer_ipv4(struct steer_ipv4* ip, const struct steer_server* server,
                                         __u32 octets) {
  __builtin_memset(ip, 0, sizeof *ip);
  ip->version_and_length = 0x45;
  ip->octets = STEER_TO_WIRE_16((__u16)(octets + sizeof *ip));
  ip->fragment = STEER_TO_WIRE_16(STEER_DO_NOT_FRAGMENT);
  ip->hops = STEER_OUTER_HOPS;
  ip->protocol = STEER_PROTOCOL_IPV4;
  ip->source = server->outer4[0];
  ip->destination = server->outer4[1];
  ip->checksum = (__be16)~steer_sum_ipv4(ip);
}

STEER_INLINE void steer_write_outer_ipv6(struct steer_ipv6* ip, const struct steer_server* server,
                                         __u32 octets) {
  ip->version_class_label = STEER_TO_WIRE_32(6u << 28);
  ip->payload_octets = STEER_TO_WIRE_16((__u16)octets);
  ip->next = STEER_PROTOCOL_IPV6;
  ip->hops = STEER_OUTER_HOPS;
  __builtin_memcpy(ip->source, server->outer6[0], sizeof ip->source);
  __builtin_memcpy(ip->destination, server->outer6[1], sizeof ip->destination);
}
