// SPDX-License-Identifier: MIT
// Control groups by the id that the kernel tells with a socket.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace anabranch::kernel {

/// Where the cgroup2 file system is mounted; kNotPermitted when it is nowhere.
Result<std::string> cgroup_root();

/// "/system.slice/nginx.service", below the root; empty for an id that is gone, or when it may not
/// be asked for (CAP_DAC_READ_SEARCH).
std::string cgroup_path(std::uint64_t id);

}  // namespace anabranch::kernel
