/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The MPTCP options of a SYN, and the keys in a later segment, whatever stands before, between and
 * behind them.
 *
 * A server decides by what it reads, so this reads as Linux does: kind 1 is skipped, kind 0 or an
 * option with an impossible length ends the list and what came before counts; an option of MPTCP
 * with another length than its subtype has there, or with another version, is none; of several
 * the last counts.
 *
 * The loop is bpf_loop: its body is verified once. As a plain loop of 40 steps, which a list of
 * single octets needs, it is more than the verifier wants to look at. But each step is a call, and
 * the five options that most SYNs begin with took as long as all the rest of a SYN but its lookups:
 * where they are what they usually are, they are stepped over at once. */
#pragma once

#include "packet.h"

#define STEER_MOST_OPTION_OCTETS 40

struct steer_option_walk {
  const __u8* options;
  const __u8* end; /* of the packet */
  __u32 octets;    /* of options, by the header */
  __u32 at;
  __u32 token;
  __u32 key[2]; /* the server's, its halves as numbers */
  __u8 mptcp;   /* options as in a SYN */
  __u8 has_keys;
  __u8 is_malformed;
};

STEER_INLINE __u32 steer_number_at(const __u8* at) {
  return (__u32)at[0] << 24 | (__u32)at[1] << 16 | (__u32)at[2] << 8 | at[3];
}

/* An MP_CAPABLE of version 1, of which four octets can be read. */
STEER_INLINE void steer_read_capable(const __u8* option, __u32 octets,
                                     struct steer_option_walk* walk) {
  if (octets == STEER_MP_CAPABLE_OCTETS) {
    walk->mptcp |= STEER_MP_CAPABLE;
    return;
  }
  if ((octets != STEER_KEYS_OCTETS && octets != STEER_KEYS_DATA_OCTETS &&
       octets != STEER_KEYS_CHECKSUM_OCTETS) ||
      (option[3] & (STEER_CAPABLE_EXTENDED | STEER_CAPABLE_SHA256)) != STEER_CAPABLE_SHA256 ||
      option + STEER_KEYS_OCTETS > walk->end)
    return;
  walk->has_keys = 1;
  walk->key[0] = steer_number_at(option + 12);
  walk->key[1] = steer_number_at(option + 16);
}

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
  const long is_last = walk->at >= walk->octets;
  if (option[0] != STEER_OPTION_MPTCP || octets < STEER_MP_CAPABLE_OCTETS ||
      option + STEER_MP_CAPABLE_OCTETS > walk->end)
    return is_last;
  const __u8 subtype = option[2] >> 4;
  if (subtype == STEER_SUBTYPE_MP_CAPABLE && (option[2] & 0xf) == STEER_MPTCP_VERSION)
    steer_read_capable(option, octets, walk);
  if (subtype == STEER_SUBTYPE_MP_JOIN && octets == STEER_MP_JOIN_OCTETS &&
      option + STEER_MP_JOIN_OCTETS <= walk->end) {
    walk->mptcp |= STEER_MP_JOIN;
    walk->token = steer_number_at(option + 4);
  }
  return is_last;
}

/* The beginning of a SYN by Linux: maximum segment size, SACK permitted, timestamps, one single
 * octet, window scale. Its length, or 0 when it begins in another way. */
STEER_INLINE __u32 steer_usual_beginning(const __u8* options, const __u8* end, __u32 octets) {
  struct steer_usual_options {
    __be32 segment_size;
    __be32 sack_and_timestamps;
    __be32 timestamps[2];
    __be32 window_scale;
  } STEER_ON_WIRE;
  const struct steer_usual_options* usual = (const struct steer_usual_options*)options;
  if (octets < sizeof *usual || (const __u8*)(usual + 1) > end) return 0;
  const int is_usual =
      usual->sack_and_timestamps == STEER_TO_WIRE_32(0x0402080a) &&
      (usual->segment_size & STEER_TO_WIRE_32(0xffff0000)) == STEER_TO_WIRE_32(0x02040000) &&
      (usual->window_scale & STEER_TO_WIRE_32(0xffffff00)) == STEER_TO_WIRE_32(0x01030300);
  return is_usual ? sizeof *usual : 0;
}

/* `options` is what follows the 20 octets of the TCP header, `octets` how long the header says that
 * it is, at most 40. */
STEER_INLINE void steer_walk_options(const __u8* options, const __u8* end, __u32 octets,
                                     struct steer_option_walk* walk) {
  walk->options = options;
  walk->end = end;
  walk->octets = octets;
  walk->at = steer_usual_beginning(options, end, octets);
  bpf_loop(STEER_MOST_OPTION_OCTETS, steer_read_option, walk, 0);
}

/* Those of a SYN. */
STEER_INLINE void steer_read_options(const __u8* options, const __u8* end, __u32 octets,
                                     struct steer_packet* packet) {
  struct steer_option_walk walk = {};
  steer_walk_options(options, end, octets, &walk);
  packet->mptcp = walk.mptcp;
  packet->token = walk.token;
  packet->has_odd_options = walk.is_malformed;
}
