// SPDX-License-Identifier: MIT OR GPL-2.0-only
// For bench/balancer_cost: a test-run repeats a program over one frame, and does not bring back
// what the program has changed of it. These come first in each repetition, put the frame's
// beginning back, write numbers into it that differ from one time to the next, and go on with the
// program in question.
#include "varied.h"

#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>

char program_license[] SEC("license") = "Dual MIT/GPL";

struct varied_frame varied = {};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, VARIED_TOKENS);
  __type(key, __u32);
  __type(value, __be32);
} some_tokens SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u32));
} next_xdp SEC(".maps"), next_tc SEC(".maps");

static __always_inline void write_at(void* begin, void* end, __u32 place, __u32 value) {
  if (place == 0 || place > VARIED_MOST_PLACE) return;
  __u32* at = begin + place;
  if ((void*)(at + 1) <= end) *at = value;
}

static __always_inline void vary(void* begin, void* end) {
  const __u32 number = varied.next++;
  write_at(begin, end, varied.client_at, number);
  write_at(begin, end, varied.key_at, number);
  if (varied.token_at == 0) return;
  const __u32 place = number % VARIED_TOKENS;
  const __be32* token = bpf_map_lookup_elem(&some_tokens, &place);
  if (token) write_at(begin, end, varied.token_at, *token);
}

SEC("xdp.frags")
int vary_xdp(struct xdp_md* frame) {
  const int grown = (int)(frame->data_end - frame->data) - (int)varied.octets;
  if (grown != 0 && bpf_xdp_adjust_head(frame, grown) != 0) return XDP_ABORTED;
  void* begin = (void*)(long)frame->data;
  void* end = (void*)(long)frame->data_end;
  if (begin + sizeof varied.ethernet > end) return XDP_ABORTED;
  __builtin_memcpy(begin, varied.ethernet, sizeof varied.ethernet);
  vary(begin, end);
  bpf_tail_call(frame, &next_xdp, 0);
  return XDP_ABORTED;
}

SEC("tc")
int vary_tc(struct __sk_buff* frame) {
  vary((void*)(long)frame->data, (void*)(long)frame->data_end);
  bpf_tail_call(frame, &next_tc, 0);
  return TC_ACT_SHOT;
}

/* What everything is compared with. */
SEC("xdp.frags")
int empty_xdp(struct xdp_md* frame) {
  (void)frame;
  return XDP_TX;
}

SEC("tc")
int empty_tc(struct __sk_buff* frame) {
  (void)frame;
  return TC_ACT_REDIRECT;
}
