// SPDX-License-Identifier: MIT
// What the end of an attempt to connect means to who asked for it (RFC 8803 sections 5.3 and
// 6.2.8). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ip.hpp"
#include "signalling/signalling.hpp"

namespace anabranch::proxy {

/// `error`: errno of the attempt. `icmp_code`: of the ICMP error that ended it, if one did.
signalling::Outcome outcome_of(int error, std::optional<std::uint8_t> icmp_code);

/// What an attempt that ended with `error` says of the ICMP or ICMPv6 "destination unreachable"
/// that ended it, where the kernel keeps the code to itself: the first of the codes that it makes
/// this error of. Nothing for errors that come otherwise; a refusal by ICMP (port unreachable)
/// cannot be told from a reset.
std::optional<std::uint8_t> implied_icmp_code(int error, Family family);

/// A name for counters and logs: "established", "refused", "unreachable", ...
std::string_view verdict_name(signalling::Verdict verdict);

}  // namespace anabranch::proxy
