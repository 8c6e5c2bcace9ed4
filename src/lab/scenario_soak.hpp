// SPDX-License-Identifier: MIT
// Hours of everything at once, and what it does to memory.
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

Scenario soak_scenario();

}  // namespace anabranch::lab
