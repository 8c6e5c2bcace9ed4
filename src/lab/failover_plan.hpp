// SPDX-License-Identifier: MIT
// When which path falls silent during one transfer of the failover scenario, as values. The times
// look random and are the same in every run.
#pragma once

#include <random>
#include <vector>

#include "base/units.hpp"

namespace anabranch::lab {

/// Both directions of the path are silent from `at` until `at + outage`, counted from the first
/// payload octet.
struct PlannedCut {
  unsigned path = 0;
  nanoseconds at{};
  nanoseconds outage{};
  nanoseconds heals() const { return at + outage; }
};

struct FailoverRound {
  std::vector<PlannedCut> cuts;
  nanoseconds duration{};  ///< of the transfer: ends a while after the last path has come back
};

/// What is silent for no longer than this is for the sake of the failover alone.
inline constexpr milliseconds kShortOutage{1500};

/// Three cuts of either of two paths: one that lasts `outage`, and two short ones once the path has
/// had `settle` to come back. A short one is settled after as long as it lasted and two seconds.
FailoverRound plan_failover(std::mt19937& random, nanoseconds outage, nanoseconds settle);

}  // namespace anabranch::lab
