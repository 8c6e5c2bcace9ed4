// SPDX-License-Identifier: MIT
// Consistent hashing as in Maglev (Eisenbud et al., NSDI 2016, section 3.4): a ring of places, each
// with one server. Every server has an order of its own in which it wants the places, and the
// servers take turns; the order depends on the server alone, so that one more or one less moves
// little beside its own share. Pure: the same servers make the same ring on every balancer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace anabranch::balancer {

struct RingServer {
  std::uint16_t id = 0;
  /// Its turns by comparison with the others'; 0: none.
  unsigned weight = 1;

  bool operator==(const RingServer&) const = default;
};

/// The ids of the places' servers; zeros when nobody has a weight. `places` is a prime. In
/// whichever order the servers are named.
std::vector<std::uint16_t> maglev_ring(std::span<const RingServer> servers, std::uint32_t places);

}  // namespace anabranch::balancer
