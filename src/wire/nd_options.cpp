// SPDX-License-Identifier: MIT
#include "wire/nd_options.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "wire/domain_name.hpp"

namespace anabranch::wire {
namespace {

constexpr std::uint8_t kPrefixInformation = 3;
constexpr std::uint8_t kMtu = 5;
constexpr std::uint8_t kRouteInformation = 24;
constexpr std::uint8_t kDnsServers = 25;
constexpr std::uint8_t kDnsSearchList = 31;

constexpr std::uint8_t kManaged = 0x80;
constexpr std::uint8_t kOther = 0x40;
constexpr std::uint8_t kOnLink = 0x80;
constexpr std::uint8_t kAutonomous = 0x40;
constexpr std::uint16_t kExtRouteMagic = 0x4552;
constexpr std::uint8_t kExtRouteVersion = 1;
constexpr std::int64_t kLongestRouterLifetime = 0xffff;
constexpr std::size_t kAddress = 16;
constexpr unsigned kPreferenceShift = 3;
constexpr unsigned kPreferenceReserved = 2;

using Preference = RouterHeader::Preference;

std::uint32_t number_at(std::span<const std::uint8_t> octets, std::size_t at, std::size_t count) {
  std::uint32_t out = 0;
  for (const auto octet : octets.subspan(at, count)) out = out << 8 | octet;
  return out;
}

void append_number(std::vector<std::uint8_t>& out, std::uint32_t number, unsigned count) {
  while (count-- > 0) out.push_back(static_cast<std::uint8_t>(number >> (8 * count)));
}

void append_lifetime(std::vector<std::uint8_t>& out, seconds lifetime) {
  append_number(
      out,
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(lifetime.count(), 0, kForever.count())),
      4);
}

seconds lifetime_at(NdOption option, std::size_t at) {
  return seconds(number_at(option, at, 4));
}

unsigned preference_at(std::uint8_t flags) {
  return flags >> kPreferenceShift & 3;
}

std::uint8_t preference_bits(Preference preference) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(preference) << kPreferenceShift);
}

/// The prefix in up to 16 octets; bits beyond its length say nothing (RFC 4861 section 4.6.2).
IpPrefix prefix_from(std::span<const std::uint8_t> octets, unsigned length) {
  std::array<std::uint8_t, kAddress> whole{};
  std::ranges::copy(octets, whole.begin());
  return IpPrefix(IpAddress::v6(whole), length).without_host_bits();
}

void decode_prefix(NdOption option, RouterOptions& options) {
  if (option.size() != 4 * kNdUnit || option[2] > 128) return;
  options.prefixes.push_back({prefix_from(option.subspan(16), option[2]),
                              (option[3] & kOnLink) != 0, (option[3] & kAutonomous) != 0,
                              lifetime_at(option, 4), lifetime_at(option, 8)});
}

void decode_route(NdOption option, RouterOptions& options) {
  const unsigned length = option[2];
  const unsigned preference = preference_at(option[3]);
  const auto prefix = option.subspan(kNdUnit);
  if (prefix.size() > kAddress || length > 8 * prefix.size()) return;
  if (preference == kPreferenceReserved) return;  // RFC 4191 section 2.3
  options.routes.push_back(
      {prefix_from(prefix, length), static_cast<Preference>(preference), lifetime_at(option, 4)});
}

void decode_dns(NdOption option, RouterOptions& options) {
  const auto addresses = option.subspan(kNdUnit);
  if (addresses.empty() || addresses.size() % kAddress != 0) return;
  auto& servers = options.dns.emplace_back();
  servers.lifetime = lifetime_at(option, 4);
  for (std::size_t at = 0; at < addresses.size(); at += kAddress)
    servers.addresses.push_back(IpAddress::v6(addresses.subspan(at).first<kAddress>()));
}

void decode_search(NdOption option, RouterOptions& options) {
  DnsSearchList list{lifetime_at(option, 4), {}};
  auto names = option.subspan(kNdUnit);
  while (!names.empty() && names[0] != 0) {
    const auto name = take_domain_name(names);
    if (!name) return;
    list.domains.push_back(*name);
  }
  if (!list.domains.empty()) options.search.push_back(std::move(list));
}

void decode_ext_route(NdOption option, RouterOptions& options) {
  if (option.size() != kNdUnit || number_at(option, 2, 2) != kExtRouteMagic ||
      option[4] != kExtRouteVersion)
    return;
  if (!options.ext_route) options.ext_route = ExtRoute{option[6], option[7]};
}

bool append_prefix(const PrefixInformation& information, std::vector<std::uint8_t>& out) {
  const auto prefix = information.prefix.without_host_bits();
  if (prefix.family() != Family::kIpv6) return false;
  const unsigned flags =
      (information.on_link ? kOnLink : 0u) | (information.autonomous ? kAutonomous : 0u);
  out.insert(out.end(), {kPrefixInformation, 4, static_cast<std::uint8_t>(prefix.length()),
                         static_cast<std::uint8_t>(flags)});
  append_lifetime(out, information.valid);
  append_lifetime(out, information.preferred);
  append_number(out, 0, 4);
  std::ranges::copy(prefix.address().octets(), std::back_inserter(out));
  return true;
}

bool append_route(const RouteInformation& route, std::vector<std::uint8_t>& out) {
  const auto prefix = route.prefix.without_host_bits();
  if (prefix.family() != Family::kIpv6) return false;
  const std::size_t units = (prefix.length() + 63) / 64;
  out.insert(out.end(),
             {kRouteInformation, static_cast<std::uint8_t>(1 + units),
              static_cast<std::uint8_t>(prefix.length()), preference_bits(route.preference)});
  append_lifetime(out, route.lifetime);
  std::ranges::copy(prefix.address().octets().first(units * kNdUnit), std::back_inserter(out));
  return true;
}

bool append_dns(const DnsServers& servers, std::vector<std::uint8_t>& out) {
  const std::size_t size = kNdUnit + servers.addresses.size() * kAddress;
  if (servers.addresses.empty() || size > kLongestNdOption) return false;
  out.insert(out.end(), {kDnsServers, static_cast<std::uint8_t>(size / kNdUnit), 0, 0});
  append_lifetime(out, servers.lifetime);
  for (const auto& address : servers.addresses) {
    if (address.is_v4()) return false;
    std::ranges::copy(address.octets(), std::back_inserter(out));
  }
  return true;
}

bool append_search(const DnsSearchList& list, std::vector<std::uint8_t>& out) {
  std::vector<std::uint8_t> option{kDnsSearchList, 0, 0, 0};
  append_lifetime(option, list.lifetime);
  for (const auto& domain : list.domains) {
    const auto name = encode_domain_name(domain);
    if (!name) return false;
    option.insert(option.end(), name->begin(), name->end());
  }
  pad_nd_option(option);
  if (list.domains.empty() || option.size() > kLongestNdOption) return false;
  option[1] = static_cast<std::uint8_t>(option.size() / kNdUnit);
  out.insert(out.end(), option.begin(), option.end());
  return true;
}

}  // namespace

std::optional<std::vector<NdOption>> split_nd_options(std::span<const std::uint8_t> octets) {
  std::vector<NdOption> out;
  while (!octets.empty()) {
    if (octets.size() < 2) return std::nullopt;
    const std::size_t size = octets[1] * kNdUnit;
    if (size == 0 || size > octets.size()) return std::nullopt;
    out.push_back(octets.first(size));
    octets = octets.subspan(size);
  }
  return out;
}

void decode_nd_option(NdOption option, RouterOptions& options) {
  switch (option[0]) {
    case kNdSourceLinkAddress:
      if (option.size() != kNdUnit || options.source_link_address) return;
      std::ranges::copy(option.subspan(2), options.source_link_address.emplace().octets.begin());
      return;
    case kPrefixInformation:
      return decode_prefix(option, options);
    case kMtu:
      if (option.size() == kNdUnit && !options.mtu) options.mtu = number_at(option, 4, 4);
      return;
    case kRouteInformation:
      return decode_route(option, options);
    case kDnsServers:
      return decode_dns(option, options);
    case kDnsSearchList:
      return decode_search(option, options);
    case kNdExtRoute:
      return decode_ext_route(option, options);
    default:
      return;
  }
}

bool append_nd_options(const RouterOptions& options, std::vector<std::uint8_t>& out) {
  if (options.source_link_address) {
    out.insert(out.end(), {kNdSourceLinkAddress, 1});
    std::ranges::copy(options.source_link_address->octets, std::back_inserter(out));
  }
  if (options.mtu) {
    out.insert(out.end(), {kMtu, 1, 0, 0});
    append_number(out, *options.mtu, 4);
  }
  for (const auto& prefix : options.prefixes)
    if (!append_prefix(prefix, out)) return false;
  for (const auto& route : options.routes)
    if (!append_route(route, out)) return false;
  for (const auto& servers : options.dns)
    if (!append_dns(servers, out)) return false;
  for (const auto& list : options.search)
    if (!append_search(list, out)) return false;
  if (options.ext_route) {
    out.insert(out.end(), {kNdExtRoute, 1});
    append_number(out, kExtRouteMagic, 2);
    out.insert(out.end(),
               {kExtRouteVersion, 0, options.ext_route->index, options.ext_route->count});
  }
  return true;
}

void append_router_header(const RouterHeader& header, std::vector<std::uint8_t>& out) {
  const auto lifetime =
      std::clamp<std::int64_t>(header.lifetime.count(), 0, kLongestRouterLifetime);
  unsigned flags = (header.managed ? kManaged : 0u) | (header.other ? kOther : 0u);
  // Who is no default router has no preference as one (RFC 4191 section 2.2).
  if (lifetime != 0) flags |= preference_bits(header.preference);
  out.insert(out.end(), {kRouterAdvertisementType, 0, 0, 0, header.hop_limit,
                         static_cast<std::uint8_t>(flags)});
  append_number(out, static_cast<std::uint32_t>(lifetime), 2);
  append_number(out, header.reachable_ms, 4);
  append_number(out, header.retransmit_ms, 4);
}

RouterHeader decode_router_header(std::span<const std::uint8_t, kRouterHeaderSize> octets) {
  RouterHeader out;
  out.hop_limit = octets[4];
  out.managed = (octets[5] & kManaged) != 0;
  out.other = (octets[5] & kOther) != 0;
  out.lifetime = seconds(number_at(octets, 6, 2));
  const unsigned preference = preference_at(octets[5]);
  if (out.lifetime.count() != 0 && preference != kPreferenceReserved)
    out.preference = static_cast<Preference>(preference);
  out.reachable_ms = number_at(octets, 8, 4);
  out.retransmit_ms = number_at(octets, 12, 4);
  return out;
}

void pad_nd_option(std::vector<std::uint8_t>& out) {
  out.resize((out.size() + kNdUnit - 1) / kNdUnit * kNdUnit);
}

}  // namespace anabranch::wire
