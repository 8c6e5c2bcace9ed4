// SPDX-License-Identifier: MIT
// `anabranch cpe run`: the proxy in a home gateway, as a process.
#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace anabranch::proxy {

/// Takes LAN hosts' connections, and this machine's where it is told to, until SIGTERM or SIGINT;
/// running ones are reset at its end. `single`: as for load_cpe_settings().
Result<void> run_cpe(const std::filesystem::path& file, bool single);

/// Removes what a CPE that was killed has left in the kernel.
Result<void> clean_up_cpe();

}  // namespace anabranch::proxy
