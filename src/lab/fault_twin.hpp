// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

/// Another host with the same Ethernet address comes up on the LAN in mid-transfer, with its
/// DHCP client and host role, and leaves again.
Result<void> meet_twin(ScenarioRun& run);

}  // namespace anabranch::lab
