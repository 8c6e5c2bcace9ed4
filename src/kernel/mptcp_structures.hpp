// SPDX-License-Identifier: MIT
// Structures in which Linux 6.18 tells about MPTCP connections and TCP sockets. They grow at their
// end only: an older kernel fills less, a newer one more. What was not filled stays zero.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace anabranch::kernel {

/// struct mptcp_info.
struct MptcpInfo {
  std::uint8_t extra_subflows;
  std::uint8_t add_addr_signal;
  std::uint8_t add_addr_accepted;
  std::uint8_t subflows_max;
  std::uint8_t add_addr_signal_max;
  std::uint8_t add_addr_accepted_max;
  std::uint16_t hole;
  std::uint32_t flags;
  std::uint32_t token;
  std::uint64_t write_seq;
  std::uint64_t snd_una;
  std::uint64_t rcv_nxt;
  std::uint8_t local_addr_used;
  std::uint8_t local_addr_max;
  std::uint8_t csum_enabled;
  std::uint8_t hole2;
  std::uint32_t retransmits;
  std::uint64_t bytes_retrans;  // these four since Linux 6.5
  std::uint64_t bytes_sent;
  std::uint64_t bytes_received;
  std::uint64_t bytes_acked;
  std::uint8_t subflows_total;
  std::uint8_t endp_laminar_max;
  std::uint8_t endp_fullmesh_max;
  std::uint8_t hole3;
  std::uint32_t last_data_sent;
  std::uint32_t last_data_recv;
  std::uint32_t last_ack_recv;
};
static_assert(offsetof(MptcpInfo, write_seq) == 16);
static_assert(offsetof(MptcpInfo, bytes_retrans) == 48);
static_assert(sizeof(MptcpInfo) == 96);

/// struct tcp_info up to its last member that was the same in every kernel with MPTCP.
struct TcpInfo {
  std::uint8_t state;
  std::uint8_t ca_state;
  std::uint8_t retransmits;
  std::uint8_t probes;
  std::uint8_t backoff;
  std::uint8_t options;
  std::uint8_t window_scales;  // two of four bits each
  std::uint8_t bits;
  std::uint32_t rto;
  std::uint32_t ato;
  std::uint32_t snd_mss;
  std::uint32_t rcv_mss;
  std::uint32_t unacked;
  std::uint32_t sacked;
  std::uint32_t lost;
  std::uint32_t retrans;
  std::uint32_t fackets;
  std::uint32_t last_data_sent;  // milliseconds ago, as the next three
  std::uint32_t last_ack_sent;
  std::uint32_t last_data_recv;
  std::uint32_t last_ack_recv;
  std::uint32_t pmtu;
  std::uint32_t rcv_ssthresh;
  std::uint32_t rtt;  // microseconds
  std::uint32_t rttvar;
  std::uint32_t snd_ssthresh;
  std::uint32_t snd_cwnd;
  std::uint32_t advmss;
  std::uint32_t reordering;
  std::uint32_t rcv_rtt;  // microseconds
  std::uint32_t rcv_space;
  std::uint32_t total_retrans;
  std::uint64_t pacing_rate;  // octets a second, all bits set: no limit
  std::uint64_t max_pacing_rate;
  std::uint64_t bytes_acked;
  std::uint64_t bytes_received;
  std::uint32_t segs_out;
  std::uint32_t segs_in;
  std::uint32_t notsent_bytes;
  std::uint32_t min_rtt;  // microseconds, all bits set: not measured
  std::uint32_t data_segs_in;
  std::uint32_t data_segs_out;
  std::uint64_t delivery_rate;  // octets a second
  std::uint64_t busy_time;      // microseconds, as the next two
  std::uint64_t rwnd_limited;
  std::uint64_t sndbuf_limited;
  std::uint32_t delivered;
  std::uint32_t delivered_ce;
  std::uint64_t bytes_sent;
  std::uint64_t bytes_retrans;
  std::uint32_t dsack_dups;
  std::uint32_t reord_seen;
  std::uint32_t rcv_ooopack;
  std::uint32_t snd_wnd;
};
static_assert(offsetof(TcpInfo, pacing_rate) == 104);
static_assert(offsetof(TcpInfo, delivery_rate) == 160);
static_assert(offsetof(TcpInfo, bytes_retrans) == 208);
static_assert(sizeof(TcpInfo) == 232);

/// What the kernel filled of a `Structure`; the rest is zero.
template <class Structure>
Structure structure_from(std::span<const std::uint8_t> octets) {
  Structure out{};
  if (!octets.empty()) std::memcpy(&out, octets.data(), std::min(octets.size(), sizeof out));
  return out;
}

}  // namespace anabranch::kernel
