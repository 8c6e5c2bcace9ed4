// SPDX-License-Identifier: MIT
#include "base/ip.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace anabranch {

int address_family(Family family) {
  return family == Family::kIpv4 ? AF_INET : AF_INET6;
}
std::string_view family_name(Family family) {
  return family == Family::kIpv4 ? "ipv4" : "ipv6";
}

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress out;
  const std::uint32_t wire = htonl(host_order);
  std::memcpy(out.octets_.data(), &wire, 4);
  return out;
}

IpAddress IpAddress::v4(std::span<const std::uint8_t, 4> octets) {
  IpAddress out;
  std::ranges::copy(octets, out.octets_.begin());
  return out;
}

IpAddress IpAddress::v6(std::span<const std::uint8_t, 16> octets) {
  IpAddress out;
  out.family_ = Family::kIpv6;
  std::ranges::copy(octets, out.octets_.begin());
  return out;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  std::array<std::uint8_t, 16> octets{};
  if (inet_pton(AF_INET, copy.c_str(), octets.data()) == 1)
    return v4(std::span<const std::uint8_t, 4>(octets.data(), 4));
  if (inet_pton(AF_INET6, copy.c_str(), octets.data()) == 1) return v6(octets);
  return fail("'" + copy + "' is not an IP address", {}, "write it like 10.1.0.1 or 2001:db8::1",
              ExitCode::kBadInput);
}

std::optional<IpAddress> IpAddress::from_octets(std::span<const std::uint8_t> octets) {
  if (octets.size() == 4) return v4(octets.first<4>());
  if (octets.size() == 16) return v6(octets.first<16>());
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::from_sockaddr(const ::sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const ::sockaddr_in&>(address);
    return v4(ntohl(in.sin_addr.s_addr));
  }
  if (address.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const ::sockaddr_in6&>(address);
    const std::span<const std::uint8_t, 16> octets(in6.sin6_addr.s6_addr);
    if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) return v4(octets.last<4>());
    return v6(octets);
  }
  return std::nullopt;
}

bool IpAddress::is_unspecified() const {
  return std::ranges::all_of(octets_, [](std::uint8_t octet) { return octet == 0; });
}

IpAddress IpAddress::unmapped() const {
  static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
  if (is_v4() || !std::equal(kMapped.begin(), kMapped.end(), octets_.begin())) return *this;
  return v4(std::span<const std::uint8_t, 16>(octets_).last<4>());
}

std::span<const std::uint8_t> IpAddress::octets() const {
  return std::span(octets_).first(is_v4() ? 4 : 16);
}

std::uint32_t IpAddress::to_v4() const {
  std::uint32_t wire = 0;
  std::memcpy(&wire, octets_.data(), 4);
  return ntohl(wire);
}

unsigned IpAddress::to_sockaddr(std::uint16_t port, ::sockaddr_storage& out) const {
  out = {};
  if (is_v4()) {
    auto& in = reinterpret_cast<::sockaddr_in&>(out);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(to_v4());
    return sizeof in;
  }
  auto& in6 = reinterpret_cast<::sockaddr_in6&>(out);
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  std::ranges::copy(octets_, in6.sin6_addr.s6_addr);
  return sizeof in6;
}

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  inet_ntop(address_family(family_), octets_.data(), buffer, sizeof buffer);
  return buffer;
}

IpPrefix::IpPrefix(IpAddress address, unsigned length)
    : address_(address), length_(std::min(length, address.width())) {}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::unexpected(address.error());
  if (slash == std::string_view::npos) return host(*address);
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size() || length > address->width())
    return fail("'" + std::string(text) + "' has no valid prefix length", {},
                "write it like 10.1.0.0/16", ExitCode::kBadInput);
  return IpPrefix(*address, length);
}

IpPrefix IpPrefix::any(Family family) {
  static constexpr std::array<std::uint8_t, 16> kZero{};
  return family == Family::kIpv4 ? IpPrefix() : IpPrefix(IpAddress::v6(kZero), 0);
}

IpAddress IpPrefix::network() const {
  std::array<std::uint8_t, 16> octets{};
  const auto from = address_.octets();
  for (std::size_t i = 0; i < from.size(); ++i) {
    const unsigned bits =
        std::clamp<int>(static_cast<int>(length_) - static_cast<int>(8 * i), 0, 8);
    octets[i] = static_cast<std::uint8_t>(from[i] & (0xff00u >> bits));
  }
  return *IpAddress::from_octets(std::span(octets).first(from.size()));
}

bool IpPrefix::contains(const IpAddress& address) const {
  return address.family() == family() && IpPrefix(address, length_).network() == network();
}

bool IpPrefix::overlaps(const IpPrefix& other) const {
  return length_ <= other.length_ ? contains(other.address_) : other.contains(address_);
}

std::string IpPrefix::text() const {
  return address_.text() + "/" + std::to_string(length_);
}

Result<MacAddress> MacAddress::parse(std::string_view text) {
  const std::string copy(text);
  MacAddress out;
  unsigned octet[6];
  int used = 0;
  if (std::sscanf(copy.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%n", &octet[0], &octet[1], &octet[2],
                  &octet[3], &octet[4], &octet[5], &used) != 6 ||
      static_cast<std::size_t>(used) != copy.size())
    return fail("'" + copy + "' is not an Ethernet address", {}, "write it like 02:00:00:00:00:01",
                ExitCode::kBadInput);
  std::ranges::transform(octet, out.octets.begin(),
                         [](unsigned value) { return static_cast<std::uint8_t>(value); });
  return out;
}

std::string MacAddress::text() const {
  char buffer[18];
  std::snprintf(buffer, sizeof buffer, "%02x:%02x:%02x:%02x:%02x:%02x", octets[0], octets[1],
                octets[2], octets[3], octets[4], octets[5]);
  return buffer;
}

}  // namespace anabranch
