// SPDX-License-Identifier: MIT OR GPL-2.0-only
// What runs on a server behind the balancer, at the ingress of the interface that the balancer's
// packets come in by: the outer header goes (steering/server_unwrap.h), connections are kept out of
// where only further subflows go, and what belongs to a connection that is not here goes to who had
// it before (steering/server_chain.h). The application is as it was.
#include "steering/parse.h"
#include "steering/pull_tc.h"
#include "steering/server_chain.h"
#include "steering/server_unwrap.h"

char program_license[] SEC("license") = "Dual MIT/GPL";

/* What of a frame must lie in one piece to be read, an outer header among it. */
#define HEADERS 296
/* Whatever else is attached behind us sees it, too. */
#define LEFT_ALONE TC_ACT_UNSPEC
#define FOR_THIS_MACHINE 0 /* of pkt_type: a bridge may show us what is for others */

/* A fragment has no kind of its own beyond that. */
STEER_INLINE int is_of_tcp(const struct __sk_buff* frame, const struct steer_packet* packet) {
  const void* ip = (void*)(long)frame->data + sizeof(struct steer_ethernet);
  const void* end = (void*)(long)frame->data_end;
  if (packet->is_ipv6) {
    if ((const void*)((const struct steer_ipv6*)ip + 1) > end) return 0;
    return steer_open_ipv6(ip, end).protocol == STEER_PROTOCOL_TCP;
  }
  if ((const void*)((const struct steer_ipv4*)ip + 1) > end) return 0;
  return steer_open_ipv4(ip).protocol == STEER_PROTOCOL_TCP;
}

/* Where only further subflows go: an address of this server's own, its join port of a service's. */
STEER_INLINE int is_for_joins(const struct steer_packet* packet,
                              const struct steer_target* target) {
  const struct steer_own* who = steer_who_we_are();
  if (target->kind == STEER_SERVER_ADDRESS) return 1;
  return target->kind == STEER_ADDRESS && who && who->id < target->join_ports &&
         STEER_TO_HOST_16(packet->flow.service_port) == target->first_join_port + who->id;
}

STEER_INLINE int lost(enum steer_arrival why) {
  steer_count_arrival(why);
  return TC_ACT_SHOT;
}

/* By itself for the verifier, as steer_may_unwrap is. */
__attribute__((noinline)) int decide(struct __sk_buff* frame, const struct steer_packet* packet,
                                     int was_wrapped) {
  if (!packet || packet->kind == STEER_OTHER) return LEFT_ALONE;
  const struct steer_target* target =
      steer_target_at(packet->flow.service, packet->flow.service_port);
  if (!target) target = steer_target_at(packet->flow.service, 0);
  if (!target) return LEFT_ALONE;
  /* Put together again, or read by somebody who reads further, they could be a connection's
   * beginning. */
  if (packet->kind == STEER_FRAGMENT)
    return is_of_tcp(frame, packet) ? lost(STEER_HERE_LOST_FRAGMENT) : LEFT_ALONE;
  if (packet->kind == STEER_MALFORMED) return lost(STEER_HERE_LOST_MALFORMED);
  if (packet->is_syn && is_for_joins(packet, target)) {
    /* With both options it is a connection of plain TCP to Linux. */
    if (packet->mptcp != STEER_MP_JOIN) return lost(STEER_HERE_LOST_NO_JOIN);
    steer_count_arrival(STEER_HERE_JOIN);
  }
  if (target->kind != STEER_SERVICE || packet->is_syn) return LEFT_ALONE;
  /* Seldom is there one: only then sockets are asked for. */
  const __u32 previous = steer_previous_owner(packet, target->service);
  if (!previous || steer_is_known(frame, packet)) return LEFT_ALONE;
  return steer_chain(frame, packet, previous, was_wrapped);
}

SEC("tc")
int serve_tc(struct __sk_buff* frame) {
  if (frame->pkt_type != FOR_THIS_MACHINE || steer_pull_tc(frame, HEADERS) != 0) return LEFT_ALONE;
  const __u32 outer = steer_may_unwrap(frame);
  if (outer &&
      (bpf_skb_adjust_room(frame, -(__s32)outer, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) != 0 ||
       steer_pull_tc(frame, HEADERS) != 0))
    return TC_ACT_SHOT;
  struct steer_packet packet = {};
  steer_parse((void*)(long)frame->data, (void*)(long)frame->data_end, frame->len, &packet);
  return decide(frame, &packet, outer != 0);
}
