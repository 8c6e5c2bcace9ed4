/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The keys of a connection, which its client sends once: in the third packet of the handshake, and
 * again with the first data, should that packet be lost (RFC 8684 section 3.1). */
#pragma once

#include "options.h"
#include "packet.h"
#include "sha256.h"

/* No header of TCP is farther behind, with all the extension headers that are stepped over; for the
 * verifier, who wants to be told. */
#define STEER_MOST_SEGMENT_AT 0x3fff

/* Of a segment without SYN, as steer_parse has read it: the token that names its connection at the
 * server, when the server's key is there. `begin` to `end` as for steer_parse. */
STEER_INLINE int steer_read_token(const void* begin, const void* end,
                                  const struct steer_packet* packet, __u32* token) {
  const __u8* at = (const __u8*)begin + (packet->segment_at & STEER_MOST_SEGMENT_AT);
  const struct steer_tcp* tcp = (const struct steer_tcp*)at;
  const __u8* stop = (const __u8*)end;
  if ((const __u8*)(tcp + 1) > stop) return 0;
  const __u32 header = (tcp->offset >> 4) * 4u;
  if (header < sizeof *tcp + STEER_KEYS_OCTETS) return 0;
  struct steer_option_walk walk = {};
  steer_walk_options(at + sizeof *tcp, stop, header - (__u32)sizeof *tcp, &walk);
  if (walk.has_keys) *token = steer_token_of_key(walk.key[0], walk.key[1]);
  return walk.has_keys;
}
