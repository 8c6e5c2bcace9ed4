/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The members of kernel structures that our programs read. Where they lie is found out when a
 * program is loaded, from the running kernel's own description of its types. */
#pragma once

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct inet_connection_sock {
  void* icsk_ulp_data;
};

struct tcp_sock {
  struct inet_connection_sock inet_conn;
};

/* What an MPTCP subflow keeps in icsk_ulp_data. */
struct mptcp_subflow_context {
  __u32 mp_capable : 1, /* the peer took part in MP_CAPABLE */
      mp_join : 1;      /* the peer took part in MP_JOIN */
};

#pragma clang attribute pop
