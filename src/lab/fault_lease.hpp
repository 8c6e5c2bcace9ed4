// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

/// The DHCP server is gone past T2 and past the end of the lease of path 2, then returns: the
/// transfer goes on over path 1, whose address has no client any more, and has both paths at its
/// end. Takes as long as the lease.
Result<void> outlive_leases(ScenarioRun& run);

}  // namespace anabranch::lab
