// SPDX-License-Identifier: MIT
// Where the Transport Converters of a network are (RFC 8803), as DHCP tells it: the values of the
// options, whose codes are in base/registry.hpp. No option is assigned; the layouts are those of
// RFC 7291 (PCP servers), which draft-boucadair-tcpm-dhc-converter follows.
//
//   DHCPv4     for each converter: octets that follow (1), its IPv4 addresses
//   DHCPv6     an instance for each converter: its addresses, IPv4 ones mapped into IPv6
//   port       2 octets, of all of them; without it 5124
//
// The order is that of preference. To one who asks for a converter it is all the same whether two
// addresses are of one or of two: it tries one after the other. So what is read is one list.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/endpoint.hpp"
#include "base/ip.hpp"

namespace anabranch::wire {

/// Nobody needs more, and a server that tells of more is not believed the rest.
inline constexpr std::size_t kMostConverters = 16;

/// The option's value for one converter, `addresses` being IPv4. Nothing for none, and for more
/// than its length can tell (63).
std::optional<std::vector<std::uint8_t>> encode_converters4(std::span<const IpAddress> addresses);
/// The sub-option's value for one converter.
std::vector<std::uint8_t> encode_converters6(std::span<const IpAddress> addresses);
std::array<std::uint8_t, 2> encode_converter_port(std::uint16_t port);

/// A converter whose list is no list of addresses, or holds one that no converter can have (not
/// is_global()), is left out; what follows a list that ends behind the value is unread.
std::vector<IpAddress> decode_converters4(std::span<const std::uint8_t> value);
/// The same of one sub-option: one converter, or none.
std::vector<IpAddress> decode_converters6(std::span<const std::uint8_t> value);
/// Nothing for another length, and for port 0.
std::optional<std::uint16_t> decode_converter_port(std::span<const std::uint8_t> value);

/// Adds those of `more` that are not there yet, up to kMostConverters.
template <class Value>
void add_converters(std::vector<Value>& known, std::span<const Value> more) {
  for (const auto& one : more) {
    if (known.size() == kMostConverters) return;
    bool there = false;
    for (const auto& other : known) there = there || other == one;
    if (!there) known.push_back(one);
  }
}

std::vector<Endpoint> converter_endpoints(std::span<const IpAddress> addresses,
                                          std::optional<std::uint16_t> port);

}  // namespace anabranch::wire
