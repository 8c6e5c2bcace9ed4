/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The maps. They are pinned: programs come and go, what they know stays. */
#pragma once

#include "entries.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, STEER_MOST_ADDRESSES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct steer_destination);
  __type(value, struct steer_target);
} services SEC(".maps");

struct steer_ring_map {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(struct steer_ring));
};

/* By number of the service. A new ring is written beside the old one and takes its place in one
 * step: no packet ever sees half of it. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, STEER_MOST_SERVICES);
  __type(key, __u32);
  __array(values, struct steer_ring_map);
} rings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, STEER_MOST_SERVERS);
  __type(key, __u32);
  __type(value, struct steer_server);
} servers SEC(".maps");

/* Which server a connection has: what keeps it there when the ring changes. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, STEER_MOST_CONNECTIONS);
  __type(key, struct steer_flow);
  __type(value, __u32);
} connections SEC(".maps");

/* Which server has the connection with a token (host order): learned from keys that went by, or
 * told by the server. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, STEER_MOST_TOKENS);
  __type(key, __u32);
  __type(value, __u32);
} tokens SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct steer_limits);
} limits SEC(".maps");

/* What of the limit is used, on each processor. */
struct steer_budget {
  __u64 second; /* when it began, ns */
  __u64 inserted;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct steer_budget);
} budgets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, STEER_MOST_SERVICES);
  __type(key, __u32);
  __type(value, struct steer_counts);
} service_counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, STEER_MOST_SERVERS);
  __type(key, __u32);
  __type(value, struct steer_traffic);
} server_counts SEC(".maps");
