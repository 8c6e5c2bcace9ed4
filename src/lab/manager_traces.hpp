// SPDX-License-Identifier: MIT
// What a path manager holds on to: memory, descriptors, listeners, connections it believes in.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "lab/network.hpp"
#include "lab/path_manager.hpp"

namespace anabranch::lab {

struct ManagerTraces {
  double resident_kib = 0;   ///< of its processes; 0: the kernel, which has none
  unsigned descriptors = 0;  ///< open ones of its processes
  unsigned listeners = 0;    ///< of the whole node
  unsigned connections = 0;  ///< that `paths show` lists; of other managers none
};

/// Of the manager that runs in `node`.
Result<ManagerTraces> manager_traces(const Network& network, std::string_view node,
                                     Manager manager);

/// Local address of a path and the server's end, "198.18.0.1:5001", which tells the connection.
using PathsInUse = std::set<std::pair<std::string, std::string>>;

/// Adds the paths that have an established subflow now, for each connection to kServerAddress, as
/// `node`, the client, sees it.
Result<void> add_paths_in_use(const Network& network, std::string_view node, PathsInUse& paths);

}  // namespace anabranch::lab
