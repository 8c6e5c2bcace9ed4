// SPDX-License-Identifier: MIT
// What the single-homed scenarios share: measuring paths one by one, one transfer with its chart.
#pragma once

#include <string>
#include <vector>

#include "lab/scenario.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {

/// Goodput of plain TCP over each path of "host", all paths at once since they share nothing.
Result<std::vector<BitRate>> measure_tcp(ScenarioRun& run, const std::vector<HostPath>& paths,
                                         bool upload, nanoseconds duration);

struct LabelledAction {
  std::string label;  ///< in the chart; empty: no mark there
  TimedAction action;
};

struct MeasuredTransfer {
  TransferOutcome outcome;
  const TransferRecord& record() const { return outcome.records.front(); }
};

/// One transfer as a step of its own, with a chart in the report; the caller finishes the step. A
/// wrong hash is an expectation missed. A plan with MPTCP fails unless it was in use at both ends
/// to the last octet.
Result<MeasuredTransfer> measure_transfer(ScenarioRun& run, const std::string& title,
                                          const TransferPlan& plan, unsigned paths,
                                          const std::vector<LabelledAction>& actions = {});

BitRate sum(const std::vector<BitRate>& rates);
std::string mbit_text(BitRate rate);
std::string direction_name(bool upload);

}  // namespace anabranch::lab
