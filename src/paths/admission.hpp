// SPDX-License-Identifier: MIT
// May a slower path carry data beside a faster one, or is it worse than nothing?
//
// Linux's scheduler hands a subflow up to 64 KB at a time and then waits for them in order. A slow
// path is done with such a burst after hol = 64 KB / rate + RTT. Meanwhile the fast path goes on
// filling the connection's window, rate_fast * hol octets of it, and stands still when the window
// is full. The kernel sizes the send buffer by the fast subflow alone: the room is about twice its
// rate times its loaded round trip. So the slow path is good company when
//
//     rate_fast * (64 KB / rate_slow + rtt_slow) <= room
//
// and when what it adds is worth the bursts it makes of an even stream.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.hpp"

namespace anabranch::paths {

/// What is known of a path in one direction; zero: unknown.
struct Quality {
  BitRate rate{};
  nanoseconds minimum_rtt{};
  nanoseconds loaded_rtt{};
  bool sure = false;  ///< the rate was seen full, or measured twice alike
};

struct Verdict {
  bool admitted = false;
  std::uint64_t need = 0;  ///< octets
  std::uint64_t room = 0;  ///< octets
  const char* code = "";   ///< "good-company", "slow-company", "little-gain", "unknown-rate"
};

/// Octets that the scheduler hands out at once.
inline constexpr std::uint64_t kBurst = 64 * 1024;
/// A path that adds less than this share of the fast one stays a backup.
inline constexpr double kWorthwhile = 0.07;
/// No more of a loaded round trip is counted as room (unless the path is longer than that when it
/// is idle): a deep queue is not full when a transfer begins.
inline constexpr milliseconds kQueueCounted{150};
/// What the queue of a path that nobody has seen full is taken to add to its round trip.
inline constexpr milliseconds kUsualQueue{50};

/// Octets that the scheduler hands to a subflow with a low-water mark on what it has not sent.
inline constexpr std::uint64_t kLimitedBurst = 32 * 1024;

/// `limited_buffer`: the fast subflow's send buffer in octets, when it is one that was set and the
/// slow subflow has a low-water mark; 0 without such limits.
Verdict admit(const Quality& fast, const Quality& slow, std::uint64_t limited_buffer = 0);

/// Time in which about a megabyte would come over the path: what ranks paths for a new connection.
nanoseconds fetch_time(const Quality& quality);

}  // namespace anabranch::paths
