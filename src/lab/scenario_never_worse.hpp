// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

Scenario never_worse_scenario();

}  // namespace anabranch::lab
