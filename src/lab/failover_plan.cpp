// SPDX-License-Identifier: MIT
#include "lab/failover_plan.hpp"

namespace anabranch::lab {
namespace {

constexpr milliseconds kSlowStart{2000};
constexpr std::uint64_t kJitterMs = 1000;
constexpr milliseconds kShortSettle{3500};

/// The engine's own figures, since a distribution may give others with another library.
milliseconds jitter(std::mt19937& random) {
  return milliseconds(random() % kJitterMs);
}

}  // namespace

FailoverRound plan_failover(std::mt19937& random, nanoseconds outage, nanoseconds settle) {
  FailoverRound out;
  nanoseconds at = kSlowStart;
  const auto cut = [&](nanoseconds length, nanoseconds afterwards) {
    at += jitter(random);
    out.cuts.push_back({1 + static_cast<unsigned>(random() % 2), at, length});
    at += length + afterwards;
  };
  cut(outage, settle);
  cut(kShortOutage, kShortSettle);
  cut(kShortOutage, kShortSettle);
  out.duration = at;
  return out;
}

}  // namespace anabranch::lab
