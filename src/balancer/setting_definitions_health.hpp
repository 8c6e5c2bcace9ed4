// SPDX-License-Identifier: MIT
// The keys of [health] and [vip.health]; see setting_definitions.hpp.
#pragma once

#include <array>
#include <string_view>

#include "base/config.hpp"
#include "base/units.hpp"

namespace anabranch::balancer::definition::health {

using config::Kind;
using config::Setting;

inline constexpr std::array<std::string_view, 4> kChecks{"none", "tcp", "http", "mptcp"};
inline constexpr Setting kCheck{
    .key = "check",
    .kind = Kind::kChoice,
    .help =
        "What a server is asked at its own address, so the application must listen there, too, "
        "best "
        "at all addresses. \"tcp\": to accept a connection. \"http\": to answer a GET. \"mptcp\": "
        "to "
        "accept a connection by MPTCP that does not fall back to TCP. \"none\": nothing.",
    .fallback = "tcp",
    .choices = kChecks};

inline constexpr Setting kInterval{.key = "interval",
                                   .kind = Kind::kDuration,
                                   .help = "The time from one check of a server to the next.",
                                   .fallback = "2s",
                                   .low = 100,
                                   .high = milliseconds(std::chrono::hours(1)).count()};

inline constexpr Setting kTimeout{
    .key = "timeout",
    .kind = Kind::kDuration,
    .help =
        "How long an answer is waited for: at most the interval, and at most 2s for \"mptcp\", "
        "since "
        "Linux takes longer silence for a network that loses MPTCP. Without this key the interval "
        "where that is shorter than the default.",
    .fallback = "1s",
    .low = 10,
    .high = milliseconds(std::chrono::minutes(1)).count()};

inline constexpr Setting kRise{
    .key = "rise",
    .kind = Kind::kNumber,
    .help =
        "After how many checks in a row that pass a server that was down is up. The first check "
        "of all decides alone.",
    .fallback = "2",
    .low = 1,
    .high = 100};

inline constexpr Setting kFall{
    .key = "fall",
    .kind = Kind::kNumber,
    .help = "After how many checks in a row that fail a server that was up is down.",
    .fallback = "3",
    .low = 1,
    .high = 100};

inline constexpr Setting kPath{
    .key = "path", .help = "With \"http\": what is asked for.", .fallback = "/"};

inline constexpr Setting kExpect{
    .key = "expect",
    .kind = Kind::kNumber,
    .help = "With \"http\": the only status that passes. Without this key any from 200 to 399.",
    .example = "200",
    .low = 100,
    .high = 599};

inline constexpr Setting kPort{
    .key = "port",
    .kind = Kind::kNumber,
    .help = "The port that is asked. Without this key that of the service.",
    .example = "443",
    .low = 1,
    .high = 65'535};

inline constexpr std::array kAll{kCheck, kInterval, kTimeout, kRise, kFall, kPath, kExpect, kPort};

}  // namespace anabranch::balancer::definition::health
