// SPDX-License-Identifier: MIT
// The classless static route option of DHCPv4 (code 121, RFC 3442). A client that gets it ignores
// the router option (3).
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

}  // namespace anabranch::wire
