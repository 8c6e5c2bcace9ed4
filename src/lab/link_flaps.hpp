// SPDX-License-Identifier: MIT
// Links that lose their carrier again and again, at moments that look random and are the same in
// every run.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "lab/transfer.hpp"

namespace anabranch::lab {

/// Bounds of how long a link is down, and of the time from its return to the next flap.
struct FlapTimes {
  milliseconds shortest_down{100};
  milliseconds longest_down{300};
  milliseconds shortest_up{100};
  milliseconds longest_up{300};
};

/// One of `links` at a time is cut at both ends and put back, from `start` on: as many flaps as
/// `count`, or as end before `end`.
std::vector<TimedAction> flap_actions(WireControl& wire, const std::vector<std::string>& links,
                                      const FlapTimes& times, std::mt19937& random,
                                      nanoseconds start, nanoseconds end, unsigned count);

}  // namespace anabranch::lab
