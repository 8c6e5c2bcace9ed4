// SPDX-License-Identifier: MIT
#include "wire/router_advertisement.hpp"

#include <algorithm>
#include <utility>

#include "wire/domain_name.hpp"
#include "wire/nd_options.hpp"

namespace anabranch::wire {
namespace {

constexpr std::uint8_t kRouterSolicitationType = 133;
constexpr std::size_t kSolicitationHeaderSize = 8;

// Octet 2 of a PvD option.
constexpr std::uint8_t kHttp = 0x80;
constexpr std::uint8_t kLegacy = 0x40;
constexpr std::uint8_t kHeader = 0x20;
constexpr std::uint8_t kDelayMask = 0x0f;  ///< of octet 3
constexpr std::size_t kPvdFixed = 6;       ///< what stands before the id

bool append_domain(const ProvisioningDomain& domain, std::vector<std::uint8_t>& out) {
  const auto id = encode_domain_name(domain.id);
  if (!id) return false;
  const unsigned flags =
      (domain.http ? kHttp : 0u) | (domain.legacy ? kLegacy : 0u) | (domain.header ? kHeader : 0u);
  // Delay and sequence number are about the further information (RFC 8801 section 3.1).
  const unsigned sequence = domain.http ? domain.sequence : 0u;
  const unsigned delay = domain.http ? domain.delay & kDelayMask : 0u;
  std::vector<std::uint8_t> option;
  option.reserve(kLongestNdOption);
  for (const unsigned octet :
       {unsigned{kNdPvd}, 0u, flags, delay, sequence >> 8u, sequence & 0xffu})
    option.push_back(static_cast<std::uint8_t>(octet));
  option.insert(option.end(), id->begin(), id->end());
  pad_nd_option(option);
  if (domain.header) append_router_header(*domain.header, option);
  if (!append_nd_options(domain.options, option)) return false;
  if (option.size() > kLongestNdOption) return false;
  option[1] = static_cast<std::uint8_t>(option.size() / kNdUnit);
  out.insert(out.end(), option.begin(), option.end());
  return true;
}

/// Nothing for a void one.
std::optional<ProvisioningDomain> decode_domain(NdOption option) {
  ProvisioningDomain out;
  out.http = (option[2] & kHttp) != 0;
  out.legacy = (option[2] & kLegacy) != 0;
  if (out.http) {
    out.delay = option[3] & kDelayMask;
    out.sequence = static_cast<std::uint16_t>(option[4] << 8 | option[5]);
  }
  auto rest = option.subspan(kPvdFixed);
  auto id = take_domain_name(rest);
  if (!id) return std::nullopt;
  out.id = *std::move(id);
  // The option is a whole number of units, so that there is room for the padding.
  rest = rest.subspan(rest.size() % kNdUnit);
  if ((option[2] & kHeader) != 0) {
    if (rest.size() < kRouterHeaderSize) return std::nullopt;
    out.header = decode_router_header(rest.first<kRouterHeaderSize>());
    rest = rest.subspan(kRouterHeaderSize);
  }
  const auto options = split_nd_options(rest);
  if (!options) return std::nullopt;
  for (const auto& inner : *options) decode_nd_option(inner, out.options);
  return out;
}

}  // namespace

std::optional<std::vector<std::uint8_t>> encode(const RouterAdvertisement& advertisement) {
  std::vector<std::uint8_t> out;
  append_router_header(advertisement.header, out);
  if (!append_nd_options(advertisement.options, out)) return std::nullopt;
  if (advertisement.domain && !append_domain(*advertisement.domain, out)) return std::nullopt;
  return out;
}

std::optional<RouterAdvertisement> decode_router_advertisement(
    std::span<const std::uint8_t> message) {
  if (message.size() < kRouterHeaderSize || message[0] != kRouterAdvertisementType ||
      message[1] != 0)
    return std::nullopt;
  const auto options = split_nd_options(message.subspan(kRouterHeaderSize));
  if (!options) return std::nullopt;
  RouterAdvertisement out;
  out.header = decode_router_header(message.first<kRouterHeaderSize>());
  bool seen = false;
  for (const auto& option : *options) {
    if (option[0] != kNdPvd)
      decode_nd_option(option, out.options);
    else if (!std::exchange(seen, true))
      out.domain = decode_domain(option);
  }
  return out;
}

std::vector<std::uint8_t> encode_router_solicitation(
    const std::optional<MacAddress>& source_link_address) {
  std::vector<std::uint8_t> out{kRouterSolicitationType, 0, 0, 0, 0, 0, 0, 0};
  RouterOptions options;
  options.source_link_address = source_link_address;
  append_nd_options(options, out);
  return out;
}

bool is_router_solicitation(std::span<const std::uint8_t> message, const IpAddress& source) {
  if (message.size() < kSolicitationHeaderSize || message[0] != kRouterSolicitationType ||
      message[1] != 0)
    return false;
  const auto options = split_nd_options(message.subspan(kSolicitationHeaderSize));
  // Who has no address yet has no link address to be answered at (RFC 4861 section 6.1.1).
  return options &&
         (!source.is_unspecified() || std::ranges::none_of(*options, [](const NdOption& option) {
           return option[0] == kNdSourceLinkAddress;
         }));
}

}  // namespace anabranch::wire
