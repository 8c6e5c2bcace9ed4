// SPDX-License-Identifier: MIT
// Who serves: the servers' checks, the drained ones and the weights that follow, in one hand.
#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "balancer/drained.hpp"
#include "balancer/health_checks.hpp"
#include "balancer/weights.hpp"

namespace anabranch::balancer {

class Roster {
 public:
  /// `changed` is called, never from inside, when it is time to weigh anew because of a check.
  Roster(Loop& loop, std::filesystem::path drained_file, std::function<void()> changed)
      : checks_(loop, std::move(changed)), drained_(std::move(drained_file)) {
    drained_.load();
  }

  /// See HealthChecks. What these settings do not have any more is forgotten.
  Result<void> follow(const BalancerSettings& settings);
  /// Every server that is checked has been checked once.
  bool settled() const { return checks_.settled(); }
  /// kBadInput for a server that there is not.
  Result<void> drain(const BalancerSettings& settings, const std::string& server, bool drained);

  /// Tells in the log what has become of whole services.
  const Weights& weigh(const BalancerSettings& settings, MonotonicTime now);
  const Weights& weights() const { return weights_; }
  const HealthStates& health() const { return checks_.states(); }
  const std::set<std::string>& drained() const { return drained_.names(); }

 private:
  HealthChecks checks_;
  Drained drained_;
  Weigher weigher_;
  Weights weights_;
};

}  // namespace anabranch::balancer
