// SPDX-License-Identifier: MIT
// What steady timers do not see: the machine slept, or its wall clock was set. CLOCK_MONOTONIC, by
// which event loops measure, stands still during suspend; the rest of the world does not.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

namespace anabranch::kernel {

class ClockWatch {
 public:
  static Result<ClockWatch> open();

  /// Becomes readable when the machine has woken up or the wall clock was set.
  int fd() const { return fd_.get(); }
  /// To be called when fd() is readable: how long the machine slept since the last call; zero when
  /// only the wall clock was set.
  Result<nanoseconds> take();

 private:
  explicit ClockWatch(UniqueFd fd) : fd_(std::move(fd)), asleep_(asleep()) {}
  static nanoseconds asleep();

  UniqueFd fd_;
  nanoseconds asleep_;  ///< in all since boot, when last asked
};

}  // namespace anabranch::kernel
