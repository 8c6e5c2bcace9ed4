// SPDX-License-Identifier: MIT
// How long a host takes for many paths.
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

Scenario single_homed_8_scenario();

}  // namespace anabranch::lab
