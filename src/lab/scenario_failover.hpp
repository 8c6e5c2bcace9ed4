// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

/// How fast transfers get over the loss of a path, and how soon a path that is well again carries:
/// our path manager on the client, judged, and beside it the kernel's and mptcpd. The server's
/// kernel has none of them.
Scenario failover_scenario();

}  // namespace anabranch::lab
