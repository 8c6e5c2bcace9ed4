// SPDX-License-Identifier: MIT
// The keys of [uplink.health]; see setting_definitions.hpp.
#pragma once

#include <array>

#include "base/config.hpp"
#include "base/units.hpp"

namespace anabranch::gateway::definition {

namespace health {

inline constexpr config::Setting kProbes{
    .key = "probes",
    .kind = config::Kind::kTexts,
    .help =
        "What only a working uplink answers, each asked over this uplink alone: \"icmp:ADDRESS\" "
        "for an echo, \"tcp:ADDRESS:PORT\" for a connection (one that is refused is an answer "
        "too), \"http://ADDRESS/PATH\" for a page (a status of 2xx or 3xx is an answer), with "
        "\" Host: NAME\" after it when the server needs another name. IPv6 addresses stand in "
        "brackets; names cannot be looked up. The uplink counts as working while any of them is "
        "answered. Choose addresses well beyond the provider's router, and more than one. Without "
        "this key the interface and next_hop alone are watched.",
    .example = "[\"icmp:198.51.100.1\", \"http://198.51.100.2/ Host: www.example.org\"]"};

inline constexpr config::Setting kInterval{.key = "interval",
                                           .kind = config::Kind::kDuration,
                                           .help = "The time between two rounds of probes.",
                                           .fallback = "500ms",
                                           .low = 100,
                                           .high = milliseconds(std::chrono::minutes(1)).count()};

inline constexpr config::Setting kTimeout{
    .key = "timeout",
    .kind = config::Kind::kDuration,
    .help =
        "How long an answer is waited for, at most the interval. Without this key the interval "
        "where that is shorter than the default.",
    .fallback = "400ms",
    .low = 10,
    .high = milliseconds(std::chrono::minutes(1)).count()};

inline constexpr config::Setting kDownAfter{
    .key = "down_after",
    .kind = config::Kind::kNumber,
    .help =
        "After how many rounds in a row without any answer the uplink counts as down: with the "
        "defaults at most 1.4 s after everything beyond the next hop has gone silent.",
    .fallback = "2",
    .low = 1,
    .high = 100};

inline constexpr config::Setting kUpAfter{
    .key = "up_after",
    .kind = config::Kind::kNumber,
    .help = "After how many answered rounds in a row it counts as working again.",
    .fallback = "1",
    .low = 1,
    .high = 100};

inline constexpr std::array kAll{kProbes, kInterval, kTimeout, kDownAfter, kUpAfter};

}  // namespace health

namespace uplink {

inline constexpr config::Setting kHealth{
    .key = "health",
    .kind = config::Kind::kTable,
    .help =
        "When the uplink counts as working, beyond its interface and its next hop. Hosts of one "
        "that is down get ICMP unreachable at once, or leave through fail_open.",
    .settings = health::kAll};

}  // namespace uplink

}  // namespace anabranch::gateway::definition
