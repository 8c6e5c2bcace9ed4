// SPDX-License-Identifier: MIT
#include "wire/converter_addresses.hpp"

#include <algorithm>

#include "base/address_scope.hpp"
#include "base/registry.hpp"

namespace anabranch::wire {
namespace {

constexpr std::size_t kOctets4 = 4;
constexpr std::size_t kOctets6 = 16;
constexpr std::size_t kLongestList = 255;

/// `octets` cut into addresses of `width`; nothing when one of them is of no use.
std::vector<IpAddress> addresses_in(std::span<const std::uint8_t> octets, std::size_t width) {
  std::vector<IpAddress> out;
  if (octets.size() % width != 0) return out;
  for (; !octets.empty(); octets = octets.subspan(width)) {
    const auto address = IpAddress::from_octets(octets.first(width))->unmapped();
    if (!is_global(address)) return {};
    out.push_back(address);
  }
  return out;
}

}  // namespace

std::optional<std::vector<std::uint8_t>> encode_converters4(std::span<const IpAddress> addresses) {
  const std::size_t length = addresses.size() * kOctets4;
  if (length == 0 || length > kLongestList) return std::nullopt;
  std::vector<std::uint8_t> out{static_cast<std::uint8_t>(length)};
  for (const auto& address : addresses)
    out.insert(out.end(), address.octets().begin(), address.octets().end());
  return out;
}

std::vector<std::uint8_t> encode_converters6(std::span<const IpAddress> addresses) {
  std::vector<std::uint8_t> out;
  for (const auto& address : addresses) {
    if (address.is_v4()) {
      out.insert(out.end(), kOctets6 - kOctets4 - 2, 0);
      out.insert(out.end(), 2, 0xff);
    }
    out.insert(out.end(), address.octets().begin(), address.octets().end());
  }
  return out;
}

std::array<std::uint8_t, 2> encode_converter_port(std::uint16_t port) {
  return {static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port)};
}

std::vector<IpAddress> decode_converters4(std::span<const std::uint8_t> value) {
  std::vector<IpAddress> out;
  while (!value.empty()) {
    const std::size_t length = value.front();
    value = value.subspan(1);
    if (length > value.size()) break;
    const auto one = addresses_in(value.first(length), kOctets4);
    add_converters<IpAddress>(out, one);
    value = value.subspan(length);
  }
  return out;
}

std::vector<IpAddress> decode_converters6(std::span<const std::uint8_t> value) {
  std::vector<IpAddress> out;
  const auto one = addresses_in(value, kOctets6);
  add_converters<IpAddress>(out, one);
  return out;
}

std::optional<std::uint16_t> decode_converter_port(std::span<const std::uint8_t> value) {
  if (value.size() != 2) return std::nullopt;
  const auto port = static_cast<std::uint16_t>(value[0] << 8 | value[1]);
  return port == 0 ? std::nullopt : std::optional(port);
}

std::vector<Endpoint> converter_endpoints(std::span<const IpAddress> addresses,
                                          std::optional<std::uint16_t> port) {
  std::vector<Endpoint> out;
  for (const auto& address : addresses)
    out.push_back({address, port.value_or(registry::kConvertPort)});
  return out;
}

}  // namespace anabranch::wire
