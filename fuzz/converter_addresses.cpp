// SPDX-License-Identifier: MIT
// What DHCP tells of converters: few addresses, each one that a converter can have, and what was
// read is read again from what is written of it.
#include "wire/converter_addresses.hpp"

#include <algorithm>

#include "base/address_scope.hpp"
#include "input.hpp"

using namespace anabranch;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto list4 = wire::decode_converters4({data, size});
  const auto list6 = wire::decode_converters6({data, size});
  for (const auto* list : {&list4, &list6}) {
    require(list->size() <= wire::kMostConverters, "they are few");
    require(std::ranges::all_of(*list, is_global), "a converter can have the address");
    for (const auto& one : *list)
      require(std::ranges::count(*list, one) == 1, "each is there once");
    require(wire::decode_converters6(wire::encode_converters6(*list)) == *list,
            "what is written for DHCPv6 is read again");
  }
  if (const auto again = wire::encode_converters4(list4))
    require(wire::decode_converters4(*again) == list4, "what is written for DHCPv4 is read again");
  if (const auto port = wire::decode_converter_port({data, size}))
    require(
        *port != 0 && std::ranges::equal(wire::encode_converter_port(*port), std::span(data, size)),
        "a port is written back");
  return 0;
}
