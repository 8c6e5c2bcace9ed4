// SPDX-License-Identifier: MIT
// What somebody else took away and we have put back: its names for the log, and the pace at which
// we go on when it is taken away again and again, so that two managers of one machine do not fight
// at full speed. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/units.hpp"
#include "host/line_budget.hpp"
#include "host/plan.hpp"

namespace anabranch::host {

/// What a pass had to make.
struct Applied {
  kernel::Difference network;
  std::vector<kernel::MptcpEndpoint> endpoints;
  std::uint32_t subflows = 0;  ///< the limit that had to be raised to this; 0: it had not
};

/// The names of those things in `made` that the pass before had left in place: `before` is what it
/// brought the kernel to. What is new in the plan is no repair.
std::vector<std::string> repairs(const Plan& before, const Applied& made);

class RepairPace {
 public:
  /// Something was repaired. True when it is to be said now: not more than some lines a minute.
  bool repaired(MonotonicTime now);
  /// No repair before this time; in the past unless somebody keeps undoing them.
  MonotonicTime not_before() const { return last_ + pause_; }
  /// Repairs that were not said since the last one that was.
  unsigned unsaid() const { return lines_.unsaid(); }

 private:
  MonotonicTime last_ = MonotonicTime::min();
  MonotonicClock::duration pause_{};
  unsigned in_a_row_ = 0;
  LineBudget lines_{10};
};

}  // namespace anabranch::host
