// SPDX-License-Identifier: MIT
// EXT_ROUTE, the DHCPv4 option of draft-wr-mptcp-single-homed: which of the network's external
// routes an address leads to, and how many there are. The value of the option only; its code is
// configurable.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace anabranch::wire {

struct ExtRoute {
  std::uint8_t index = 0;  ///< 1..n: the external route; 0 from a client: any
  std::uint8_t count = 0;  ///< n; 0 from a client, and when it is unknown

  bool operator==(const ExtRoute&) const = default;
};

std::array<std::uint8_t, 2> encode_ext_route(const ExtRoute& route);

/// Two octets (index, count), or one (index; count unknown). Any other length is no EXT_ROUTE.
std::optional<ExtRoute> decode_ext_route(std::span<const std::uint8_t> value);

}  // namespace anabranch::wire
