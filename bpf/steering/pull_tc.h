/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* tc has frames in pieces; what is to be read of one must lie in the first. */
#pragma once

#include "portable.h"

/* 0 when `octets` from the beginning, or all that there are, can be read. */
STEER_INLINE int steer_pull_tc(struct __sk_buff* frame, __u32 octets) {
  const __u64 wanted = frame->len < octets ? frame->len : octets;
  if ((void*)(long)frame->data + wanted <= (void*)(long)frame->data_end) return 0;
  return (int)bpf_skb_pull_data(frame, (__u32)wanted);
}
