// SPDX-License-Identifier: MIT
// The host's figures for Prometheus (docs/metrics.md).
#pragma once

#include <map>
#include <span>
#include <utility>
#include <vector>

#include "host/dhcp_client.hpp"
#include "host/report.hpp"
#include "status/metrics.hpp"

namespace anabranch::host {

/// What became of the leases and addresses of each path in each family, and what was repaired,
/// since the host role began.
class LeaseCounts {
 public:
  struct Path {
    unsigned long obtained = 0;
    unsigned long renewed = 0;
    unsigned long changed = 0;
    unsigned long lost = 0;
    unsigned long conflicts = 0;  ///< IPv6 addresses that turned out to be somebody else's
  };
  void note(unsigned index, Family family, DhcpClient::Change change);
  void conflict(unsigned index) { ++paths_[{index, Family::kIpv6}].conflicts; }
  /// Zeros for a path that has never had a lease of the family.
  Path of(unsigned index, Family family) const;
  unsigned long repairs = 0;  ///< things of ours that somebody else had taken away

 private:
  std::map<std::pair<unsigned, Family>, Path> paths_;
};

/// Every metric there is.
std::span<const status::MetricDefinition> metric_definitions();

std::vector<status::Metric> metrics(const Report& report, const LeaseCounts& counts);

}  // namespace anabranch::host
