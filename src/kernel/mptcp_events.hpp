// SPDX-License-Identifier: MIT
// What the kernel says about the MPTCP connections of a network namespace while they live: generic
// netlink, family mptcp_pm, multicast group mptcp_pm_events. Both the older form of the events and
// that of Linux 6.18 (flags of their own for the server's side and the C flag) are understood.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/endpoint.hpp"
#include "base/result.hpp"
#include "kernel/netlink.hpp"

namespace anabranch::kernel {

using anabranch::Endpoint;

struct MptcpEvent {
  enum class Type : std::uint8_t {
    kCreated,             ///< a connection exists; the handshake may not be complete
    kEstablished,         ///< its handshake is complete, commands are accepted
    kClosed,              ///< token only
    kAnnounced,           ///< the peer sent ADD_ADDR: remote_id, remote
    kRemoved,             ///< the peer sent REMOVE_ADDR: remote_id
    kSubflowEstablished,  ///< a further subflow
    kSubflowClosed,       ///< `error` says why
    kSubflowPriority,     ///< the peer sent MP_PRIO: backup
    kListenerCreated,     ///< local only
    kListenerClosed,
  };
  Type type{};
  std::uint32_t token = 0;
  Endpoint local;
  Endpoint remote;
  std::uint8_t local_id = 0;
  std::uint8_t remote_id = 0;
  bool server_side = false;    ///< the peer connected to us
  bool deny_join_id0 = false;  ///< the peer set the C flag (RFC 8684 section 3.1)
  bool backup = false;
  int error = 0;         ///< errno of a closed subflow, 0 when it was closed in order
  unsigned ifindex = 0;  ///< 0 when not told
  /// Of the peer's MP_TCPRST (RFC 8684 section 3.6); nothing: there was none.
  std::optional<unsigned> reset_reason = std::nullopt;
  bool reset_transient = false;  ///< T: the reason may pass
  bool operator==(const MptcpEvent&) const = default;
};

/// The event in a netlink message; nothing for one we do not know.
std::optional<MptcpEvent> parse_mptcp_event(const nlmsghdr& message);

class MptcpEventMonitor {
 public:
  /// Subscribes in the calling thread's namespace, with a receive buffer of `buffer` octets. Needs
  /// CAP_NET_ADMIN.
  static Result<MptcpEventMonitor> open(int buffer = 4 << 20);
  int fd() const { return socket_.fd(); }
  /// Visits what has arrived. False when the kernel dropped events: read everything again.
  bool drain(const std::function<void(const MptcpEvent&)>& visit);

 private:
  explicit MptcpEventMonitor(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
};

}  // namespace anabranch::kernel
