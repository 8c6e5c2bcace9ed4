// SPDX-License-Identifier: MIT
#include "wire/classless_routes.hpp"

#include <algorithm>
#include <array>

namespace anabranch::wire {

std::optional<std::vector<ClasslessRoute>> decode_classless_routes(
    std::span<const std::uint8_t> value) {
  if (value.empty()) return std::nullopt;
  std::vector<ClasslessRoute> out;
  while (!value.empty()) {
    const unsigned width = value[0];
    const std::size_t significant = (width + 7) / 8;
    if (width > 32 || value.size() < 1 + significant + 4) return std::nullopt;
    std::array<std::uint8_t, 4> destination{};
    std::ranges::copy(value.subspan(1, significant), destination.begin());
    const auto router = IpAddress::from_octets(value.subspan(1 + significant, 4));
    const IpPrefix to(IpAddress::v4(destination), width);
    out.push_back({to.without_host_bits(), router->is_unspecified() ? std::nullopt : router});
    value = value.subspan(1 + significant + 4);
  }
  return out;
}

}  // namespace anabranch::wire
