// SPDX-License-Identifier: MIT
// Does a subflow hold up the others? When we send: the fast subflow has nothing left to do, not for
// want of data, and the slow one is still busy with what the connection needs next. Healthy pairs
// of paths do that for less than 150 ms at a time, hurting ones for a third of a second and more.
#pragma once

#include <cstdint>
#include <span>

#include "base/units.hpp"
#include "kernel/socket_diag.hpp"

namespace anabranch::paths {

/// Data must be waiting at the connection's level, or the application is merely slow.
inline constexpr std::uint64_t kOutstanding = 100'000;
inline constexpr milliseconds kStalled{130};

/// Whether `fast` is idle at this moment because of `slow`.
bool stalled_by(const kernel::ConnectionInfo& connection, const kernel::SubflowDiag& fast,
                const kernel::SubflowDiag& slow);

/// How long one pair of subflows has been seen in that state without interruption.
class StallClock {
 public:
  /// True once the stall has lasted for `patience`.
  bool sample(bool stalled, MonotonicTime now, nanoseconds patience = kStalled);

 private:
  bool running_ = false;
  MonotonicTime since_{};
};

}  // namespace anabranch::paths
