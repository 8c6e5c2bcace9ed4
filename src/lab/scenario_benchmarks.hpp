// SPDX-License-Identifier: MIT
// Benchmarks that need a network: they run like scenarios and are judged by bench/run.
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

/// Forwarding with the gateway's rules against plain routing, in turns.
Scenario gateway_forwarding_scenario();
/// Memory and processor time of every role with nothing to do.
Scenario roles_idle_scenario();

/// Goodput of one TCP through the link emulator, and its processor time.
Scenario wire_limits_scenario();

}  // namespace anabranch::lab
