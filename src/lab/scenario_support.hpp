// SPDX-License-Identifier: MIT
// What the single-homed scenarios share: the state of a host, measuring paths one by one, one
// transfer with its chart.
#pragma once

#include <string>
#include <vector>

#include "lab/scenario.hpp"

namespace anabranch::lab {

struct HostPath {
  unsigned index = 0;
  IpAddress address;
  bool up = false;
};

/// What `anabranch host show` says in `node`, in order of index.
Result<std::vector<HostPath>> host_paths(const Network& network, std::string_view node);

/// Goodput of plain TCP over each path of "host", all paths at once since they share nothing.
Result<std::vector<BitRate>> measure_tcp(ScenarioRun& run, const std::vector<HostPath>& paths,
                                         bool upload, nanoseconds duration);

struct MptcpTransfer {
  TransferOutcome outcome;
  const TransferRecord& record() const { return outcome.records.front(); }
};

/// One MPTCP transfer between "host" and "server" as a step of its own, with a chart in the report.
/// Fails unless MPTCP was in use at both ends to the last octet; a wrong hash is an expectation
/// missed.
Result<MptcpTransfer> measure_mptcp(ScenarioRun& run, const std::string& title, bool upload,
                                    nanoseconds duration, unsigned paths,
                                    const std::vector<TimedAction>& actions = {},
                                    const std::vector<std::string>& action_labels = {});

/// Between two looks at something that is awaited with a deadline: 20 ms.
void pause_briefly();

BitRate sum(const std::vector<BitRate>& rates);
std::string mbit_text(BitRate rate);
std::string direction_name(bool upload);

}  // namespace anabranch::lab
