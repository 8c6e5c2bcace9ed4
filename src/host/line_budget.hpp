// SPDX-License-Identifier: MIT
// So many log lines of a kind a minute: what anybody on the link can bring about again and again
// must not fill the log. Pure; time is an argument.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "base/units.hpp"

namespace anabranch::host {

class LineBudget {
 public:
  /// `most` lines a minute.
  explicit LineBudget(unsigned most) : most_(most) {}

  /// True when one more may be written now; unsaid() is then the number held back before it.
  bool allow(MonotonicTime now) {
    if (minute_ == MonotonicTime::min() || now - minute_ >= std::chrono::minutes(1)) {
      minute_ = now;
      said_ = 0;
    }
    if (said_ == most_) {
      ++held_;
      return false;
    }
    ++said_;
    unsaid_ = std::exchange(held_, 0);
    return true;
  }
  unsigned unsaid() const { return unsaid_; }
  /// For the end of the line that was allowed; empty when none was held back.
  std::string remark() const {
    return unsaid_ == 0 ? "" : fmt::format(" ({} such lines were left out)", unsaid_);
  }

 private:
  unsigned most_;
  MonotonicTime minute_ = MonotonicTime::min();
  unsigned said_ = 0;  ///< in this minute
  unsigned held_ = 0;
  unsigned unsaid_ = 0;
};

}  // namespace anabranch::host
