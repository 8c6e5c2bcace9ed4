/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The maps of the program on a server. They are pinned, as the balancer's are. */
#pragma once

#include "server_entries.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct steer_own);
} own SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, STEER_MOST_ADDRESSES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct steer_destination);
  __type(value, struct steer_target);
} services SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, STEER_MOST_ADDRESSES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct steer_address);
  __type(value, __u32); /* means nothing */
} sources SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, STEER_MOST_SERVERS);
  __type(key, __u32);
  __type(value, struct steer_server);
} servers SEC(".maps");

struct steer_history_map {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(struct steer_history));
};

/* By number of the service; replaced in one step, as the balancer's rings are. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, STEER_MOST_SERVICES);
  __type(key, __u32);
  __array(values, struct steer_history_map);
} histories SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct steer_arrivals);
} arrivals SEC(".maps");

STEER_INLINE void steer_count_arrival(enum steer_arrival what) {
  const __u32 only = 0;
  struct steer_arrivals* counts = bpf_map_lookup_elem(&arrivals, &only);
  if (counts) ++counts->packets[what];
}

STEER_INLINE const struct steer_own* steer_who_we_are(void) {
  const __u32 only = 0;
  return bpf_map_lookup_elem(&own, &only);
}

/* What an address with a port, or with port 0 an address, is to this server; or null. */
STEER_INLINE const struct steer_target* steer_target_at(const __be32 address[4], __be16 port) {
  struct steer_destination key = {};
  __builtin_memcpy(key.address, address, sizeof key.address);
  key.port = port;
  const struct steer_target* target = bpf_map_lookup_elem(&services, &key);
  const struct steer_own* who = steer_who_we_are();
  if (!target || !who) return 0;
  return target->kind == STEER_SERVER_ADDRESS && target->server != who->id ? 0 : target;
}
