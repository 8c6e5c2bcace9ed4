// SPDX-License-Identifier: MIT
// Capabilities that a role keeps once it has opened what it needs them for.
#pragma once

#include <initializer_list>

#include "base/result.hpp"

namespace anabranch::proxy {

/// Gives up every capability but `kept` for this process and whatever it starts, and the way to new
/// ones. Threads that are there already keep theirs: call it before they are started.
Result<void> keep_capabilities(std::initializer_list<unsigned> kept);

}  // namespace anabranch::proxy
