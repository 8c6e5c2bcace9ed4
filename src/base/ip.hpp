// SPDX-License-Identifier: MIT
// Addresses as values: IPv4 and IPv6 addresses, prefixes, Ethernet addresses. No I/O, no name
// lookup.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct sockaddr_storage;

namespace anabranch {

enum class Family : std::uint8_t { kIpv4, kIpv6 };

/// AF_INET or AF_INET6.
int address_family(Family family);
std::string_view family_name(Family family);

class IpAddress {
 public:
  IpAddress() = default;  ///< 0.0.0.0
  static IpAddress v4(std::uint32_t host_order);
  static IpAddress v4(std::span<const std::uint8_t, 4> octets);
  static IpAddress v6(std::span<const std::uint8_t, 16> octets);
  static Result<IpAddress> parse(std::string_view text);
  /// From octets on the wire: 4 make IPv4, 16 IPv6, anything else nothing.
  static std::optional<IpAddress> from_octets(std::span<const std::uint8_t> octets);
  static std::optional<IpAddress> from_sockaddr(const ::sockaddr_storage& address);

  Family family() const { return family_; }
  bool is_v4() const { return family_ == Family::kIpv4; }
  bool is_unspecified() const;
  /// The IPv4 address behind an IPv4-mapped IPv6 one (RFC 4291 section 2.5.5.2); any other as it
  /// is.
  IpAddress unmapped() const;
  /// Network order, 4 or 16 octets.
  std::span<const std::uint8_t> octets() const;
  /// Host order; IPv4 only.
  std::uint32_t to_v4() const;
  unsigned width() const { return is_v4() ? 32 : 128; }
  /// Fills `out` (port in host order) and returns the length of the address in it.
  unsigned to_sockaddr(std::uint16_t port, ::sockaddr_storage& out) const;
  std::string text() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::kIpv4;
  std::array<std::uint8_t, 16> octets_{};
};

/// An address with a prefix length. `network()` has the host bits cleared, `address()` keeps them.
class IpPrefix {
 public:
  IpPrefix() = default;  ///< 0.0.0.0/0
  IpPrefix(IpAddress address, unsigned length);
  /// "10.1.0.0/16"; a bare address is a host prefix.
  static Result<IpPrefix> parse(std::string_view text);
  static IpPrefix host(IpAddress address) { return {address, address.width()}; }
  static IpPrefix any(Family family);

  IpAddress address() const { return address_; }
  IpAddress network() const;
  unsigned length() const { return length_; }
  Family family() const { return address_.family(); }
  bool contains(const IpAddress& address) const;
  bool overlaps(const IpPrefix& other) const;
  bool has_host_bits() const { return network() != address_; }
  IpPrefix without_host_bits() const { return {network(), length_}; }
  std::string text() const;

  auto operator<=>(const IpPrefix&) const = default;

 private:
  IpAddress address_;
  unsigned length_ = 0;
};

struct MacAddress {
  std::array<std::uint8_t, 6> octets{};

  static Result<MacAddress> parse(std::string_view text);
  std::string text() const;
  auto operator<=>(const MacAddress&) const = default;
};

}  // namespace anabranch
