/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Takes off the outer header that the balancer, or another server, has put before a packet: IPv4 in
 * IPv4, IPv6 in IPv6. Only from who may send such, and only around something that is for us: a
 * tunnel of somebody else on this machine sees everything of its own.
 *
 * Nothing of the outer header is carried over to the inner one. Ours say that they do not know of
 * explicit congestion notification, so that no router marks them (RFC 6040, section 4.1), and the
 * inner packet was not routed between (RFC 2003, section 3.1). */
#pragma once

#include "outer.h"
#include "server_tables.h"

/* Of two IP headers, one in the other, whatever the family is. */
struct steer_wrapped {
  __be32 source[4];
  __be32 destination[4];
  __be32 inner_destination[4];
  __u32 octets; /* of the outer header; 0: there is none that is ours to look at */
  __u32 whole;  /* octets of the outer packet, by its header */
  __u32 inside; /* octets of the inner packet, by its header */
  __u8 is_odd;  /* options, a fragment, a wrong checksum */
};

STEER_INLINE void steer_read_wrapped_ipv4(const struct steer_ipv4* outer, const void* end,
                                          struct steer_wrapped* out) {
  const struct steer_ipv4* inner = outer + 1;
  if ((const void*)(inner + 1) > end || outer->protocol != STEER_PROTOCOL_IPV4) return;
  steer_map_ipv4(outer->source, out->source);
  steer_map_ipv4(outer->destination, out->destination);
  steer_map_ipv4(inner->destination, out->inner_destination);
  out->octets = sizeof *outer;
  out->whole = STEER_TO_HOST_16(outer->octets);
  out->inside = STEER_TO_HOST_16(inner->octets);
  out->is_odd = outer->version_and_length != 0x45 || inner->version_and_length >> 4 != 4 ||
                (outer->fragment & STEER_TO_WIRE_16(STEER_IPV4_MORE_OR_OFFSET)) != 0 ||
                steer_sum_ipv4(outer) != 0xffff;
}

STEER_INLINE void steer_read_wrapped_ipv6(const struct steer_ipv6* outer, const void* end,
                                          struct steer_wrapped* out) {
  const struct steer_ipv6* inner = outer + 1;
  const __be32 version = STEER_TO_WIRE_32(0xf0000000u);
  if ((const void*)(inner + 1) > end || outer->next != STEER_PROTOCOL_IPV6) return;
  __builtin_memcpy(out->source, outer->source, sizeof out->source);
  __builtin_memcpy(out->destination, outer->destination, sizeof out->destination);
  __builtin_memcpy(out->inner_destination, inner->destination, sizeof out->inner_destination);
  out->octets = sizeof *outer;
  out->whole = STEER_TO_HOST_16(outer->payload_octets) + (__u32)sizeof *outer;
  out->inside = STEER_TO_HOST_16(inner->payload_octets) + (__u32)sizeof *inner;
  out->is_odd = (inner->version_class_label & version) != STEER_TO_WIRE_32(6u << 28);
}

STEER_INLINE int steer_is_own_address(const __be32 address[4], int is_ipv6) {
  const struct steer_own* who = steer_who_we_are();
  if (!who) return 0;
  const __be32* mine = who->address[is_ipv6 & 1];
  return mine[0] == address[0] && mine[1] == address[1] && mine[2] == address[2] &&
         mine[3] == address[3];
}

/* How many octets of outer header there are to be taken off; 0: none, and what there may be was
 * counted. The verifier looks at it once and by itself: what it has found here does not multiply
 * what there is to see in the rest. */
__attribute__((noinline)) __u32 steer_may_unwrap(struct __sk_buff* frame) {
  const struct steer_ethernet* ethernet = (void*)(long)frame->data;
  const void* end = (void*)(long)frame->data_end;
  const void* ip = ethernet + 1;
  struct steer_wrapped found = {};
  if (ip > end) return 0;
  const int is_ipv6 = ethernet->type == STEER_TO_WIRE_16(STEER_ETHERTYPE_IPV6);
  if (is_ipv6 && (const void*)((const struct steer_ipv6*)ip + 1) <= end)
    steer_read_wrapped_ipv6(ip, end, &found);
  else if (ethernet->type == STEER_TO_WIRE_16(STEER_ETHERTYPE_IPV4) &&
           (const void*)((const struct steer_ipv4*)ip + 1) <= end)
    steer_read_wrapped_ipv4(ip, end, &found);
  if (found.octets == 0 || !steer_is_own_address(found.destination, is_ipv6)) return 0;
  enum steer_arrival why = STEER_HERE_UNWRAPPED;
  if (!bpf_map_lookup_elem(&sources, found.source))
    why = STEER_HERE_STRANGER;
  else if (found.is_odd || found.whole + (__u32)sizeof *ethernet > frame->len ||
           found.inside + found.octets > found.whole)
    why = STEER_HERE_WRAPPED_BADLY;
  else if (!steer_target_at(found.inner_destination, 0))
    why = STEER_HERE_WRAPPED_OTHER;
  steer_count_arrival(why);
  return why == STEER_HERE_UNWRAPPED ? found.octets : 0;
}
