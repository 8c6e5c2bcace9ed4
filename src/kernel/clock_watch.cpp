// SPDX-License-Identifier: MIT
#include "kernel/clock_watch.hpp"

#include <cerrno>
#include <cstdint>
#include <limits>

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

namespace anabranch::kernel {
namespace {

/// The two clocks are read one after the other; less than this is no sleep.
constexpr milliseconds kShortestSleep{100};

nanoseconds read_clock(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

/// A timer that never comes, but is cancelled, and so readable, when CLOCK_REALTIME jumps. The
/// kernel takes every wake-up for such a jump (timerfd_create(2)).
Result<void> arm(int fd) {
  itimerspec never{};
  never.it_value.tv_sec = std::numeric_limits<time_t>::max();
  if (::timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr) != 0 &&
      errno != ECANCELED)
    return fail_errno("cannot watch the clock");
  return {};
}

}  // namespace

nanoseconds ClockWatch::asleep() {
  const auto running = read_clock(CLOCK_MONOTONIC);
  return read_clock(CLOCK_BOOTTIME) - running;
}

Result<ClockWatch> ClockWatch::open() {
  UniqueFd fd(::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!fd) return fail_errno("cannot watch the clock");
  ANABRANCH_TRY(arm(fd.get()));
  return ClockWatch(std::move(fd));
}

Result<nanoseconds> ClockWatch::take() {
  std::uint64_t ignored = 0;
  if (::read(fd_.get(), &ignored, sizeof ignored) < 0 && errno != ECANCELED && errno != EAGAIN)
    return fail_errno("cannot watch the clock");
  ANABRANCH_TRY(arm(fd_.get()));
  const auto total = asleep();
  const auto slept = total - asleep_;
  if (slept < kShortestSleep) return nanoseconds{0};
  asleep_ = total;
  return slept;
}

}  // namespace anabranch::kernel
