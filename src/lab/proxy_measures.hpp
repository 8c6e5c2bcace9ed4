// SPDX-License-Identifier: MIT
// Single measurements of the scenario "proxy": TCP over each uplink alone, a transfer through the
// pair, a cut in one. Each is a step of its own with its figures in the result.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "lab/proxy_cases.hpp"
#include "lab/scenario.hpp"

namespace anabranch::lab {

/// Goodput of plain TCP over each uplink, by family and direction; who connects does not matter.
class TcpAlone {
 public:
  /// What plain TCP does not fill says that the machine was too busy: an expectation missed.
  Result<void> measure(ScenarioRun& run, const ProxyPlan& plan, Family family, bool upload);
  bool knows(Family family, bool upload) const { return sums_.contains({family, upload}); }
  /// Of all uplinks; must have been measured.
  BitRate sum_of(Family family, bool upload) const { return sums_.at({family, upload}); }

 private:
  std::map<std::pair<Family, bool>, BitRate> sums_;
};

/// Plain TCP as it is routed gets one uplink.
Result<void> measure_without_pair(ScenarioRun& run, const ProxyPlan& plan, const ProxyCase& of,
                                  BitRate both);

/// Goodput through the pair / `both`. `suffix` ends the figures' names.
Result<double> measure_aggregate(ScenarioRun& run, const ProxyPlan& plan, const ProxyCase& of,
                                 BitRate both, const std::string& suffix);

/// The longest silence at the receiver, in milliseconds, while an uplink is silent.
Result<double> measure_cut(ScenarioRun& run, const ProxyPlan& plan, const ProxyCut& cut,
                           const std::string& suffix);

}  // namespace anabranch::lab
