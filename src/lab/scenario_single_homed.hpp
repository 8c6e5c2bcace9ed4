// SPDX-License-Identifier: MIT
// Several paths for hosts with one interface: aggregation, failover, scale.
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

Scenario single_homed_scenario();
Scenario single_homed_4_scenario();
Scenario single_homed_16_scenario();

/// Starts gateway and hosts of a single-homed network and waits until every host has every path.
/// Returns the time from the first host's start.
Result<nanoseconds> start_single_homed_roles(Network& network);

}  // namespace anabranch::lab
