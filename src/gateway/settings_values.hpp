// SPDX-License-Identifier: MIT
// Values that gateway.toml has in several places, read with their complaints.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "base/ip.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// "IPv4" or "IPv6".
std::string_view family_text(Family family);

/// fe80::/10 (RFC 4291 section 2.5.6).
bool is_link_local(const IpAddress& address);

/// A prefix of that family, written with its host bits clear; nothing after a complaint.
std::optional<IpPrefix> read_prefix(const config::Section& section, const config::Setting& setting,
                                    Family family);
std::optional<IpAddress> read_address(const config::Section& section,
                                      const config::Setting& setting, Family family);
/// Those of a list that are of that family; a complaint with `hint` for each of the others.
std::vector<IpAddress> read_addresses(const config::Section& section,
                                      const config::Setting& setting, Family family,
                                      std::string_view hint);
/// "10.1.16.0-10.1.255.250".
std::optional<AddressRange> parse_range(std::string_view text, Family family);

/// Complains unless the pool, given or usual, lies in `prefix` and does not hold `router`. Returns
/// what to use.
AddressRange read_pool(const config::Section& section, const config::Setting& pool,
                       const config::Setting& router_setting, const IpPrefix& prefix,
                       const IpAddress& router, const AddressRange& usual);

}  // namespace anabranch::gateway
