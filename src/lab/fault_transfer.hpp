// SPDX-License-Identifier: MIT
// The transfer that a fault happens to, and what it came to.
#pragma once

#include <string>
#include <vector>

#include "lab/kernel_state.hpp"
#include "lab/scenario.hpp"
#include "lab/scenario_support.hpp"

namespace anabranch::lab {

/// Whom faults happen to, and its twin with the same Ethernet address.
inline constexpr std::string_view kFaultHost = "host1";
inline constexpr std::string_view kTwinHost = "host2";
inline constexpr unsigned kFaultPaths = 2;

/// Host and gateway as they were before something happened to them.
class Intact {
 public:
  static Result<Intact> now(const Network& network);
  /// Nothing that differs, every path up, DHCP running. Empty: intact.
  std::string damage(const Network& network) const;

 private:
  KernelState host_;
  KernelState gateway_;
};

TransferPlan fault_transfer(bool upload, nanoseconds duration);

/// Goodput, longest silence after the first action, and the share of each path since `tail` before
/// the end, as measurements with `name` in front. True when every path carried in that tail.
bool measure_outcome(ScenarioRun& run, const std::string& name, const MeasuredTransfer& transfer,
                     nanoseconds tail);

}  // namespace anabranch::lab
