// SPDX-License-Identifier: MIT
// DHCPv4 client identifiers in the form of RFC 4361, built from a DUID (RFC 8415 section 11). One
// host holds several leases over one wire; the IAID tells them apart, the DUID says that it is one
// host.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"

namespace anabranch::wire {

/// Type 255, IAID, DUID (RFC 4361 section 6.1): the value of option 61.
std::vector<std::uint8_t> make_client_id(std::uint32_t iaid, std::span<const std::uint8_t> duid);

/// DUID-UUID (type 4, RFC 6355).
std::vector<std::uint8_t> make_duid_uuid(std::span<const std::uint8_t, 16> uuid);
/// DUID-LL (type 3) of an Ethernet address.
std::vector<std::uint8_t> make_duid_ll(const MacAddress& mac);

/// "00:04:5e:..." and back. Parsing refuses what no DUID can be: fewer than 3 or more than 130
/// octets.
std::string duid_text(std::span<const std::uint8_t> duid);
std::optional<std::vector<std::uint8_t>> parse_duid(std::string_view text);

}  // namespace anabranch::wire
