// SPDX-License-Identifier: MIT
// One transfer of plain TCP between host and server, whoever connects, through the proxy pair or
// past it, with what the uplinks carried meanwhile: the ends themselves see only one connection.
#pragma once

#include <string>
#include <vector>

#include "lab/proxy_cases.hpp"
#include "lab/proxy_pair_roles.hpp"
#include "lab/scenario_support.hpp"

namespace anabranch::lab {

struct PairTransfer {
  TransferOutcome outcome;
  std::vector<std::uint64_t> octets;  ///< of each uplink, with headers
  PairCounters counters;              ///< of the role that accepts, of this transfer alone
  const TransferRecord& record() const { return outcome.records.front(); }
};

/// A step of its own with a chart of the uplinks; the caller finishes the step. A wrong hash is an
/// expectation missed.
Result<PairTransfer> transfer_over_uplinks(ScenarioRun& run, const std::string& title,
                                           const ProxyCase& of, nanoseconds duration,
                                           const std::vector<LabelledAction>& actions = {});

}  // namespace anabranch::lab
