// SPDX-License-Identifier: MIT
#include "host/flood_watch.hpp"

#include <utility>

namespace anabranch::host {

std::optional<std::uint64_t> FloodWatch::useless(MonotonicTime now) {
  if (now - window_ >= kWindow) {
    window_ = now;
    in_window_ = 0;
  }
  ++in_window_;
  ++unreported_;
  if (in_window_ < kFlood || now < quiet_until_) return std::nullopt;
  quiet_until_ = now + kQuiet;
  return std::exchange(unreported_, 0);
}

}  // namespace anabranch::host
