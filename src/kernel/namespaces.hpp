// SPDX-License-Identifier: MIT
// Network namespaces as descriptors: they live as long as someone holds one, and have no names.
#pragma once

#include <functional>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace anabranch::kernel {

/// The calling thread's network namespace.
Result<UniqueFd> current_network_namespace();
/// A new one, with its loopback interface up. The calling thread stays where it is.
Result<UniqueFd> create_network_namespace();
/// Runs `work` with the calling thread inside `netns`, then returns it to where it was.
Result<void> inside_network_namespace(int netns, const std::function<Result<void>()>& work);

}  // namespace anabranch::kernel
