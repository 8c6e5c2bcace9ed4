// SPDX-License-Identifier: MIT
// The gateway's figures for Prometheus (docs/metrics.md).
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "gateway/advertiser.hpp"
#include "gateway/kea.hpp"
#include "gateway/plan.hpp"
#include "gateway/pool_use.hpp"
#include "gateway/settings.hpp"
#include "status/metrics.hpp"

namespace anabranch::gateway {

/// What the running gateway counts.
struct Counts {
  std::map<std::string, unsigned long> state_changes;  ///< by name of the uplink
  unsigned long passes_with_changes = 0;
  unsigned long reloads = 0;
  PoolUses pools = {};        ///< as Kea said last
  unsigned long refused = 0;  ///< clients that got no address for want of one
  AdvertiserCounts advertiser = {};
  std::size_t held_back = 0;  ///< hardware addresses with more leases than they may have
};

/// Every metric there is.
std::span<const status::MetricDefinition> metric_definitions();

/// `kea` is null when the gateway runs no DHCP server of its own, `kea6` when no DHCPv6 server.
std::vector<status::Metric> metrics(const Settings& settings, const Plan& plan,
                                    const Observed& observed, const Counts& counts, const Kea* kea,
                                    const Kea* kea6 = nullptr);

}  // namespace anabranch::gateway
