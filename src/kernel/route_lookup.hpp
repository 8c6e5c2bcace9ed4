// SPDX-License-Identifier: MIT
// Where the kernel of the calling thread's namespace would send a packet: its own answer, rules,
// tables and metrics included.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "kernel/netlink.hpp"

namespace anabranch::kernel {

struct RouteAnswer {
  unsigned ifindex = 0;  ///< where it leaves; that of the loopback for an address of our own
  std::optional<IpAddress> via = std::nullopt;
  std::optional<IpAddress> source = std::nullopt;  ///< which a socket without one would take
  std::uint32_t table = 0;
  bool to_ourselves = false;
};

class RouteLookup {
 public:
  static Result<RouteLookup> open();

  struct Question {
    IpAddress to;
    std::optional<IpAddress> from = std::nullopt;
    /// As of a socket bound to this interface; 0: not bound. Only a real route counts: for IPv4 the
    /// kernel else takes every address for a neighbour on that interface.
    unsigned ifindex = 0;
  };
  /// The error says in the kernel's words why the packet would not leave ("Network is
  /// unreachable").
  Result<RouteAnswer> ask(const Question& question);

  /// A table, the numerically first, with a unicast route to `to` by `ifindex`, whether or not a
  /// rule leads there.
  std::optional<std::uint32_t> table_with_route(const IpAddress& to, unsigned ifindex);

 private:
  explicit RouteLookup(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
};

}  // namespace anabranch::kernel
