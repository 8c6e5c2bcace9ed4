// SPDX-License-Identifier: MIT
// What goes wrong in real networks, in mid-transfer.
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

/// Processes killed, state deleted, the DHCP server gone, links that flap, two hosts with one
/// Ethernet address: the transfer goes on, and afterwards everything is as it was.
Scenario single_homed_faults_scenario();

}  // namespace anabranch::lab
