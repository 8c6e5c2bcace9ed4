// SPDX-License-Identifier: MIT
// How soon a change that advertisements make is followed: at once, but 50 times a second at most.
// Who sends changes without end must neither keep us busy nor put off what comes next. Pure; time
// is an argument.
#pragma once

#include <algorithm>
#include <optional>

#include "base/units.hpp"

namespace anabranch::host {

class FollowPace {
 public:
  static constexpr milliseconds kFollow{20};  ///< between two passes

  /// A change was heard. When a pass has to be made for it; nothing when the one that is due at
  /// `pending` will do.
  std::optional<MonotonicTime> heard(MonotonicTime now, std::optional<MonotonicTime> pending) {
    const auto due = last_ == MonotonicTime::min() ? now : std::max(now, last_ + kFollow);
    if (pending && *pending <= due) return std::nullopt;
    last_ = due;
    return due;
  }

 private:
  MonotonicTime last_ = MonotonicTime::min();
};

}  // namespace anabranch::host
