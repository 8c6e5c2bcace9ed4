// SPDX-License-Identifier: MIT
// Physical quantities with types: bit rates, octet counts, durations, and how they are written.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace anabranch {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
/// CLOCK_MONOTONIC: the same clock in every process and network namespace of one machine.
using MonotonicClock = std::chrono::steady_clock;
using MonotonicTime = MonotonicClock::time_point;

/// Bits per second.
struct BitRate {
  double bits_per_second = 0;

  static constexpr BitRate mbit(double value) { return {value * 1e6}; }
  constexpr double mbit() const { return bits_per_second / 1e6; }
  constexpr bool unlimited() const { return bits_per_second <= 0; }
  /// Time `octets` take at this rate; zero when unlimited.
  nanoseconds time_for(std::uint64_t octets) const;
  /// "20 Mbit/s", "500 kbit/s", "1.5Gbit/s".
  static Result<BitRate> parse(std::string_view text);
  std::string text() const;
  auto operator<=>(const BitRate&) const = default;
};

/// Rate at which `octets` arrive in `time`; zero for no time.
BitRate rate_of(std::uint64_t octets, nanoseconds time);

/// "250us", "10ms", "1.5s", "2min", "1h", "7d"; a bare number is refused.
Result<nanoseconds> parse_duration(std::string_view text);
/// Shortest of the same forms: "10 ms", "1.5 s".
std::string duration_text(nanoseconds duration);
/// "1.2 MB" (powers of ten).
std::string octets_text(std::uint64_t octets);

}  // namespace anabranch
