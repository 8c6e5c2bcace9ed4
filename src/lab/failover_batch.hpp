// SPDX-License-Identifier: MIT
// One transfer in each of several two-homed networks at once, all of them disturbed.
#pragma once

#include <string>
#include <vector>

#include "lab/failover_figures.hpp"
#include "lab/path_manager.hpp"
#include "lab/scenario.hpp"

namespace anabranch::lab {

/// A network of its own within the topology, and who manages its client.
struct Pair {
  std::string suffix;  ///< of its nodes and links
  Manager manager = Manager::kKernel;
};

/// Goodput of plain TCP on each of the two paths alone.
struct PathRates {
  BitRate down[2];
  BitRate up[2];
  BitRate of(unsigned path, bool upload) const { return (upload ? up : down)[path - 1]; }
};

/// What a batch needs to know of the paths: the same for every pair.
struct Paths {
  LinkProfile profiles[2];
  PathRates alone;
};

struct CutTransfer {
  Pair pair;
  FailoverRound round;
  bool upload = false;
};

/// Runs them all, with a chart of the first. Cuts that miss our bounds are told one by one.
Result<void> run_cuts(ScenarioRun& run, const std::string& title, const Paths& paths,
                      const std::vector<CutTransfer>& transfers, FailoverFigures& figures);

/// On each pair one transfer whose subflow on one path is struck. `number` chooses paths and
/// directions.
Result<void> run_blows(ScenarioRun& run, const Paths& paths, const std::vector<Pair>& pairs,
                       Blow blow, unsigned number, FailoverFigures& figures);

}  // namespace anabranch::lab
