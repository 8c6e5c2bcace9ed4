// SPDX-License-Identifier: MIT
// New connections go to the path manager in user space and back to the kernel's own. What the
// setting was before is kept in a file, so that whoever comes later can put it back.
#pragma once

#include "base/result.hpp"

namespace anabranch::paths {

/// New connections of this namespace are ours from now on. Call it when the kernel's fallback is in
/// place (kernel_fallback.hpp) and events are being read. Running connections stay where they are.
Result<void> take_over();

/// New connections get the path manager they would have without us, and leave as the routes say.
/// Running ones are left as they are, endpoints and limits of the fallback too: they are what new
/// connections get their further subflows from now. Does nothing the second time.
Result<void> hand_back();

/// hand_back(), and removes everything else the role left in this namespace: endpoints, limits,
/// routes, rules and the files below the runtime directory.
Result<void> clean_up();

}  // namespace anabranch::paths
