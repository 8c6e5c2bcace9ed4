/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Which server a packet goes to. The same for XDP, for tc and for `balancer explain`.
 *
 * 1. A service (address and port): a connection that the table knows stays where it is; another one
 *    goes by the ring. Further subflows of MPTCP have another flow than the first and would meet
 *    another server: an MP_JOIN to a service goes to the server that has its token, or where
 *    further subflows are told to go elsewhere it is lost.
 * 2. A join port of a service's address: the port names the server, nothing is remembered.
 * 3. A server's own address: the address names the server.
 * 4. Everything else is left to the machine.
 *
 * With `only_looks`, for explain, nothing is counted and nothing learned. */
#pragma once

#include "tables.h"

#define STEER_SECOND 1000000000ULL

STEER_INLINE const struct steer_target* steer_find_target(const struct steer_packet* packet) {
  struct steer_destination key = {};
  __builtin_memcpy(key.address, packet->flow.service, sizeof key.address);
  key.port = packet->flow.service_port;
  const struct steer_target* target = bpf_map_lookup_elem(&services, &key);
  if (target || key.port == 0) return target;
  key.port = 0;
  return bpf_map_lookup_elem(&services, &key);
}

/* A server that may have what it has already, or null. */
STEER_INLINE const struct steer_server* steer_find_server(__u32 id) {
  const struct steer_server* server = bpf_map_lookup_elem(&servers, &id);
  return server && server->state != STEER_NO_SERVER ? server : 0;
}

STEER_INLINE int steer_may_insert(void) {
  const __u32 only = 0;
  const struct steer_limits* limit = bpf_map_lookup_elem(&limits, &only);
  struct steer_budget* budget = bpf_map_lookup_elem(&budgets, &only);
  if (!limit || !budget) return 0;
  const __u64 now = bpf_ktime_get_coarse_ns();
  if (now - budget->second >= STEER_SECOND) {
    budget->second = now;
    budget->inserted = 0;
  }
  return budget->inserted++ < limit->inserts_per_second;
}

STEER_INLINE int steer_remember(const struct steer_flow* flow, __u32 value) {
  return steer_may_insert() && bpf_map_update_elem(&connections, flow, &value, BPF_ANY) == 0;
}

STEER_INLINE void steer_note(__u32 service, __u32 what, int only_looks) {
  struct steer_counts* counts = only_looks ? 0 : bpf_map_lookup_elem(&service_counts, &service);
  if (counts && what < STEER_COUNTS) ++counts->packets[what];
}

/* By the table of connections; null when it does not know this one. */
STEER_INLINE const struct steer_server* steer_by_connection(const struct steer_packet* packet,
                                                            __u32 awaits_keys, int only_looks,
                                                            struct steer_verdict* verdict) {
  __u32* known = bpf_map_lookup_elem(&connections, &packet->flow);
  if (!known) return 0;
  const __u32 id = *known & STEER_SERVER_ID;
  const struct steer_server* server = steer_find_server(id);
  /* A SYN may be the old connection's, sent again, or the first of a new one: that is nothing for a
   * server that is to get rid of its connections. */
  if (!server || (packet->is_syn && server->state == STEER_DRAINING)) return 0;
  verdict->server = id;
  verdict->reason = STEER_BY_CONNECTION;
  if (packet->is_syn) {
    if (!only_looks && *known != (id | awaits_keys)) *known = id | awaits_keys;
  } else if (packet->kind == STEER_SEGMENT && (*known & STEER_AWAITS_KEYS)) {
    verdict->keys = STEER_KEYS_ASKED;
  }
  return server;
}

STEER_INLINE const struct steer_server* steer_by_ring(const struct steer_packet* packet,
                                                      __u32 awaits_keys, int only_looks,
                                                      struct steer_verdict* verdict) {
  verdict->reason = STEER_LOST_NO_SERVER;
  verdict->place = steer_ring_place(&packet->flow);
  const __u32 only = 0;
  void* map = bpf_map_lookup_elem(&rings, &verdict->service);
  const struct steer_ring* ring = map ? bpf_map_lookup_elem(map, &only) : 0;
  if (!ring || verdict->place >= STEER_RING_PLACES) return 0;
  const __u32 id = ring->server[verdict->place];
  const struct steer_server* server = id ? steer_find_server(id) : 0;
  if (!server) return 0;
  verdict->server = id;
  verdict->reason = STEER_BY_RING;
  if (!only_looks && packet->kind == STEER_SEGMENT &&
      !steer_remember(&packet->flow, id | awaits_keys))
    steer_note(verdict->service, STEER_NOTED_UNLEARNED, only_looks);
  return server;
}

/* An MP_JOIN. What follows it has no token and must be remembered: a subflow that begins at the
 * right server and goes on to a wrong one is reset and gone, one whose SYN is lost is tried again.
 * The token counts more than the table, where an earlier connection from the same port may be. */
STEER_INLINE const struct steer_server* steer_by_token(const struct steer_packet* packet,
                                                       int only_looks,
                                                       struct steer_verdict* verdict) {
  const __u32* owner = bpf_map_lookup_elem(&tokens, &packet->token);
  verdict->reason = STEER_LOST_UNKNOWN_TOKEN;
  if (!owner) return 0;
  const __u32 id = *owner;
  const struct steer_server* server = steer_find_server(id);
  verdict->reason = STEER_LOST_NO_SERVER;
  if (!server) return 0;
  if (!only_looks) {
    __u32* known = bpf_map_lookup_elem(&connections, &packet->flow);
    verdict->reason = STEER_LOST_UNREMEMBERED;
    if (known && *known != id)
      *known = id;
    else if (!known && !steer_remember(&packet->flow, id))
      return 0;
  }
  verdict->server = id;
  verdict->reason = STEER_BY_TOKEN;
  return server;
}

/* Whatever else may name the server of a packet to a service belongs here, before the table. */
STEER_INLINE const struct steer_server* steer_to_service(const struct steer_packet* packet,
                                                         __u32 joins, int only_looks,
                                                         struct steer_verdict* verdict) {
  if (packet->mptcp == STEER_MP_JOIN && joins != STEER_JOINS_SPREAD) {
    if (joins == STEER_JOINS_BY_TOKEN) return steer_by_token(packet, only_looks, verdict);
    verdict->reason = STEER_LOST_JOIN;
    return 0;
  }
  const int learns = joins == STEER_JOINS_BY_TOKEN;
  const __u32 awaits_keys = learns && packet->mptcp == STEER_MP_CAPABLE ? STEER_AWAITS_KEYS : 0;
  const struct steer_server* server = steer_by_connection(packet, awaits_keys, only_looks, verdict);
  if (!server) server = steer_by_ring(packet, awaits_keys, only_looks, verdict);
  /* Who asks is told of keys that are known already, too. */
  if (only_looks && learns && server && packet->kind == STEER_SEGMENT && !packet->is_syn)
    verdict->keys = STEER_KEYS_ASKED;
  return server;
}

/* For further subflows only. */
STEER_INLINE const struct steer_server* steer_to_numbered(const struct steer_packet* packet,
                                                          __u32 id, __u32 reason,
                                                          struct steer_verdict* verdict) {
  if (packet->is_syn && packet->mptcp != STEER_MP_JOIN) {
    verdict->reason = STEER_LOST_NO_JOIN;
    return 0;
  }
  const struct steer_server* server = steer_find_server(id);
  verdict->reason = server ? reason : STEER_LOST_NO_SERVER;
  verdict->server = server ? id : 0;
  return server;
}

STEER_INLINE const struct steer_server* steer_choose(const struct steer_packet* packet,
                                                     const struct steer_target* target,
                                                     int only_looks,
                                                     struct steer_verdict* verdict) {
  if (packet->kind == STEER_FRAGMENT || packet->kind == STEER_MALFORMED) {
    verdict->reason = packet->kind == STEER_FRAGMENT ? STEER_LOST_FRAGMENT : STEER_LOST_MALFORMED;
    return 0;
  }
  if (target->kind == STEER_SERVICE)
    return steer_to_service(packet, target->joins, only_looks, verdict);
  if (target->kind == STEER_SERVER_ADDRESS)
    return steer_to_numbered(packet, target->server, STEER_BY_ADDRESS, verdict);
  const __u32 number = (__u32)STEER_TO_HOST_16(packet->flow.service_port) - target->first_join_port;
  if (number >= target->join_ports) return 0;
  return steer_to_numbered(packet, number, STEER_BY_JOIN_PORT, verdict);
}

/* The server, or null: then the reason is NOT_OURS, or one to drop the packet. */
STEER_INLINE const struct steer_server* steer_decide(const struct steer_packet* packet,
                                                     int only_looks,
                                                     struct steer_verdict* verdict) {
  verdict->reason = STEER_NOT_OURS;
  if (packet->kind == STEER_OTHER) return 0;
  const struct steer_target* target = steer_find_target(packet);
  if (!target) return 0;
  verdict->service = target->service;
  const struct steer_server* server = steer_choose(packet, target, only_looks, verdict);
  if (verdict->reason == STEER_NOT_OURS) return 0;
  if (server) {
    const __u32 outer = packet->is_ipv6 ? sizeof(struct steer_ipv6) : sizeof(struct steer_ipv4);
    if (server->next_hop[packet->is_ipv6 & 1].interface == 0) {
      verdict->reason = STEER_LOST_NO_NEXT_HOP;
      server = 0;
    } else if (server->encapsulates && packet->octets + outer > 0xffff) {
      verdict->reason = STEER_LOST_TOO_LONG;
      server = 0;
    }
  }
  if (only_looks) return server;
  struct steer_counts* counts = bpf_map_lookup_elem(&service_counts, &verdict->service);
  if (counts && verdict->reason < STEER_REASONS) {
    ++counts->packets[verdict->reason];
    if (packet->kind == STEER_COMPLAINT) ++counts->packets[STEER_NOTED_COMPLAINT];
    if (packet->has_odd_options) ++counts->packets[STEER_NOTED_ODD_OPTIONS];
    if (packet->mptcp & STEER_MP_JOIN) ++counts->packets[STEER_NOTED_JOIN];
    if (packet->mptcp & STEER_MP_CAPABLE) ++counts->packets[STEER_NOTED_CAPABLE];
  }
  struct steer_traffic* traffic =
      server ? bpf_map_lookup_elem(&server_counts, &verdict->server) : 0;
  if (traffic) {
    ++traffic->packets;
    traffic->octets += packet->octets;
  }
  return server;
}
