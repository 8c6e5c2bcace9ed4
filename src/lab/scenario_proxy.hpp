// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

/// Host and server speak only TCP; the proxy pair between them uses both uplinks.
Scenario proxy_scenario();
/// What the pair adds to the time until the first octets of a connection are there.
Scenario proxy_setup_scenario();

}  // namespace anabranch::lab
