// SPDX-License-Identifier: MIT
// The gateway as a running role: looks, decides (plan.hpp), applies (machine.hpp), whenever
// something changes in the namespace; keeps a DHCP server beside it; answers on its status socket.
#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace anabranch::gateway {

/// Runs until SIGTERM or SIGINT; SIGHUP reads the file again. What it has set stays when it ends,
/// so that a restart is not felt by anyone's connections; cleanup() removes it.
Result<void> run(const std::filesystem::path& config);

/// Removes rules, routes, addresses and translation of ours and puts the sysctls back. Refused
/// while a gateway runs. Leases are kept.
Result<void> cleanup(const std::filesystem::path& config);

}  // namespace anabranch::gateway
