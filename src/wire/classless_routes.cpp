// SPDX-License-Identifier: MIT
#include "wire/classless_routes.hpp"

#include <algorithm>
#include <array>

namespace anabranch::wire {
namespace {

/// 8, 16 or 24 bits for class A, B, C; nothing for multicast and beyond (RFC 791 section 3.2).
std::optional<unsigned> class_width(const IpAddress& address) {
  const unsigned first = address.octets()[0];
  if (first < 128) return 8;
  if (first < 192) return 16;
  if (first < 224) return 24;
  return std::nullopt;
}

}  // namespace

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

std::optional<std::vector<ClasslessRoute>> decode_static_routes(
    std::span<const std::uint8_t> value) {
  if (value.empty() || value.size() % 8 != 0) return std::nullopt;
  std::vector<ClasslessRoute> out;
  for (; !value.empty(); value = value.subspan(8)) {
    const auto destination = IpAddress::v4(value.first<4>());
    const auto width = class_width(destination);
    if (!width || destination.is_unspecified()) continue;
    const IpPrefix network(destination, *width);
    out.push_back({network.has_host_bits() ? IpPrefix::host(destination) : network,
                   IpAddress::v4(value.subspan<4, 4>())});
  }
  return out;
}

}  // namespace anabranch::wire
