// SPDX-License-Identifier: MIT
// A host with several interfaces, each on a path of its own to one server. Who manages its paths is
// started with path_manager.hpp.
//
//   client c1 10.1.0.2 ~~~~~~~~~~ 10.1.0.1 s1 server 198.18.0.1
//          c2 10.2.0.2 ~~~~~~~~~~ 10.2.0.1 s2
//
// The client is set up as a careful administrator does it: a default route over every path, the
// first path preferred, and for each address a rule that sends its packets over its own path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "lab/topology.hpp"

namespace anabranch::lab {

struct TwoHomedOptions {
  std::vector<LinkProfile> paths;  ///< two or more; path k is the k-th
  unsigned preferred = 1;          ///< the path whose default route has the lowest metric
  /// Behind the names of nodes and links: several such networks share one topology.
  std::string suffix = {};
};

/// Nodes "client<suffix>" and "server<suffix>", links "path<k><suffix>". Server and addresses are
/// the same in each: kServerAddress, path_of() (both in single_homed.hpp).
Topology two_homed_topology(const TwoHomedOptions& options);
void add_two_homed(Topology& topology, const TwoHomedOptions& options);

/// 10.k.0.2 and "c<k>", the client's end of path k.
IpAddress client_address(unsigned path);
std::string client_interface(unsigned path);
/// "path<k><suffix>", for WireControl.
std::string path_link(unsigned path, std::string_view suffix = {});

}  // namespace anabranch::lab
