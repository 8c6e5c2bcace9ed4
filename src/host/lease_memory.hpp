// SPDX-License-Identifier: MIT
// The leases a host asks for again after the machine was started anew (INIT-REBOOT), kept in <state
// directory>/host-IFACE.leases. They are those of one Ethernet address of the interface: with
// another card under the same name the host is another client.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "host/lease_json.hpp"

namespace anabranch::host {

std::string format_leases(const MacAddress& interface, std::span<const Lease> leases,
                          const Clocks& clocks);
/// Without those that have ended, and without any when they are another Ethernet address's.
Result<std::vector<Lease>> parse_leases(std::string_view text, const MacAddress& interface,
                                        const Clocks& clocks);

/// The file's, as far as they can be used: none is no error, an unreadable file a warning.
std::vector<Lease> load_leases(std::string_view name, const MacAddress& interface);
/// A file that cannot be written is a warning.
void store_leases(std::string_view name, const MacAddress& interface,
                  std::span<const Lease> leases);
std::filesystem::path leases_path(std::string_view interface);

}  // namespace anabranch::host
