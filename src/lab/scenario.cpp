// SPDX-License-Identifier: MIT
#include "lab/scenario.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fmt/ranges.h>
#include <sys/utsname.h>

#include "lab/scenario_balancer.hpp"
#include "lab/scenario_benchmarks.hpp"
#include "lab/scenario_brownout.hpp"
#include "lab/scenario_deep.hpp"
#include "lab/scenario_failover.hpp"
#include "lab/scenario_faults.hpp"
#include "lab/scenario_flapping.hpp"
#include "lab/scenario_never_worse.hpp"
#include "lab/scenario_paths_load.hpp"
#include "lab/scenario_proxy.hpp"
#include "lab/scenario_setup_time.hpp"
#include "lab/scenario_single_homed.hpp"
#include "lab/scenario_soak.hpp"

namespace anabranch::lab {
namespace {

std::string kernel_release() {
  utsname name{};
  ::uname(&name);
  return name.release;
}

}  // namespace

bool Choice::wants(std::string_view word, std::span<const std::string_view> kind) const {
  const auto chosen = [&](std::string_view candidate) {
    return std::ranges::find(only, candidate) != only.end();
  };
  return std::ranges::none_of(kind, chosen) || chosen(word);
}

void ScenarioRun::measure(std::string name, double value, std::string unit) {
  result.measurements.push_back({std::move(name), value, std::move(unit)});
}

void ScenarioRun::expect(Expectation expectation) {
  result.expectations.push_back(std::move(expectation));
}

std::span<const Scenario> scenarios() {
  static const std::array all = {single_homed_scenario(),
                                 single_homed_ipv6_scenario(),
                                 single_homed_dual_scenario(),
                                 uplink_brownout_scenario(),
                                 single_homed_4_scenario(),
                                 single_homed_16_scenario(),
                                 single_homed_deep_scenario(),
                                 single_homed_faults_scenario(),
                                 gateway_forwarding_scenario(),
                                 roles_idle_scenario(),
                                 wire_limits_scenario(),
                                 single_homed_8_scenario(),
                                 soak_scenario(),
                                 failover_scenario(),
                                 flapping_scenario(),
                                 never_worse_scenario(),
                                 paths_load_scenario(),
                                 proxy_scenario(),
                                 proxy_setup_scenario(),
                                 balancer_scenario(),
                                 balancer_churn_scenario()};
  return all;
}

Result<const Scenario*> find_scenario(std::string_view name) {
  std::string known;
  for (const auto& scenario : scenarios()) {
    if (scenario.name == name) return &scenario;
    known += (known.empty() ? "" : ", ") + std::string(scenario.name);
  }
  return fail("no scenario '" + std::string(name) + "'", {}, "one of " + known,
              ExitCode::kBadInput);
}

Result<void> check_choice(const Scenario& scenario, const Choice& choice) {
  if (scenario.words.empty() && (!choice.only.empty() || choice.runs > 0))
    return fail("the scenario '" + std::string(scenario.name) + "' is run as a whole only", {}, {},
                ExitCode::kBadInput);
  for (const auto& word : choice.only)
    if (std::ranges::find(scenario.words, word) == scenario.words.end())
      return fail("the scenario '" + std::string(scenario.name) + "' has no '" + word + "'", {},
                  fmt::format("some of {}", fmt::join(scenario.words, ", ")), ExitCode::kBadInput);
  return {};
}

Result<ScenarioResult> run_scenario(const Scenario& scenario, Scale scale, const Choice& choice,
                                    const std::string& version, int terminal_fd) {
  ScenarioResult result;
  result.scenario = scenario.name;
  result.title = scenario.title;
  result.kernel = kernel_release();
  result.version = version;
  result.topology = scenario.topology();
  const auto network = Network::build(result.topology);
  if (!network) return std::unexpected(network.error());
  Progress progress(terminal_fd, std::string(scenario.name), scenario.steps(scale));
  ScenarioRun run{scale, **network, progress, result, choice};
  if (const auto done = scenario.body(run); !done) {
    Error error = done.error();
    if (const auto logs = (*network)->logs(); !logs.empty()) error.what += "\n" + logs;
    return std::unexpected(std::move(error));
  }
  return result;
}

Result<int> shell_in(const Scenario& scenario, std::string_view node) {
  const auto network = Network::build(scenario.topology());
  if (!network) return std::unexpected(network.error());
  const char* shell = std::getenv("SHELL");
  auto options = (*network)->in_node(node, {shell == nullptr ? "/bin/sh" : shell});
  if (!options) return std::unexpected(options.error());
  ANABRANCH_TRY(scenario.start(**network));
  options->standard_input = 0;
  options->environment["PS1"] = std::string(node) + "# ";
  // What is typed there is this executable, installed or not.
  const char* path = std::getenv("PATH");
  options->environment["PATH"] =
      std::filesystem::path(kernel::own_executable()).parent_path().string() + ":" +
      (path == nullptr ? "/usr/bin:/bin" : path);
  std::fprintf(stderr, "%s runs; leaving this shell ends it.\n",
               std::string(scenario.name).c_str());
  auto process = kernel::spawn(*options);
  if (!process) return std::unexpected(process.error());
  return process->wait(std::chrono::hours(24 * 365)).value_or(0);
}

}  // namespace anabranch::lab
