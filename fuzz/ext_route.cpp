// SPDX-License-Identifier: MIT
// EXT_ROUTE: one octet or two, and what was read is written back.
#include "wire/ext_route.hpp"

#include "input.hpp"

using namespace anabranch;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto route = wire::decode_ext_route({data, size});
  fuzz::require(route.has_value() == (size == 1 || size == 2), "its length is 1 or 2");
  if (!route) return 0;
  const auto octets = wire::encode_ext_route(*route);
  fuzz::require(octets[0] == data[0] && octets[1] == (size == 2 ? data[1] : 0),
                "what was read is written back");
  return 0;
}
