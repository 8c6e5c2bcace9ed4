/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A packet on its way to a server, from tc. A packet may be many segments here, which are cut apart
 * later: the kernel is told what was put before them, and makes them shorter by that. */
#pragma once

#include <linux/pkt_cls.h>

#include "outer.h"

/* `again`: an outer header was there before and has been taken off. Of a packet that is many
 * segments the kernel then knows still, and does not let itself be told twice. */
STEER_INLINE int steer_encapsulate_tc(struct __sk_buff* frame, const struct steer_packet* packet,
                                      const struct steer_server* server, int again) {
  const __u32 offset = sizeof(struct steer_ethernet);
  if (packet->is_ipv6) {
    struct steer_ipv6 ip;
    steer_write_outer_ipv6(&ip, server, packet->octets);
    const __u64 how = again ? BPF_F_ADJ_ROOM_FIXED_GSO : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
    return bpf_skb_adjust_room(frame, sizeof ip, BPF_ADJ_ROOM_MAC, how) != 0 ||
           bpf_skb_store_bytes(frame, offset, &ip, sizeof ip, 0) != 0;
  }
  struct steer_ipv4 ip;
  steer_write_outer_ipv4(&ip, server, packet->octets);
  const __u64 how = again ? BPF_F_ADJ_ROOM_FIXED_GSO : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
  return bpf_skb_adjust_room(frame, sizeof ip, BPF_ADJ_ROOM_MAC, how) != 0 ||
         bpf_skb_store_bytes(frame, offset, &ip, sizeof ip, 0) != 0;
}

STEER_INLINE int steer_send_tc(struct __sk_buff* frame, const struct steer_packet* packet,
                               const struct steer_server* server, int again) {
  const int is_ipv6 = packet->is_ipv6 & 1;
  const struct steer_next_hop* hop = &server->next_hop[is_ipv6];
  if (server->encapsulates && steer_encapsulate_tc(frame, packet, server, again))
    return TC_ACT_SHOT;
  struct steer_ethernet ethernet;
  steer_write_ethernet(&ethernet, hop, is_ipv6);
  if (bpf_skb_store_bytes(frame, 0, &ethernet, sizeof ethernet, 0) != 0) return TC_ACT_SHOT;
  return (int)bpf_redirect(hop->interface, 0);
}

STEER_INLINE int steer_forward_tc(struct __sk_buff* frame, const struct steer_packet* packet,
                                  const struct steer_server* server) {
  return steer_send_tc(frame, packet, server, 0);
}
