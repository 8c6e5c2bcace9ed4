// SPDX-License-Identifier: MIT
// What the kernel knows of a neighbour on a link (ARP, Neighbour Discovery), and how to make it
// look.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "kernel/netlink.hpp"

namespace anabranch::kernel {

enum class NeighbourState : std::uint8_t {
  kUnknown,  ///< not asked yet, or being asked for the first time
  kKnown,    ///< its link address is known; whether it is still there the kernel sees to in time
  kFailed,   ///< asked three times and silent (NUD_FAILED)
};

class Neighbours {
 public:
  /// In the calling thread's network namespace.
  static Result<Neighbours> open();
  /// Who only calls look().
  static Result<Neighbours> open_without_events();

  /// What is known of `address` on the link `ifindex`. When the kernel has any doubt it begins to
  /// look now; it then asks once a second, and after the third time it gives up. With `again` an
  /// unanswered question is asked at once, however short the time since the last one.
  Result<NeighbourState> look(unsigned ifindex, const IpAddress& address, bool again);

  /// Its link address, where it is known.
  Result<std::optional<MacAddress>> link_address(unsigned ifindex, const IpAddress& address);

  int fd() const { return events_->fd(); }
  /// Calls `visit` for what has changed since the last call. False when the kernel had to drop
  /// events: look() knows what they were.
  using Visitor =
      std::function<void(unsigned ifindex, const IpAddress& address, NeighbourState state)>;
  bool drain(const Visitor& visit);

 private:
  Neighbours(NetlinkSocket requests, std::optional<NetlinkSocket> events)
      : requests_(std::move(requests)), events_(std::move(events)) {}
  Result<void> set(unsigned ifindex, const IpAddress& address, std::uint16_t state,
                   std::uint8_t flags);
  NetlinkSocket requests_;
  std::optional<NetlinkSocket> events_;
};

}  // namespace anabranch::kernel
