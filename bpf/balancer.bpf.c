// SPDX-License-Identifier: MIT OR GPL-2.0-only
// The balancer's data plane: one parser (steering/parse.h) and one decision (steering/decide.h),
// for XDP, for tc and for a look at what they would do.
#include "steering/decide.h"
#include "steering/forward_tc.h"
#include "steering/forward_xdp.h"
#include "steering/learn.h"
#include "steering/parse.h"

char program_license[] SEC("license") = "Dual MIT/GPL";

/* What of a frame must lie in one piece to be read: Ethernet, IP with all the extension headers we
 * step over that a sane sender makes, TCP with options; or an ICMP error with what it quotes. */
#define HEADERS 256

/* Functions that the verifier looks at once each, and not once for every way that leads to them:
 * that made loading ten times as slow. */
__attribute__((noinline)) int parse_xdp(struct xdp_md* frame, struct steer_packet* packet) {
  if (!packet) return 0;
  steer_parse((void*)(long)frame->data, (void*)(long)frame->data_end,
              (__u32)bpf_xdp_get_buff_len(frame), packet);
  return 0;
}

__attribute__((noinline)) int parse_tc(struct __sk_buff* frame, struct steer_packet* packet) {
  if (!packet) return 0;
  steer_parse((void*)(long)frame->data, (void*)(long)frame->data_end, frame->len, packet);
  return 0;
}

__attribute__((noinline)) int look_for_keys_xdp(struct xdp_md* frame, struct steer_packet* packet,
                                                int only_looks, struct steer_verdict* verdict) {
  if (!packet || !verdict) return 0;
  steer_look_for_keys((void*)(long)frame->data, (void*)(long)frame->data_end, packet, only_looks,
                      verdict);
  return 0;
}

__attribute__((noinline)) int look_for_keys_tc(struct __sk_buff* frame, struct steer_packet* packet,
                                               struct steer_verdict* verdict) {
  if (!packet || !verdict) return 0;
  steer_look_for_keys((void*)(long)frame->data, (void*)(long)frame->data_end, packet, 0, verdict);
  return 0;
}

SEC("xdp.frags")
int balance_xdp(struct xdp_md* frame) {
  struct steer_packet packet = {};
  struct steer_verdict verdict = {};
  parse_xdp(frame, &packet);
  const struct steer_server* server = steer_decide(&packet, 0, &verdict);
  if (server && verdict.keys) look_for_keys_xdp(frame, &packet, 0, &verdict);
  if (server) return steer_forward_xdp(frame, &packet, server);
  return verdict.reason == STEER_NOT_OURS ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int balance_tc(struct __sk_buff* frame) {
  const __u64 wanted = frame->len < HEADERS ? frame->len : HEADERS;
  if ((void*)(long)frame->data + wanted > (void*)(long)frame->data_end &&
      bpf_skb_pull_data(frame, (__u32)wanted) != 0)
    return TC_ACT_SHOT;
  struct steer_packet packet = {};
  struct steer_verdict verdict = {};
  parse_tc(frame, &packet);
  const struct steer_server* server = steer_decide(&packet, 0, &verdict);
  if (server && verdict.keys) look_for_keys_tc(frame, &packet, &verdict);
  if (server) return steer_forward_tc(frame, &packet, server);
  return verdict.reason == STEER_NOT_OURS ? TC_ACT_OK : TC_ACT_SHOT;
}

/* Never attached, only run: what it found out takes the place of the frame's beginning. */
SEC("xdp")
int explain(struct xdp_md* frame) {
  struct steer_explanation out = {};
  parse_xdp(frame, &out.packet);
  steer_decide(&out.packet, 1, &out.verdict);
  if (out.verdict.keys) look_for_keys_xdp(frame, &out.packet, 1, &out.verdict);
  if (bpf_xdp_adjust_head(frame, -(int)sizeof out) != 0) return XDP_ABORTED;
  struct steer_explanation* at = (void*)(long)frame->data;
  if ((void*)(at + 1) > (void*)(long)frame->data_end) return XDP_ABORTED;
  *at = out;
  return XDP_PASS;
}
