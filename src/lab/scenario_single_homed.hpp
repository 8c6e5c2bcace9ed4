// SPDX-License-Identifier: MIT
// Several paths for hosts with one interface: aggregation, failover, scale.
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

Scenario single_homed_scenario();
Scenario single_homed_ipv6_scenario();
Scenario single_homed_dual_scenario();
Scenario single_homed_4_scenario();
Scenario single_homed_16_scenario();

}  // namespace anabranch::lab
