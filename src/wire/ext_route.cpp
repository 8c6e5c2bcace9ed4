// SPDX-License-Identifier: MIT
#include "wire/ext_route.hpp"

namespace anabranch::wire {

std::array<std::uint8_t, 2> encode_ext_route(const ExtRoute& route) {
  return {route.index, route.count};
}

std::optional<ExtRoute> decode_ext_route(std::span<const std::uint8_t> value) {
  if (value.size() == 1) return ExtRoute{value[0], 0};
  if (value.size() == 2) return ExtRoute{value[0], value[1]};
  return std::nullopt;
}

}  // namespace anabranch::wire
