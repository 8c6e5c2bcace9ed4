// SPDX-License-Identifier: MIT
// The MPTCP connections and their subflows of every process of the network namespace, over
// NETLINK_SOCK_DIAG. Single sockets are asked for by key, which costs a few microseconds each; a
// dump walks the kernel's whole hash table and is for the start and for repairs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "kernel/mptcp_events.hpp"
#include "kernel/netlink.hpp"

namespace anabranch::kernel {

/// One MPTCP connection (struct mptcp_info).
struct ConnectionInfo {
  std::uint32_t token = 0;  ///< ours, as in the path manager's events
  Endpoint local;
  Endpoint remote;
  std::uint8_t state = 0;  ///< TCP state number; 1 is ESTABLISHED, 10 LISTEN
  /// Nothing: nobody has accepted the connection yet, and the kernel says 0 of such ones.
  std::optional<std::uint32_t> uid = std::nullopt;
  std::uint64_t cgroup = 0;  ///< id of the cgroup (inode of its directory), 0 when not told
  unsigned ifindex = 0;
  bool fallback = false;  ///< became plain TCP (RFC 8684 section 3.7)
  unsigned extra_subflows = 0;
  unsigned announced = 0;            ///< ADD_ADDRs sent
  unsigned accepted_announced = 0;   ///< ADD_ADDRs of the peer taken
  std::uint64_t written = 0;         ///< data sequence: next octet to be written by the application
  std::uint64_t unacknowledged = 0;  ///< data sequence: first octet not acknowledged
  std::uint64_t received_next = 0;   ///< data sequence: next octet expected
  std::uint64_t octets_sent = 0;
  std::uint64_t octets_received = 0;
  std::uint64_t octets_acknowledged = 0;
  std::uint64_t octets_retransmitted = 0;
};

/// One subflow (struct tcp_info and the MPTCP part of INET_DIAG_ULP_INFO).
struct SubflowDiag {
  std::uint32_t token = 0;  ///< of its connection, ours
  Endpoint local;
  Endpoint remote;
  unsigned ifindex = 0;  ///< it is bound to, 0 for none
  std::uint8_t local_id = 0;
  std::uint8_t remote_id = 0;
  std::uint8_t state = 0;         ///< TCP state number
  bool initial = false;           ///< MP_CAPABLE, not MP_JOIN
  bool backup = false;            ///< the peer asked us to take it as a backup (MP_PRIO, MP_JOIN)
  bool requested_backup = false;  ///< we asked the peer to
  std::uint8_t congestion_state = 0;    ///< tcpi_ca_state: 0 open ... 4 loss
  std::uint8_t backoff = 0;             ///< doublings of the retransmission timer
  std::uint32_t congestion_window = 0;  ///< segments
  std::uint32_t segment = 0;            ///< octets (snd_mss)
  std::uint32_t unacknowledged = 0;     ///< segments in flight
  std::uint32_t unsent = 0;             ///< octets queued and never sent
  std::uint32_t retransmissions = 0;    ///< segments, over its life
  std::uint64_t octets_sent = 0;
  std::uint64_t octets_acknowledged = 0;
  std::uint64_t octets_received = 0;  ///< in order
  std::uint64_t octets_retransmitted = 0;
  std::uint32_t data_segments_received = 0;  ///< in order or not
  nanoseconds rtt{};                         ///< smoothed; zero before the first measurement
  nanoseconds rtt_variance{};
  nanoseconds minimum_rtt{};
  nanoseconds receiver_rtt{};  ///< the receiver's own estimate (rcv_rtt)
  nanoseconds since_ack{};     ///< since the last segment with an ACK came in
  nanoseconds since_data_received{};
  nanoseconds since_data_sent{};
  BitRate pacing_rate{};
  BitRate delivery_rate{};
  std::uint32_t send_buffer = 0;  ///< octets (sk_sndbuf), 0 when not told
  std::uint32_t receive_buffer = 0;
};

/// What the kernel said about one socket; nothing for a listener or what is no MPTCP.
std::optional<ConnectionInfo> parse_connection(const nlmsghdr& message);
std::optional<SubflowDiag> parse_subflow(const nlmsghdr& message);

class SocketDiag {
 public:
  static Result<SocketDiag> open();

  /// Every MPTCP connection that is no listener.
  Result<std::vector<ConnectionInfo>> connections();
  /// Every subflow of MPTCP connections.
  Result<std::vector<SubflowDiag>> subflows();
  /// Those alone that wait for an answer to their SYN.
  Result<std::vector<SubflowDiag>> connecting();
  /// By token; nothing when there is none.
  Result<std::optional<ConnectionInfo>> connection(std::uint32_t token);
  struct Key {
    Endpoint local;
    Endpoint remote;
    unsigned ifindex = 0;  ///< it is bound to
  };
  /// Nothing when it is gone, or is no MPTCP subflow.
  Result<std::optional<SubflowDiag>> subflow(const Key& key);
  /// Many at once, with few system calls; in the order asked for.
  Result<std::vector<std::optional<ConnectionInfo>>> connections(
      std::span<const std::uint32_t> tokens);
  Result<std::vector<std::optional<SubflowDiag>>> subflows(std::span<const Key> keys);
  /// SOCK_DESTROY: RST, its data is sent again on the others. Being gone already is success.
  Result<void> destroy(const Key& key);
  /// Whether some TCP socket listens where a SYN to `local` arrives (its address, or any).
  Result<bool> listens(const Endpoint& local);
  /// Whether that socket speaks MPTCP, so that an MP_JOIN to `local` is answered.
  Result<bool> takes_joins(const Endpoint& local);

 private:
  explicit SocketDiag(NetlinkSocket socket) : socket_(std::move(socket)) {}
  Result<bool> listener(const Endpoint& local, bool mptcp);
  Result<std::vector<SubflowDiag>> subflows_in(std::uint32_t states);
  NetlinkSocket socket_;
};

}  // namespace anabranch::kernel
