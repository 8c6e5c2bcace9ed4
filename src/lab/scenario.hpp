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

/// What of a scenario is run. Without words everything is.
struct Choice {
  std::vector<std::string> only = {};  ///< words of Scenario::words
  unsigned runs = 0;                   ///< repetitions; 0: as many as the scale asks for

  /// Whether `word` is wanted: always, when none of its `kind` was chosen.
  bool wants(std::string_view word, std::span<const std::string_view> kind) const;
};

/// A scenario under way: the network, where figures go, and the helpers that scenarios share.
struct ScenarioRun {
  Scale scale = Scale::kNormal;
  Network& network;
  Progress& progress;
  ScenarioResult& result;
  Choice choice = {};

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
  /// What Choice may hold; none: the scenario cannot be run in parts.
  std::vector<std::string_view> words = {};
};

std::span<const Scenario> scenarios();
/// Fails with the list of names as the hint.
Result<const Scenario*> find_scenario(std::string_view name);

/// A choice that the scenario does not understand is kBadInput with the words as the hint.
Result<void> check_choice(const Scenario& scenario, const Choice& choice);

/// Builds, runs and judges inside the current sandbox. `terminal_fd` gets the progress.
Result<ScenarioResult> run_scenario(const Scenario& scenario, Scale scale, const Choice& choice,
                                    const std::string& version, int terminal_fd);

/// Builds the scenario with its roles and gives an interactive shell in `node`; the shell's exit
/// code.
Result<int> shell_in(const Scenario& scenario, std::string_view node);

}  // namespace anabranch::lab
