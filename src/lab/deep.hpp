// SPDX-License-Identifier: MIT
// The single-homed topology with its fork deep in the network (draft-wr-mptcp-single-homed, section
// 3): the router that knows of paths is two hops away from the host, behind it is another, and DHCP
// comes from a server apart through a relay.
//
//   elsewhere ..... eth1 (down)
//   host eth0 --- acc0 access core0 --- lan0 gateway ~~~ isp1 ------------------- server
//                 (dhcrelay)                 |    \--- lan0 gateway2 ~~~ isp2 --- server
//                                          srv0             \~~~~~~~~~~~ isp3 --- server
//                                            |
//                                       s0 dhcp (Kea)
//
// `gateway` sends path 1 to its provider and paths 2 and 3, unchanged, to `gateway2` over one
// interface; there they part.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "lab/network.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

/// Three uplinks.
Topology deep_topology(const std::vector<LinkProfile>& uplinks);

/// Gateways, DHCP server, relay, host, each ready before the next. Returns the time from the host's
/// start to its last path. kNotPermitted when the relay's program is not installed.
Result<nanoseconds> start_deep_roles(Network& network);

}  // namespace anabranch::lab
