// SPDX-License-Identifier: MIT
// The long-lived processes of a single-homed network and the memory each of them holds.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.hpp"
#include "lab/network.hpp"

namespace anabranch::lab {

struct RoleProcess {
  std::string name;  ///< "gateway", "kea", "host", "wire"
  pid_t pid = 0;
};

/// Gateway, its Kea, the host role of `host` and the link emulator. Fails when one does not run.
Result<std::vector<RoleProcess>> role_processes(const Network& network, std::string_view host);

struct ResidentMemory {
  double kib = 0;            ///< all pages in memory, those of the program's file included
  double anonymous_kib = 0;  ///< heap, stacks, changed data: what a leak would add to
};

/// Counted page by page (smaps_rollup): VmRSS of /proc/PID/status may be wrong by dozens of pages
/// for each processor. Fails when the process is gone.
Result<ResidentMemory> resident_memory(pid_t pid);

}  // namespace anabranch::lab
