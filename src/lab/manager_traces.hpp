// SPDX-License-Identifier: MIT
// What a path manager holds on to: memory, descriptors, listeners, connections it believes in.
#pragma once

#include <optional>
#include <string_view>

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

/// Pairs of a connection to kServerAddress (told by the server's port) and a path that has an
/// established subflow of it, as `node`, the client, sees it.
Result<unsigned> established_pairs(const Network& network, std::string_view node);

}  // namespace anabranch::lab
