// SPDX-License-Identifier: MIT
#include "paths/stall_guard.hpp"

namespace anabranch::paths {

bool stalled_by(const kernel::ConnectionInfo& connection, const kernel::SubflowDiag& fast,
                const kernel::SubflowDiag& slow) {
  return connection.written - connection.unacknowledged > kOutstanding && fast.unsent == 0 &&
         fast.unacknowledged * 2 < fast.congestion_window && slow.unacknowledged > 0;
}

bool StallClock::sample(bool stalled, MonotonicTime now, nanoseconds patience) {
  if (stalled && !running_) since_ = now;
  running_ = stalled;
  return running_ && now - since_ >= patience;
}

}  // namespace anabranch::paths
