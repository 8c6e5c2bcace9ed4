// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

/// Random events on three paths under twenty transfers: all arrive, all subflows are there again at
/// the end, and the path manager holds on to nothing. Others than ours only when chosen.
Scenario flapping_scenario();

}  // namespace anabranch::lab
