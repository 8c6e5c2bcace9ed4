// SPDX-License-Identifier: MIT
// A server's end of the PROXY protocol, version 2: as little of it as tests need.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/endpoint.hpp"

namespace anabranch::test {

struct ProxiedConnection {
  Endpoint source;
  Endpoint destination;
  std::size_t consumed = 0;

  bool operator==(const ProxiedConnection&) const = default;
};

/// The header in front of `octets`; nothing while it is incomplete and for what is no header of a
/// TCP connection.
inline std::optional<ProxiedConnection> read_proxy_protocol(std::span<const std::uint8_t> octets) {
  constexpr std::string_view kBegin("\r\n\r\n\0\r\nQUIT\n\x21", 13);
  constexpr std::size_t kHead = 16;
  if (octets.size() < kHead ||
      std::string_view(reinterpret_cast<const char*>(octets.data()), kBegin.size()) != kBegin)
    return std::nullopt;
  const std::size_t address = octets[13] == 0x11 ? 4 : octets[13] == 0x21 ? 16 : 0;
  const std::size_t length = octets[14] << 8 | octets[15];
  if (address == 0 || length < 2 * address + 4 || octets.size() < kHead + length)
    return std::nullopt;
  const auto ports = octets.subspan(kHead + 2 * address);
  return ProxiedConnection{
      .source = {IpAddress::from_octets(octets.subspan(kHead, address)).value(),
                 static_cast<std::uint16_t>(ports[0] << 8 | ports[1])},
      .destination = {IpAddress::from_octets(octets.subspan(kHead + address, address)).value(),
                      static_cast<std::uint16_t>(ports[2] << 8 | ports[3])},
      .consumed = kHead + length};
}

}  // namespace anabranch::test
