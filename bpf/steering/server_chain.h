/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Daisy chaining: what belongs to a connection that is not here goes to the server that had the
 * place of its flow's hash before us (Beamer, NSDI 2018, section 3.2; what Beamer's mux says in a
 * header option, the control channel has told us before). So connections outlive a change of the
 * servers also where no balancer remembers them.
 *
 * Only who is the owner of a place, by its own history, passes on, to the one before. Histories are
 * such that there is no loop (balancer/told_history); while servers hear of a change one after the
 * other two may hold themselves for the owner, each with the other before it, and the packet's hop
 * limit, less one each time, ends what may then come about. */
#pragma once

#include "forward_tc.h"
#include "server_tables.h"

#define STEER_SECOND_NS 1000000000ULL

/* A segment that ends the handshake of a connection which the listener has kept nothing of. */
STEER_INLINE int steer_is_cookie(const struct __sk_buff* frame, struct bpf_sock* listener) {
  struct steer_ethernet* ethernet = (void*)(long)frame->data;
  void* end = (void*)(long)frame->data_end;
  struct steer_ipv4* ip4 = (void*)(ethernet + 1);
  struct steer_ipv6* ip6 = (void*)(ethernet + 1);
  if ((void*)(ip4 + 1) > end) return 0;
  if (ethernet->type == STEER_TO_WIRE_16(STEER_ETHERTYPE_IPV4)) {
    struct steer_tcp* tcp = (void*)ip4 + (ip4->version_and_length & 0xfu) * 4u;
    if ((void*)(tcp + 1) > end) return 0;
    return bpf_tcp_check_syncookie(listener, ip4, sizeof *ip4, (struct tcphdr*)tcp, sizeof *tcp) ==
           0;
  }
  struct steer_tcp* tcp = (void*)(ip6 + 1);
  if ((void*)(tcp + 1) > end || ip6->next != STEER_PROTOCOL_TCP) return 0;
  return bpf_tcp_check_syncookie(listener, ip6, sizeof *ip6, (struct tcphdr*)tcp, sizeof *tcp) == 0;
}

/* Whether this machine knows the connection: half-open, open, or just closed. */
STEER_INLINE int steer_is_known(struct __sk_buff* frame, const struct steer_packet* packet) {
  const struct steer_flow* flow = &packet->flow;
  struct bpf_sock_tuple tuple = {};
  __u32 octets = sizeof tuple.ipv4;
  if (packet->is_ipv6) {
    octets = sizeof tuple.ipv6;
    __builtin_memcpy(tuple.ipv6.saddr, flow->client, sizeof tuple.ipv6.saddr);
    __builtin_memcpy(tuple.ipv6.daddr, flow->service, sizeof tuple.ipv6.daddr);
    tuple.ipv6.sport = flow->client_port;
    tuple.ipv6.dport = flow->service_port;
  } else {
    tuple.ipv4.saddr = flow->client[3];
    tuple.ipv4.daddr = flow->service[3];
    tuple.ipv4.sport = flow->client_port;
    tuple.ipv4.dport = flow->service_port;
  }
  struct bpf_sock* found = bpf_skc_lookup_tcp(frame, &tuple, octets, BPF_F_CURRENT_NETNS, 0);
  if (!found) return 0;
  const int is_known = found->state != BPF_TCP_LISTEN ||
                       (packet->kind == STEER_SEGMENT && steer_is_cookie(frame, found));
  bpf_sk_release(found);
  return is_known;
}

/* Who had the flow's place before us and may still have its connections; 0: nobody. */
STEER_INLINE __u32 steer_previous_owner(const struct steer_packet* packet, __u32 service) {
  const struct steer_own* who = steer_who_we_are();
  const __u32 only = 0;
  const __u32 number = steer_ring_place(&packet->flow);
  void* map = bpf_map_lookup_elem(&histories, &service);
  const struct steer_history* history = map ? bpf_map_lookup_elem(map, &only) : 0;
  if (!who || !history || number >= STEER_RING_PLACES) return 0;
  const struct steer_place* place = &history->place[number];
  const __u32 now = (__u32)(bpf_ktime_get_boot_ns() / STEER_SECOND_NS);
  if (place->owner != who->id || place->previous == who->id ||
      now - place->changed >= STEER_CHAIN_SECONDS)
    return 0;
  return place->previous;
}

/* A router's duty (RFC 1812, section 5.3.1). 0 when the packet may go on. */
STEER_INLINE int steer_spend_hop(struct __sk_buff* frame, int is_ipv6) {
  const __u32 ip = sizeof(struct steer_ethernet);
  if (is_ipv6) {
    const __u32 at = ip + __builtin_offsetof(struct steer_ipv6, hops);
    __u8 hops = 0;
    if (bpf_skb_load_bytes(frame, at, &hops, sizeof hops) != 0 || hops <= 1) return -1;
    --hops;
    return (int)bpf_skb_store_bytes(frame, at, &hops, sizeof hops, BPF_F_RECOMPUTE_CSUM);
  }
  /* With the protocol it is a word of the header's checksum. */
  const __u32 at = ip + __builtin_offsetof(struct steer_ipv4, hops);
  __be16 before = 0;
  if (bpf_skb_load_bytes(frame, at, &before, sizeof before) != 0) return -1;
  if (STEER_TO_HOST_16(before) >> 8 <= 1) return -1;
  const __be16 after = STEER_TO_WIRE_16((__u16)(STEER_TO_HOST_16(before) - 0x100));
  if (bpf_l3_csum_replace(frame, ip + __builtin_offsetof(struct steer_ipv4, checksum), before,
                          after, sizeof after) != 0)
    return -1;
  return (int)bpf_skb_store_bytes(frame, at, &after, sizeof after, 0);
}

/* To the server `id`, as the balancer would. `was_wrapped`: an outer header was taken off here. */
STEER_INLINE int steer_chain(struct __sk_buff* frame, const struct steer_packet* packet, __u32 id,
                             int was_wrapped) {
  const struct steer_server* server = bpf_map_lookup_elem(&servers, &id);
  const __u32 outer = packet->is_ipv6 ? sizeof(struct steer_ipv6) : sizeof(struct steer_ipv4);
  enum steer_arrival what = STEER_HERE_CHAINED;
  if (!server || server->state == STEER_NO_SERVER ||
      server->next_hop[packet->is_ipv6 & 1].interface == 0)
    what = STEER_HERE_LOST_NO_NEXT_HOP;
  else if (server->encapsulates && packet->octets + outer > 0xffff)
    what = STEER_HERE_LOST_TOO_LONG;
  else if (steer_spend_hop(frame, packet->is_ipv6) != 0)
    what = STEER_HERE_LOST_HOPS;
  steer_count_arrival(what);
  if (what != STEER_HERE_CHAINED || !server) return TC_ACT_SHOT;
  return steer_send_tc(frame, packet, server, was_wrapped);
}
