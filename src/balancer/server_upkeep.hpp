// SPDX-License-Identifier: MIT
// Keeps the kernel's MPTCP settings of a server as its duties want them: the C flag, the limit of
// subflows, the endpoints. What it has changed it can take back, also after a predecessor was
// killed; what is not its own it leaves alone.
#pragma once

#include <span>
#include <vector>

#include "balancer/server_duties.hpp"
#include "balancer/server_record.hpp"
#include "base/result.hpp"
#include "kernel/mptcp_pm.hpp"
#include "kernel/sysctl.hpp"

namespace anabranch::balancer {

class ServerUpkeep {
 public:
  /// With what a predecessor has left, of this machine's current boot. kNotPermitted when the
  /// kernel has no MPTCP.
  static Result<ServerUpkeep> open();

  /// `places`: to be announced, of places_of(); `addresses`: of this machine. Twice changes
  /// nothing. Every change is in the log. One endpoint that the kernel refuses keeps none of the
  /// others away: the first such error is returned, and the next call tries again.
  Result<void> apply(bool deny_initial, std::span<const Endpoint> places,
                     std::span<const IpAddress> addresses);
  /// Endpoints first: peers hear of it by REMOVE_ADDR. What is gone already is no error.
  Result<void> take_back();

  /// Of the last apply().
  const std::vector<Announcement>& announcements() const { return announcements_; }
  /// As the kernel has it now.
  static bool initial_denied();

 private:
  explicit ServerUpkeep(kernel::MptcpPathManager manager) : manager_(std::move(manager)) {}
  Result<void> announce(std::span<const Endpoint> announced, std::span<const IpAddress> addresses);
  Result<void> deny(bool initial);
  Result<void> raise_limits();
  Result<void> lower_limits();
  Result<void> save() const;

  kernel::MptcpPathManager manager_;
  kernel::SavedSysctls sysctls_{server_sysctls_path()};
  ServerRecord record_;
  std::vector<Announcement> announcements_;
};

}  // namespace anabranch::balancer
