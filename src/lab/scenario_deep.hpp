// SPDX-License-Identifier: MIT
// Paths that fork deep in the network.
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

Scenario single_homed_deep_scenario();

}  // namespace anabranch::lab
