// SPDX-License-Identifier: MIT
// [health] and [vip.health] as values.
#pragma once

#include "balancer/health.hpp"
#include "base/config.hpp"

namespace anabranch::balancer {

/// The section `setting` of `outer`, whose keys take the place of what `defaults` has; complains
/// about what is wrong in it. Without the section it is the defaults; without these no check.
HealthCheck read_health(const config::Section& outer, const config::Setting& setting,
                        const HealthCheck* defaults = nullptr);

}  // namespace anabranch::balancer
