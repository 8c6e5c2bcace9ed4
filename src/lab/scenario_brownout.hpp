// SPDX-License-Identifier: MIT
// An uplink whose next hop lives while everything beyond it is lost.
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

Scenario uplink_brownout_scenario();

}  // namespace anabranch::lab
