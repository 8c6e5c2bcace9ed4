// SPDX-License-Identifier: MIT
// The balancer between clients with two addresses and web servers: whether every further subflow
// finds the server of its connection, and what breaks when servers and the balancer come and go.
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

Scenario balancer_scenario();
Scenario balancer_churn_scenario();

}  // namespace anabranch::lab
