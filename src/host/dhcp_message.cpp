// SPDX-License-Identifier: MIT
#include "host/dhcp_message.hpp"

#include "base/registry.hpp"

namespace anabranch::host {

const DhcpMessage::Octets* DhcpMessage::option(std::uint8_t code) const {
  const auto found = options.find(code);
  return found == options.end() ? nullptr : &found->second;
}

std::optional<IpAddress> DhcpMessage::address_option(std::uint8_t code) const {
  // Options with several addresses list the preferred one first (RFC 2132 section 3.5).
  const auto* value = option(code);
  if (value == nullptr || value->size() < 4 || value->size() % 4 != 0) return std::nullopt;
  return IpAddress::from_octets(std::span(*value).first(4));
}

std::optional<std::uint32_t> DhcpMessage::number_option(std::uint8_t code) const {
  const auto* value = option(code);
  if (value == nullptr || value->size() != 4) return std::nullopt;
  std::uint32_t out = 0;
  for (const auto octet : *value) out = out << 8 | octet;
  return out;
}

void DhcpMessage::set_address(std::uint8_t code, const IpAddress& address) {
  const auto octets = address.octets();
  options[code] = Octets(octets.begin(), octets.end());
}

DhcpMessage::Octets parameter_list(std::uint8_t ext_route_code) {
  constexpr std::uint8_t kDnsServers = 6;
  constexpr std::uint8_t kDomainName = 15;
  constexpr std::uint8_t kMtu = 26;
  return {dhcp::kSubnetMask,
          dhcp::kClasslessRoutes,
          dhcp::kRouter,
          dhcp::kStaticRoutes,
          kDnsServers,
          kDomainName,
          kMtu,
          dhcp::kLeaseTime,
          dhcp::kServerId,
          dhcp::kRenewalTime,
          dhcp::kRebindingTime,
          ext_route_code,
          registry::kConvertersCode,
          registry::kConverterPortCode};
}

}  // namespace anabranch::host
