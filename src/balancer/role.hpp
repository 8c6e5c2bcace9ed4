// SPDX-License-Identifier: MIT
// `anabranch balancer run`: writes what the data plane is to do, and keeps it true. Packets do not
// need it: they are steered while it restarts, and after it was killed.
#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace anabranch::balancer {

/// Until SIGTERM or SIGINT. The data plane goes on steering.
Result<void> run_balancer(const std::filesystem::path& file);

/// Ends the steering: takes the programs off the interface of this configuration and removes what
/// is pinned.
Result<void> clean_up_balancer(const std::filesystem::path& file);

}  // namespace anabranch::balancer
