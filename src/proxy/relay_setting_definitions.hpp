// SPDX-License-Identifier: MIT
// Keys of relayed connections that cpe.toml and converter.toml have in common.
#pragma once

#include "base/config.hpp"

namespace anabranch::proxy::definition::relayed {

using config::Kind;
using config::Setting;

inline constexpr Setting kCongestion{
    .key = "congestion",
    .help =
        "Congestion control of all connections, on both sides. "
        "net.ipv4.tcp_available_congestion_control names what the kernel has.",
    .fallback = "cubic"};

inline constexpr Setting kIdle{
    .key = "idle",
    .kind = Kind::kDuration,
    .help = "A connection without an octet either way for so long is reset.",
    .fallback = "2h",
    .low = 1'000,
    .high = 30LL * 24 * 3600 * 1000};

inline constexpr Setting kHalfClosed{.key = "half_closed",
                                     .kind = Kind::kDuration,
                                     .help = "The same once one side has closed.",
                                     .fallback = "5min",
                                     .low = 1'000,
                                     .high = 30LL * 24 * 3600 * 1000};

}  // namespace anabranch::proxy::definition::relayed
