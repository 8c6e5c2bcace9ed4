// SPDX-License-Identifier: MIT
// The route options of DHCPv4: classless static routes (code 121, RFC 3442), and the static routes
// of old (code 33, RFC 2132 section 5.8). A client that gets 121 ignores 33 and the router option
// (3).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ip.hpp"

namespace anabranch::wire {

struct ClasslessRoute {
  IpPrefix to;
  std::optional<IpAddress> via = std::nullopt;  ///< nothing: the destination is on the link itself

  bool operator==(const ClasslessRoute&) const = default;
};

/// Nothing when the value is malformed: half a route list is worse than none. Bits of a destination
/// beyond its width are cleared.
std::optional<std::vector<ClasslessRoute>> decode_classless_routes(
    std::span<const std::uint8_t> value);

/// The static routes of option 33. Its destinations carry no width: one without host bits is the
/// whole network of its class (A, B or C), any other is a host. Default routes, which the option
/// may not carry, and destinations that are no unicast are left out. Nothing when the value is
/// malformed.
std::optional<std::vector<ClasslessRoute>> decode_static_routes(
    std::span<const std::uint8_t> value);

}  // namespace anabranch::wire
