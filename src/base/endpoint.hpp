// SPDX-License-Identifier: MIT
// An address with a port, and the one reading of its text.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.hpp"
#include "base/result.hpp"

namespace anabranch {

/// Host order.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  /// "192.0.2.1:443", "[2001:db8::1]:443"; the port may be 0. Errors are kBadInput.
  static Result<Endpoint> parse(std::string_view text);
  /// The same, and an address alone ("2001:db8::1", "[2001:db8::1]"), whose port is 0.
  static Result<Endpoint> parse_with_or_without_port(std::string_view text);
  std::string text() const;
  auto operator<=>(const Endpoint&) const = default;
};

struct HostAndPort {
  std::string_view host;              ///< without brackets
  std::optional<std::uint16_t> port;  ///< nothing: none is told
};
/// Cuts a text in two without a look at the host, which may be a prefix, too. Brackets stand around
/// a host with colons in it and no other; without them more than one colon is an IPv6 address
/// alone. Nothing for brackets elsewhere and for what is no port.
std::optional<HostAndPort> split_host_and_port(std::string_view text);

}  // namespace anabranch
