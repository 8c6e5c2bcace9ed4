/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What bench/balancer_cost tells varied.bpf.c. */
#pragma once

#include <linux/types.h>

#define VARIED_TOKENS 1000000
#define VARIED_MOST_PLACE 255

struct varied_frame {
  __u32 octets;    /* of the frame */
  __u32 client_at; /* where in it these words are; 0: they stay as they are */
  __u32 key_at;
  __u32 token_at;
  __u32 next; /* the number that is written next, as client and key, and as place in the list of
                 tokens */
  __u8 ethernet[14];
};
