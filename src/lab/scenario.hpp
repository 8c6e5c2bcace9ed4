// SPDX-License-Identifier: MIT
// Scenarios: what `anabranch lab run` knows how to build, measure and judge.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "lab/network.hpp"
#include "lab/progress.hpp"
#include "lab/result.hpp"
#include "lab/single_homed_roles.hpp"
#include "lab/transfer.hpp"

namespace anabranch::lab {

/// How much a run measures: quick for the test suite, normal as documented, full for release
/// figures.
enum class Scale { kQuick, kNormal, kFull };

/// What of a scenario is to run, for those who look at one thing again and again. Empty: all of it.
struct RunChoice {
  std::vector<std::string> parts;     ///< of Scenario::parts
  std::vector<std::string> managers;  ///< of Scenario::managers

  bool has_part(std::string_view name) const { return has(parts, name); }
  bool has_manager(std::string_view name) const { return has(managers, name); }

 private:
  static bool has(const std::vector<std::string>& chosen, std::string_view name) {
    return chosen.empty() || std::ranges::find(chosen, name) != chosen.end();
  }
};

/// A scenario under way: the network, where figures go, and the helpers that scenarios share.
struct ScenarioRun {
  Scale scale = Scale::kNormal;
  const RunChoice& choice;
  Network& network;
  Progress& progress;
  ScenarioResult& result;

  void measure(std::string name, double value, std::string unit);
  void expect(Expectation expectation);
};

struct Scenario {
  std::string_view name;
  std::string_view title;
  Topology (*topology)();
  unsigned (*steps)(Scale);
  Result<void> (*body)(ScenarioRun&);
  bool benchmark = false;  ///< judged by bench/run, not by the test suite
  /// Starts the roles and waits until they are ready, for `lab shell`.
  Result<nanoseconds> (*start)(Network&) = start_single_homed_roles;
  std::vector<std::string_view> parts = {};     ///< that can be run alone
  std::vector<std::string_view> managers = {};  ///< path managers that it compares
};

std::span<const Scenario> scenarios();
/// Fails with the list of names as the hint.
Result<const Scenario*> find_scenario(std::string_view name);

/// Refuses what the scenario does not have, with the names it has as the hint.
Result<void> check_choice(const Scenario& scenario, const RunChoice& choice);

/// Builds, runs and judges inside the current sandbox. `terminal_fd` gets the progress.
Result<ScenarioResult> run_scenario(const Scenario& scenario, Scale scale, const RunChoice& choice,
                                    const std::string& version, int terminal_fd);

/// Builds the scenario with its roles and gives an interactive shell in `node`; the shell's exit
/// code.
Result<int> shell_in(const Scenario& scenario, std::string_view node);

}  // namespace anabranch::lab
