// SPDX-License-Identifier: MIT
// The rate of a path's narrowest link from the answers to a train of equally large packets. The
// link lets one packet out every `octets * 8 / rate`; each is answered when it arrives, and as the
// answers are small they come back with the same spacing.
#pragma once

#include <optional>
#include <span>

#include "base/units.hpp"

namespace anabranch::probe {

/// Interrupts that serve several answers at once and the clock's own noise: less than this between
/// two answers is taken for this. 1400 octets then tell rates up to 1.1 Gbit/s.
inline constexpr nanoseconds kSpacingResolution{10'000};

/// `arrivals`: of the answer to each packet in the order they were sent, nothing for one that has
/// none. `octets`: of each packet. Only the time between answers to packets that were neighbours in
/// the train counts: of a lost one in between nobody knows whether it was lost before the narrow
/// link or behind it. When no neighbours were answered the lost ones count as lost before it, which
/// may tell too little and never too much. Zero with fewer than two answers.
BitRate estimate_rate(std::span<const std::optional<MonotonicTime>> arrivals, unsigned octets);

}  // namespace anabranch::probe
