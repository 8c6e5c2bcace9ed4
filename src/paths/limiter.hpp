// SPDX-License-Identifier: MIT
// Carries out what the Decider wants subflows limited to, where the kernel and the settings let us.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "kernel/subflow_limits.hpp"
#include "paths/action.hpp"
#include "paths/settings.hpp"

namespace anabranch::paths {

class Limiter {
 public:
  /// For the network namespace of the calling thread. Logs why there are no limits, if there are
  /// none.
  explicit Limiter(const Settings& settings);

  bool active() const { return limits_.has_value(); }
  /// "active", "off" or "refused: " and why.
  const std::string& state() const { return state_; }
  /// Octets that a fast subflow has, as the kernel shows it: twice what was set. 0: not active.
  std::uint32_t send_buffer() const { return send_buffer_; }

  /// What is in force already is not set again.
  Result<void> apply(const action::LimitSubflows& what);
  /// There are no limits any more.
  void give_up(const Error& why);

 private:
  Result<void> open(const Settings& settings);
  using Wanted = std::map<IpAddress, kernel::SubflowLimit>;

  std::optional<kernel::SubflowLimits> limits_;
  std::string state_ = "off";
  std::uint32_t send_buffer_ = 0;
  std::map<Family, Wanted> in_force_;
};

}  // namespace anabranch::paths
