// SPDX-License-Identifier: MIT
// Option 121: no more routes than octets allow, and destinations without host bits.
#include "wire/classless_routes.hpp"

#include "input.hpp"

using namespace anabranch;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto routes = wire::decode_classless_routes({data, size});
  if (!routes) return 0;
  constexpr std::size_t kShortest = 5;  // width 0 and the router
  fuzz::require(!routes->empty() && routes->size() <= size / kShortest, "a route needs 5 octets");
  for (const auto& route : *routes) {
    fuzz::require(route.to.length() <= 32 && !route.to.has_host_bits(), "a prefix is a prefix");
    fuzz::require(!route.via || !route.via->is_unspecified(), "a router has an address");
  }
  return 0;
}
