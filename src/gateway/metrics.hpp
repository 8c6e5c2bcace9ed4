// SPDX-License-Identifier: MIT
// The gateway's figures for Prometheus (docs/metrics.md).
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "gateway/kea.hpp"
#include "gateway/plan.hpp"
#include "gateway/report.hpp"
#include "gateway/settings.hpp"
#include "status/metrics.hpp"

namespace anabranch::gateway {

/// What the running gateway counts.
struct Counts {
  std::map<std::string, unsigned long> state_changes;  ///< by name of the uplink
  unsigned long passes_with_changes = 0;
  unsigned long reloads = 0;
  std::map<std::string, nanoseconds> ages;  ///< of the uplinks' states, by name
  DhcpReport dhcp = {};
  AdvertiserReport advertiser = {};
};

/// Every metric there is.
std::span<const status::MetricDefinition> metric_definitions();

/// `kea` is null when the gateway runs no DHCP server of its own, `kea6` when no DHCPv6 server.
std::vector<status::Metric> metrics(const Settings& settings, const Plan& plan,
                                    const Observed& observed, const Counts& counts, const Kea* kea,
                                    const Kea* kea6 = nullptr);

}  // namespace anabranch::gateway
