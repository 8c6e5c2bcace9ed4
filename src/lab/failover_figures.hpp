// SPDX-License-Identifier: MIT
// What many cuts and blows came to, for each path manager, and how ours is judged.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "lab/failover_plan.hpp"
#include "lab/path_manager.hpp"
#include "lab/scenario.hpp"
#include "lab/subflow_blows.hpp"

namespace anabranch::lab {

/// How long it took until a path carried again, or for how long it was watched and did not.
struct Return {
  bool back = false;
  double ms = 0;
};

struct CutOutcome {
  unsigned survivor = 0;
  bool upload = false;
  nanoseconds outage{};
  double silence_ms = 0;         ///< longest, between the cut and the return of the link
  double bound_ms = 0;           ///< 2 x RTT of the survivor + 200 ms
  double first_half_second = 0;  ///< goodput of the first 500 ms / of the survivor alone
  bool alone = false;            ///< the survivor had not carried just before: it was not back yet
  Return returned;               ///< after the link was well again
  double return_silence_ms = 0;  ///< longest, after the link was well again
};

struct BlowOutcome {
  Blow blow = Blow::kReset;
  double silence_ms = 0;
  Return returned;
};

class FailoverFigures {
 public:
  void add(Manager manager, const CutOutcome& cut) { of_[manager].cuts.push_back(cut); }
  void add(Manager manager, const BlowOutcome& blow) { of_[manager].blows.push_back(blow); }
  /// A transfer that failed or arrived otherwise than it was sent.
  void add_broken(Manager manager) { ++of_[manager].broken; }

  /// Measurements with the manager's name in front; expectations for ours.
  void report(ScenarioRun& run) const;
  /// "anabranch: silence p50 120, max 230 ms; ..." for the cuts since `from`.
  std::string summary(Manager manager, std::size_t from = 0) const;
  std::size_t cuts(Manager manager) const;

 private:
  struct Figures {
    std::vector<CutOutcome> cuts;
    std::vector<BlowOutcome> blows;
    unsigned broken = 0;
  };
  static void report_cuts(ScenarioRun& run, Manager manager, const Figures& figures);
  static void report_returns(ScenarioRun& run, Manager manager, const Figures& figures);
  static void report_blows(ScenarioRun& run, Manager manager, const Figures& figures);

  std::map<Manager, Figures> of_;
};

}  // namespace anabranch::lab
