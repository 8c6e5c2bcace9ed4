// SPDX-License-Identifier: MIT
// Does the peer take a subflow for what we have told it is? MP_PRIO (RFC 8684 section 3.3.8) leaves
// with a single ACK; nobody acknowledges it, and when it gets lost nobody sends it again. What the
// peer sends shows what it believes. Since it may also have reasons of its own, it is told again at
// longer and longer intervals, and not for ever.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.hpp"

namespace anabranch::paths {

class PriorityWatch {
 public:
  enum class Conduct : std::uint8_t {
    kUnknown,   ///< it sends nothing anywhere
    kAsTold,    ///< it uses an active subflow, or leaves a backup alone
    kContrary,  ///< the other way round, while others are in use
  };
  /// True when the peer should be told again: after kFirst of contrary conduct without a sign of
  /// the right one, then after twice as long each time, kMost times in all.
  bool sample(Conduct conduct, MonotonicTime now);

  static constexpr milliseconds kFirst{500};
  static constexpr unsigned kMost = 7;

 private:
  std::optional<MonotonicTime> since_;  ///< contrary, or told again
  unsigned told_ = 0;
};

}  // namespace anabranch::paths
