// SPDX-License-Identifier: MIT
// Announces to connections whose path manager lives in user space (net.mptcp.pm_type=1 when they
// began). For those the kernel opens the listener of an endpoint, too, but announces nothing by
// itself (RFC 8684 section 3.4.1).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <unordered_set>

#include "balancer/server_connections.hpp"
#include "balancer/server_duties.hpp"
#include "base/result.hpp"
#include "kernel/mptcp_commands.hpp"

namespace anabranch::balancer {

class ServerAnnouncer {
 public:
  static Result<ServerAnnouncer> open();

  /// To connections from now on; `known`, which have begun before, are told what is new and that
  /// what is not there any more is gone.
  void set(std::span<const Announcement> announcements, const ServerConnections& known);
  /// To a connection that is established. Nothing happens to one of the kernel's path manager.
  void announce(std::uint32_t token);
  void closed(std::uint32_t token) { told_.erase(token); }
  /// From every connection that was told.
  void withdraw();

 private:
  explicit ServerAnnouncer(kernel::MptcpCommands commands) : commands_(std::move(commands)) {}
  bool send(std::uint32_t token, std::uint8_t id, const Endpoint& place);

  kernel::MptcpCommands commands_;
  std::map<Endpoint, std::uint8_t> ids_;
  std::unordered_set<std::uint32_t> told_;
};

}  // namespace anabranch::balancer
