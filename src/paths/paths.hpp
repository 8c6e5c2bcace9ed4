// SPDX-License-Identifier: MIT
// The path manager as a process: `anabranch paths run`.
#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "paths/settings.hpp"

namespace anabranch::paths {

struct RunOptions {
  SettingsFile file;
  std::filesystem::path record;  ///< every input and its actions go there; empty: nowhere
};

/// Manages the MPTCP connections of the calling thread's network namespace until SIGTERM or SIGINT.
/// A second process watches over it: when either dies, the kernel's own path manager has new
/// connections again.
Result<void> run_paths(const RunOptions& options);

}  // namespace anabranch::paths
