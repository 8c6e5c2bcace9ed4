// SPDX-License-Identifier: MIT OR GPL-2.0-only
// Gives each MPTCP subflow, when its handshake is complete, the limits that its local address has.
// The kernel's scheduler fills every subflow up to its send buffer: a low-water mark keeps a slow
// one from taking megabytes that the fast one would have carried long ago. An application's socket
// option would limit all its subflows alike.
//
// Plain TCP is left alone, also where an MPTCP socket has become it.
#include "subflow_limits.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>

#include "kernel_types.h"

#define AF_INET 2
#define SOL_SOCKET 1
#define SO_SNDBUF 7
#define SOL_TCP 6
#define TCP_NOTSENT_LOWAT 25

char program_license[] SEC("license") = "Dual MIT/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, struct subflow_limit_key);
  __type(value, struct subflow_limit);
} limits SEC(".maps");

static int is_subflow(struct bpf_sock* sk) {
  if (!sk || !bpf_skc_to_mptcp_sock(sk)) return 0;
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk);
  if (!tcp) return 0;
  struct mptcp_subflow_context* subflow = BPF_CORE_READ(tcp, inet_conn.icsk_ulp_data);
  if (!subflow) return 0;
  return BPF_CORE_READ_BITFIELD_PROBED(subflow, mp_capable) ||
         BPF_CORE_READ_BITFIELD_PROBED(subflow, mp_join);
}

SEC("sockops")
int limit_subflow(struct bpf_sock_ops* ops) {
  if (ops->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB &&
      ops->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
    return 1;
  struct subflow_limit_key key = {.network_namespace = bpf_get_netns_cookie(ops)};
  if (ops->family == AF_INET) {
    key.address[2] = bpf_htonl(0xffff);
    key.address[3] = ops->local_ip4;
    barrier(); /* or the compiler joins both branches into one load, whose place it computes:
                  refused */
  } else {
    key.address[0] = ops->local_ip6[0];
    key.address[1] = ops->local_ip6[1];
    key.address[2] = ops->local_ip6[2];
    key.address[3] = ops->local_ip6[3];
  }
  const struct subflow_limit* limit = bpf_map_lookup_elem(&limits, &key);
  if (!limit || !is_subflow(ops->sk)) return 1;
  int octets = limit->send_buffer;
  if (octets) bpf_setsockopt(ops, SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
  octets = limit->unsent_low_water;
  if (octets) bpf_setsockopt(ops, SOL_TCP, TCP_NOTSENT_LOWAT, &octets, sizeof octets);
  return 1;
}
