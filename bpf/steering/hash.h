/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* From a flow to a place on the ring. Every balancer with the same configuration comes to the same
 * place, and user space can tell it beforehand.
 *
 * Each pair of words is mixed in by a multiplication with an odd constant, which loses nothing, and
 * a shift that brings the high bits, where a product is good, down to the next one. */
#pragma once

#include "packet.h"

/* A prime well above a hundred times the servers (Maglev, NSDI 2016, section 3.4): no server's
 * share is then off by more than a percent. */
#define STEER_RING_PLACES 65537

STEER_INLINE __u64 steer_mix(__u64 hash, __u32 first, __u32 second) {
  hash ^= (__u64)first << 32 | second;
  hash *= 0x9e3779b97f4a7c15ULL; /* 2^64 divided by the golden ratio */
  return hash ^ hash >> 32;
}

/* 0 to STEER_RING_PLACES - 1. */
STEER_INLINE __u32 steer_ring_place(const struct steer_flow* flow) {
  __u64 hash = steer_mix(0, flow->client[0], flow->client[1]);
  hash = steer_mix(hash, flow->client[2], flow->client[3]);
  hash = steer_mix(hash, flow->service[0], flow->service[1]);
  hash = steer_mix(hash, flow->service[2], flow->service[3]);
  hash = steer_mix(hash, flow->client_port, flow->service_port);
  hash = steer_mix(hash, 0, 0);
  return (__u32)((hash >> 32) * STEER_RING_PLACES >> 32);
}
