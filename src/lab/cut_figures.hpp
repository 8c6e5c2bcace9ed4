// SPDX-License-Identifier: MIT
// What a path's silence did to a transfer, read from the receiver's record. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/units.hpp"
#include "lab/transfer.hpp"

namespace anabranch::lab {

/// Over this time a path's rate is taken: two round trips of a path of 25 ms one way.
inline constexpr milliseconds kRateWindow{100};

/// Octets that the path's subflows brought in order to the receiver until each sample.
/// `but_for_port`: a subflow of that client port does not count; 0: all do.
std::vector<std::uint64_t> path_octets(const TransferRecord& record, unsigned path,
                                       std::uint16_t but_for_port = 0);

/// Time from `from_ns` until the path has carried `rate` over kRateWindow, that window included;
/// nothing when it has not before `until_ns`. All times are CLOCK_MONOTONIC.
std::optional<nanoseconds> carries_again(const TransferRecord& record, unsigned path,
                                         std::int64_t from_ns, std::int64_t until_ns, BitRate rate,
                                         std::uint16_t but_for_port = 0);

/// What the path carried between two moments, to the sample.
BitRate path_rate(const TransferRecord& record, unsigned path, std::int64_t from_ns,
                  std::int64_t to_ns);

/// The smallest value that a share of `percent` of all does not exceed (nearest rank); NaN of none.
double percentile(std::vector<double> values, double percent);

}  // namespace anabranch::lab
