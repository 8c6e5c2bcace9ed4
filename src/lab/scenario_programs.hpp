// SPDX-License-Identifier: MIT
// Real programs in a scenario: nginx serves, curl fetches, both through `anabranch run`.
#pragma once

#include "lab/scenario.hpp"

namespace anabranch::lab {

struct Fetched {
  BitRate goodput;
  bool hashes_equal = false;
};
/// curl on "host" gets a file from nginx on "server" over IPv4; both are run with the words `under`
/// before them.
Result<Fetched> fetch_file(Network& network, const std::vector<std::string>& under);

/// How long each of `count` files of 500 kB takes, one connection after the other.
Result<std::vector<nanoseconds>> fetch_small_files(Network& network, unsigned count);

/// One step: a file fetched over all paths, its hash compared, MPTCP seen in the server's counters.
Result<void> fetch_with_real_programs(ScenarioRun& run);

}  // namespace anabranch::lab
