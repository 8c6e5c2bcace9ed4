// SPDX-License-Identifier: MIT
// The parts of gateway.toml that are about IPv6 and provisioning domains: read and judged.
#pragma once

#include <vector>

#include "base/config.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// [uplink.ipv6], pvd and dns of an uplink whose other keys are read already.
void read_ipv6(const config::Section& section, Uplink& uplink);

/// Complains about IPv6 prefixes, next hops and provisioning domains that fit no other uplink.
/// `sections` are those of `settings.uplinks`, in the same order.
void check_ipv6_together(const Settings& settings, const std::vector<config::Section>& sections);

Advertise read_advertise(const config::Section& section);
Dhcp6 read_dhcp6(const config::Section& section, const Settings& settings);

}  // namespace anabranch::gateway
