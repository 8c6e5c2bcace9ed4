/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The MPTCP options of a SYN, whatever stands before, between and behind them.
 *
 * A server decides by what it reads, so this reads as Linux does: kind 1 is skipped, kind 0 or an
 * option with an impossible length ends the list and what came before counts; an option of MPTCP
 * with another length than its subtype has in a SYN, or with another version, is none; of several
 * MP_JOIN the last counts.
 *
 * The loop is bpf_loop: its body is verified once. As a plain loop of 40 steps, which a list of
 * single octets needs, it is more than the verifier wants to look at. */
#pragma once

#include "packet.h"

#define STEER_MOST_OPTION_OCTETS 40

struct steer_option_walk {
  const __u8* options;
  const __u8* end; /* of the packet */
  __u32 octets;    /* of options, by the header */
  __u32 at;
  __u32 token;
  __u8 mptcp;
  __u8 is_malformed;
};

static long steer_read_option(__u32 step, void* context) {
  struct steer_option_walk* walk = (struct steer_option_walk*)context;
  const __u32 at = walk->at;
  (void)step;
  if (at >= walk->octets || at >= STEER_MOST_OPTION_OCTETS) return 1;
  const __u8* option = walk->options + at;
  if (option + 1 > walk->end || option[0] == STEER_OPTION_END) return 1;
  if (option[0] == STEER_OPTION_NONE) {
    walk->at = at + 1;
    return 0;
  }
  if (option + 2 > walk->end || option[1] < 2 || at + option[1] > walk->octets) {
    walk->is_malformed = 1;
    return 1;
  }
  const __u32 octets = option[1];
  walk->at = at + octets;
  if (option[0] != STEER_OPTION_MPTCP || octets < 3 || option + 3 > walk->end) return 0;
  const __u8 subtype = option[2] >> 4;
  if (subtype == STEER_SUBTYPE_MP_CAPABLE && octets == STEER_MP_CAPABLE_OCTETS &&
      (option[2] & 0xf) == STEER_MPTCP_VERSION)
    walk->mptcp |= STEER_MP_CAPABLE;
  if (subtype == STEER_SUBTYPE_MP_JOIN && octets == STEER_MP_JOIN_OCTETS &&
      option + STEER_MP_JOIN_OCTETS <= walk->end) {
    walk->mptcp |= STEER_MP_JOIN;
    walk->token =
        (__u32)option[4] << 24 | (__u32)option[5] << 16 | (__u32)option[6] << 8 | option[7];
  }
  return 0;
}

/* `options` is what follows the 20 octets of the TCP header, `octets` how long the header says that
 * it is, at most 40. */
STEER_INLINE void steer_read_options(const __u8* options, const __u8* end, __u32 octets,
                                     struct steer_packet* packet) {
  struct steer_option_walk walk = {};
  walk.options = options;
  walk.end = end;
  walk.octets = octets;
  bpf_loop(STEER_MOST_OPTION_OCTETS, steer_read_option, &walk, 0);
  packet->mptcp = walk.mptcp;
  packet->token = walk.token;
  packet->has_odd_options = walk.is_malformed;
}
