// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

/// Transfers in both directions while the uplinks lose their carrier again and again, one at a
/// time: 50 times, 1,000 at full scale. Afterwards one transfer over both paths as before, and
/// nothing left behind.
Result<void> flap_uplinks(ScenarioRun& run);
unsigned flap_steps(Scale scale);

}  // namespace anabranch::lab
