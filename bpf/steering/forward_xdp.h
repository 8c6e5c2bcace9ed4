/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A packet on its way to a server, from XDP. */
#pragma once

#include "outer.h"

STEER_INLINE int steer_forward_xdp(struct xdp_md* frame, const struct steer_packet* packet,
                                   const struct steer_server* server) {
  const int is_ipv6 = packet->is_ipv6 & 1;
  const struct steer_next_hop* hop = &server->next_hop[is_ipv6];
  if (server->encapsulates &&
      bpf_xdp_adjust_head(
          frame, is_ipv6 ? -(int)sizeof(struct steer_ipv6) : -(int)sizeof(struct steer_ipv4)) != 0)
    return XDP_DROP;
  void* end = (void*)(long)frame->data_end;
  struct steer_ethernet* ethernet = (void*)(long)frame->data;
  if ((void*)(ethernet + 1) > end) return XDP_DROP;
  steer_write_ethernet(ethernet, hop, is_ipv6);
  if (server->encapsulates && is_ipv6) {
    struct steer_ipv6* ip = (void*)(ethernet + 1);
    if ((void*)(ip + 1) > end) return XDP_DROP;
    steer_write_outer_ipv6(ip, server, packet->octets);
  } else if (server->encapsulates) {
    struct steer_ipv4* ip = (void*)(ethernet + 1);
    if ((void*)(ip + 1) > end) return XDP_DROP;
    steer_write_outer_ipv4(ip, server, packet->octets);
  }
  if (hop->interface == frame->ingress_ifindex) return XDP_TX;
  return (int)bpf_redirect(hop->interface, 0);
}
