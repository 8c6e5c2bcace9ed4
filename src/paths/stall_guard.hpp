// SPDX-License-Identifier: MIT
// Does a subflow hold up the others? When we send: the fast subflow has nothing left to do, not for
// want of data, and the slow one is still busy with what the connection needs next. In fifty
// transfers over pairs of paths that go well together that lasted for up to 80 ms at a time (145 ms
// once, with deep queues), over fifty pairs that do not for 320 ms and more.
#pragma once

#include <cstdint>
#include <span>

#include "base/units.hpp"
#include "kernel/socket_diag.hpp"

namespace anabranch::paths {

/// Octets that are not acknowledged at the connection's level: with fewer the application is merely
/// slow.
inline constexpr std::uint64_t kOutstanding = 100'000;
/// So long in that state is no accident.
inline constexpr milliseconds kStalled{130};

/// Whether `fast` is idle at this moment because of `slow`: it has nothing unsent and less than
/// half its congestion window under way, while `slow` has something unacknowledged.
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
