// SPDX-License-Identifier: MIT
// The configuration of a Kea DHCPv6 server that knows our paths, generated from the settings. Pure.
//
// As with DHCPv4 (kea_config.hpp) there is one client class and one subnet guarded by it per path,
// each with addresses (IA_NA) and, where the uplink has some, prefixes (IA_PD). EXT_ROUTE is
// sub-option 1 of vendor option 17 with the enterprise number 32473, two octets: index and count.
// Beside it are converters (2, their port 3), all in one instance, since Kea sends one.
//
//   index of a path that is up      that path
//   index of anything else          no class: NoAddrsAvail, and NoBinding to a Renew
//   index 0, or no option           the path of the addresses or prefixes that the client names,
//                                   else the lowest path that is up
//
// The class is the message's, so that all its IAs are of one path. Leases are Kea's by DUID and
// IAID: a host that wants two paths asks with two IAIDs.
#pragma once

#include <string>

#include "gateway/kea_config.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// The enterprise number of EXT_ROUTE's vendor option: that for documentation (RFC 5612).
inline constexpr unsigned kExtRouteEnterprise = 32473;

/// Those of the packaged AppArmor profile, for the server we start.
KeaPlaces own_kea6_places(const Settings& settings);

/// JSON text. Hardware addresses that are held back are none of DHCPv6's, which knows clients by
/// their DUIDs. Clients that name no path are served from the lowest one that is not down; when all
/// are, from the lowest.
std::string kea6_config(const Settings& settings, const KeaRefusals& refusals,
                        const KeaPlaces& places);

}  // namespace anabranch::gateway
