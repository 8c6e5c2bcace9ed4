/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the loader writes for subflow_limits.bpf.c. */
#pragma once

#include <linux/types.h>

struct subflow_limit_key {
  __u64 network_namespace; /* its cookie */
  __u32 address[4];        /* local, network order; IPv4 is IPv4-mapped */
};

struct subflow_limit {
  __u32 send_buffer;      /* SO_SNDBUF, octets; 0: left alone */
  __u32 unsent_low_water; /* TCP_NOTSENT_LOWAT, octets; 0: left alone */
};
