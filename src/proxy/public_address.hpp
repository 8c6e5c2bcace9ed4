// SPDX-License-Identifier: MIT
// Which destinations mean the same host for everybody.
#pragma once

#include <span>

#include "base/ip.hpp"

namespace anabranch::proxy {

/// Prefixes whose addresses mean something on one machine, link or site only, or no single host:
/// "this network" (RFC 791), private (RFC 1918, RFC 4193), shared (RFC 6598), loopback, link-local,
/// multicast and what is reserved above it.
std::span<const IpPrefix> not_public();

/// In none of these, nor an IPv4 address of theirs behind a translator (64:ff9b::/96, RFC 6052) or
/// in 6to4 (2002::/16, RFC 3056).
bool is_public(const IpAddress& address);

}  // namespace anabranch::proxy
