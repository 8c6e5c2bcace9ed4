// SPDX-License-Identifier: MIT
#include "proxy/source.hpp"

#include <cstdint>

namespace anabranch::proxy {
namespace {

/// FNV-1a with a last mixing: the same in every process, so that a restart moves nobody.
std::uint64_t spread(const IpAddress& address, std::uint64_t seed) {
  std::uint64_t out = 0xcbf29ce484222325ULL ^ seed;
  for (const auto octet : address.octets()) out = (out ^ octet) * 0x100000001b3ULL;
  out ^= out >> 33;
  out *= 0xff51afd7ed558ccdULL;
  return out ^ (out >> 33);
}

}  // namespace

// The address with the highest weight for this client: when the pool grows or shrinks only the
// clients of what came or went move.
const IpAddress* paired_address(std::span<const IpAddress> pool, const IpAddress& client,
                                Family family) {
  const IpAddress* best = nullptr;
  std::uint64_t most = 0;
  const auto bare = client.unmapped();
  for (const auto& address : pool) {
    if (address.family() != family) continue;
    const auto weight = spread(bare, spread(address, 0));
    if (best != nullptr && weight <= most) continue;
    best = &address;
    most = weight;
  }
  return best;
}

}  // namespace anabranch::proxy
