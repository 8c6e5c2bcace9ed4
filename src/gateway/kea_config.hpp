// SPDX-License-Identifier: MIT
// The configuration of a Kea DHCPv4 server that knows our paths, generated from the settings. Pure.
//
// One client class and one subnet guarded by it per path; EXT_ROUTE chooses the class:
//
//   index of a path that is up      that path
//   index of anything else          no class: no OFFER to a DISCOVER, a NAK to a REQUEST
//   index 0, or no option           the path whose prefix holds the address the client has or asks
//                                   for (renewals by stock clients, DHCPINFORM), else the base path
//
// An option that is neither one nor two octets long counts as none. Every answer carries
// EXT_ROUTE(index, count), asked for or not; converters are told to those who ask. What a hardware
// address that is held back sends is dropped, but for renewals.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// Where the server finds its files and its clients.
struct KeaPlaces {
  std::string listen;          ///< "lan0/10.1.0.1"
  std::string control_socket;  ///< empty: none, the server is someone else's
  std::string lease_commands;  ///< Kea's hook library lease_cmds; empty: not there
};

/// Those of the packaged AppArmor profile, for the server we start.
KeaPlaces own_kea_places(const Settings& settings);
/// Kea's hook library that tells and takes back leases, where packages put it; empty when this
/// machine has none.
std::filesystem::path find_lease_commands();

/// Who is refused now.
struct KeaRefusals {
  std::set<unsigned> down = {};         ///< indexes that get no leases
  std::set<MacAddress> held_back = {};  ///< hardware addresses that may renew and nothing else
};

/// JSON text. Clients that name no path are served from the base path even when it is down.
std::string kea_config(const Settings& settings, const KeaRefusals& refusals,
                       const KeaPlaces& places);

}  // namespace anabranch::gateway
