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
// EXT_ROUTE(index, count), asked for or not.
#pragma once

#include <set>
#include <string>

#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// Where the server finds its files and its clients.
struct KeaPlaces {
  std::string listen;          ///< "lan0/10.1.0.1"
  std::string control_socket;  ///< empty: none, the server is someone else's
};

/// Those of the packaged AppArmor profile, for the server we start.
KeaPlaces own_kea_places(const Settings& settings);

/// JSON text. `down` are the indexes that get no leases now; clients that name no path are served
/// from the base path even then.
std::string kea_config(const Settings& settings, const std::set<unsigned>& down,
                       const KeaPlaces& places);

}  // namespace anabranch::gateway
