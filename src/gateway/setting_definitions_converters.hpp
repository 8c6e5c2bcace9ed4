// SPDX-License-Identifier: MIT
// The keys of [converters]; see setting_definitions.hpp.
#pragma once

#include <array>

#include "base/config.hpp"

namespace anabranch::gateway::definition {

namespace converters {

inline constexpr config::Setting kAddresses{
    .key = "addresses",
    .kind = config::Kind::kTexts,
    .help =
        "The best first: hosts try one after the other. DHCP tells those of IPv4, DHCPv6 those of "
        "IPv6. At most 16 of each.",
    .example = "[\"198.51.100.9\"]"};

inline constexpr config::Setting kPort{.key = "port",
                                       .kind = config::Kind::kNumber,
                                       .help = "Their port.",
                                       .fallback = "5124",
                                       .low = 1,
                                       .high = 65535};

inline constexpr std::array kAll{kAddresses, kPort};

}  // namespace converters

inline constexpr config::Setting kConverters{
    .key = "converters",
    .kind = config::Kind::kTable,
    .help =
        "The Transport Converters that hosts are told of (RFC 8803). What a host does with them is "
        "the business of anabranch cpe there. Without this section hosts are told of none.",
    .settings = converters::kAll};

}  // namespace anabranch::gateway::definition
