// SPDX-License-Identifier: MIT
// What the configurations of Kea's DHCPv4 and DHCPv6 servers have in common. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// "01ab".
std::string hex_text(std::span<const std::uint8_t> octets);

/// Guards the subnet of a path.
std::string path_class(const Uplink& uplink);

/// The class test of a path that gives nothing now: its subnet, and with it the leases, stay in the
/// configuration.
inline constexpr std::string_view kNobody = "'down' == 'up'";

/// Converters have the same names in both families.
inline constexpr std::string_view kConvertersName = "converters";
inline constexpr std::string_view kConverterPortName = "converter-port";

/// An option that Kea does not know, and a value for it.
nlohmann::ordered_json binary_definition(std::string_view name, unsigned code,
                                         std::string_view space);
nlohmann::ordered_json binary_option(std::string_view name, std::span<const std::uint8_t> value);

nlohmann::ordered_json client_class(std::string_view name, std::string test);

/// `file` is where leases lie when they are not in a database.
nlohmann::ordered_json make_lease_database(const LeaseDatabase& database, std::string_view file);

/// Warnings and worse of `program` to its standard output, and what it says of its start.
/// `tells_leases`: a line for each lease too.
nlohmann::ordered_json make_loggers(std::string_view program, bool tells_leases);

}  // namespace anabranch::gateway
