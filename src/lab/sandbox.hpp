// SPDX-License-Identifier: MIT
// A private world for one lab: its own process, mount, network and (for an ordinary user) user
// namespaces. The first process inside is the lab itself with process number 1, so when it ends,
// however it ends, the kernel ends everything it started and every namespace with it. Nothing has a
// name outside, but for the lab's cgroup (lab_cgroup.hpp).
#pragma once

#include <functional>

#include "base/result.hpp"

namespace anabranch::lab {

/// Forks, runs `work` inside and returns its exit code outside. SIGINT and SIGTERM end the inside.
/// kNotPermitted when this machine lets this user make no namespaces.
Result<int> run_in_sandbox(const std::function<int()>& work);

}  // namespace anabranch::lab
