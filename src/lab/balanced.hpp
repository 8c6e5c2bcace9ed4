// SPDX-License-Identifier: MIT
// The balanced network: clients with two interfaces, a router, and behind it one Ethernet with the
// balancer and its servers. The router sends what is for the service to the balancer; servers
// answer by the router, past the balancer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

inline constexpr unsigned kBalancedClients = 2;
inline constexpr std::uint16_t kServicePort = 80;
inline constexpr std::string_view kBalancerNode = "balancer";

/// Servers 1 to `servers`, all of them with the service's addresses.
Topology balanced_topology(unsigned servers);

/// "client1", "server1".
std::string balanced_client(unsigned number);
std::string balanced_server(unsigned number);

/// What clients connect to.
IpAddress service_address(Family family);
/// The server's own, for further subflows: the router sends it to the balancer, too.
IpAddress own_address(Family family, unsigned server);
/// Of the server on the Ethernet that it shares with the balancer.
IpAddress segment_address(Family family, unsigned server);
/// Of the balancer there.
IpAddress balancer_address(Family family);
/// Of the client's second interface.
IpAddress second_address(Family family, unsigned client);

}  // namespace anabranch::lab
