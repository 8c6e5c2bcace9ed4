// SPDX-License-Identifier: MIT
// Deadlines of 1 ms resolution, tens of thousands of them: starting and stopping one costs the same
// whatever their number.
//
// Time is a number of milliseconds written in digits of base 64. A timer lies on the level of the
// highest digit in which its deadline differs from now, in the slot of that digit: what is due
// within this round of 64 ms lies on level 0, slot by slot; a slot of level 1 holds what is due in
// a later round, and so on. When time enters a slot of a higher level, its timers are sorted into
// lower ones. As time passes no other slot, all others still lie where they would be put today.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "relay/reactor.hpp"

namespace anabranch::relay {

/// Pure: time is an argument.
class TimerWheel {
 public:
  using Timer = Reactor::Timer;

  TimerWheel() = default;
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Starts or moves it. `due` in milliseconds; what lies in the past is due at the next
  /// millisecond.
  void start(Timer& timer, std::int64_t due);
  void stop(Timer& timer);
  /// Fires what is due up to `now`, in the order of deadlines.
  void advance(std::int64_t now);
  /// When to advance next: the first deadline or an earlier time; nothing without a timer.
  std::optional<std::int64_t> next() const;

 private:
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1U << kBits;
  static constexpr unsigned kLevels = 8;  // 2^48 ms are 8900 years
  struct Place {
    unsigned level;
    unsigned slot;
  };
  std::optional<Place> place_of(const Timer& timer) const;
  std::optional<Place> first_used() const;
  std::int64_t begin_of(Place place) const;
  void put(Timer& timer);
  static void link(Timer*& head, Timer& timer);
  static void unlink(Timer& timer);

  std::array<std::array<Timer*, kSlots>, kLevels> slots_{};
  std::array<std::uint64_t, kLevels> used_{};  ///< a bit for each slot with timers
  Timer* due_ = nullptr;                       ///< what fires at now_
  std::int64_t now_ = 0;
};

}  // namespace anabranch::relay
