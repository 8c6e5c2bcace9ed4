// SPDX-License-Identifier: MIT
// The path manager's figures for Prometheus (docs/metrics.md).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "paths/action.hpp"
#include "paths/input.hpp"
#include "paths/report.hpp"
#include "status/metrics.hpp"

namespace anabranch::paths {

/// What the running daemon counts. It is told every input and every action.
class Counts {
 public:
  void note(const Input& input);
  void note(const Action& action);

  std::uint64_t events = 0;
  std::uint64_t overruns = 0;  ///< of the kernel's event queue; counted by who drains it
  std::uint64_t samples = 0;
  std::uint64_t refused = 0;  ///< actions that could not be carried out
  std::map<IpAddress, std::uint64_t> probes;
  /// Of every address there has been, so that figures keep their labels when an address goes.
  std::map<IpAddress, std::string> interfaces;
};

/// Every metric there is.
std::span<const status::MetricDefinition> metric_definitions();

std::vector<status::Metric> metrics(const ReportView& view,
                                    const std::map<IpAddress, Totals>& totals,
                                    const Counts& counts);
std::vector<status::Metric> metrics(const Decider& decider, const Counts& counts);

}  // namespace anabranch::paths
