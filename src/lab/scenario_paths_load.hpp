// SPDX-License-Identifier: MIT
// What the path manager needs and how fast it is with thousands of connections.
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

/// "paths-load", a benchmark: how long after a connection its second subflow is asked for, alone
/// and in a rush; processor time and memory while thousands are held, idle and some of them busy;
/// events a second while short connections follow each other; and that events lost while the daemon
/// stood still are made good.
Scenario paths_load_scenario();

}  // namespace anabranch::lab
