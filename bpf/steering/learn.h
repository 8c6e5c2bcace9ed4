/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the balancer learns of tokens by itself: the keys of a connection go by on their way to the
 * server that the connection has.
 *
 * Anybody may send such a packet. It can plant nothing but a token that leads to the server which
 * the ring has chosen for that very flow, after a SYN that was remembered; it takes no token away
 * from another server, and counts against the limit of inserts. */
#pragma once

#include "decide.h"
#include "keys.h"

/* Once for each connection: afterwards its segments are not looked at any more. */
STEER_INLINE void steer_learn_token(const struct steer_flow* flow, __u32 server, __u32 service,
                                    __u32 token) {
  const __u32* owner = bpf_map_lookup_elem(&tokens, &token);
  if (owner && *owner != server) {
    steer_note(service, STEER_NOTED_TOKEN_CONFLICT, 0);
  } else if (!owner) {
    /* What is over the limit now may come again with the first data. */
    if (!steer_may_insert()) {
      steer_note(service, STEER_NOTED_UNLEARNED, 0);
      return;
    }
    if (bpf_map_update_elem(&tokens, &token, &server, BPF_NOEXIST) == 0)
      steer_note(service, STEER_NOTED_TOKEN, 0);
  }
  __u32* known = bpf_map_lookup_elem(&connections, flow);
  if (known) *known &= ~STEER_AWAITS_KEYS;
}

/* After steer_decide, where it asks for keys. */
STEER_INLINE void steer_look_for_keys(const void* begin, const void* end,
                                      const struct steer_packet* packet, int only_looks,
                                      struct steer_verdict* verdict) {
  if (verdict->keys != STEER_KEYS_ASKED || !steer_read_token(begin, end, packet, &verdict->token))
    return;
  verdict->keys = STEER_KEYS_FOUND;
  if (!only_looks)
    steer_learn_token(&packet->flow, verdict->server, verdict->service, verdict->token);
}
