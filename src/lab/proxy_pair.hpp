// SPDX-License-Identifier: MIT
// The topology of the two-ended proxy: a LAN host and a server that speak only TCP, a home gateway
// (CPE) with two uplinks, and a converter beside the path between the provider's network and the
// server.
//
//             10.k.0.0/16     172.16.k.0/24        172.20.k.0/24          198.18.9.0/24
//   host eth0 ----------- cpe ~~~~~~~~~~~~~ isp<k> ------------- core --------------- converter .9
//         2001:db8:k::/64     2001:db8:1600+k::/64               |     2001:db8:1989::/64
//                                                                +------ server 198.18.0.1
//                                                                        2001:db8:1980::1
//
// The host has an address of each provider, so that plain TCP can be measured over either uplink;
// whatever does not choose goes over the first. The wavy links run through the emulator.
#pragma once

#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"
#include "lab/single_homed_roles.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

/// `uplinks`: two or more. With `far_away` a second server, "far", is that far (one way) beyond the
/// provider's network, where "server" and converter are next to each other.
Topology proxy_pair_topology(const std::vector<LinkProfile>& uplinks, nanoseconds far_away = {});

/// The host's address of provider `uplink`.
IpAddress lan_address(unsigned uplink, Family family);
/// The CPE's address of provider `uplink`.
IpAddress cpe_address(unsigned uplink, Family family);
IpAddress converter_address(Family family);
IpAddress far_server_address(Family family);
/// The host's addresses as paths, for measure_tcp().
std::vector<HostPath> lan_paths(unsigned uplinks, Family family);

}  // namespace anabranch::lab
