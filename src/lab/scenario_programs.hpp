// SPDX-License-Identifier: MIT
// Real programs in a scenario: nginx serves, curl fetches, both through `anabranch run`.
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

/// One step: a file fetched over all paths, its hash compared, MPTCP seen in the server's counters.
Result<void> fetch_with_real_programs(ScenarioRun& run);

}  // namespace anabranch::lab
