// SPDX-License-Identifier: MIT
#include "lab/scenario.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include <sys/utsname.h>

#include "lab/scenario_benchmarks.hpp"
#include "lab/scenario_deep.hpp"
#include "lab/scenario_faults.hpp"
#include "lab/scenario_paths_load.hpp"
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

void ScenarioRun::measure(std::string name, double value, std::string unit) {
  result.measurements.push_back({std::move(name), value, std::move(unit)});
}

void ScenarioRun::expect(Expectation expectation) {
  result.expectations.push_back(std::move(expectation));
}

std::span<const Scenario> scenarios() {
  static const std::array all = {single_homed_scenario(),        single_homed_4_scenario(),
                                 single_homed_16_scenario(),     single_homed_deep_scenario(),
                                 single_homed_faults_scenario(), gateway_forwarding_scenario(),
                                 roles_idle_scenario(),          wire_limits_scenario(),
                                 single_homed_8_scenario(),      soak_scenario(),
                                 paths_load_scenario()};
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

Result<ScenarioResult> run_scenario(const Scenario& scenario, Scale scale,
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
  ScenarioRun run{scale, **network, progress, result};
  if (const auto done = scenario.body(run); !done) {
    Error error = done.error();
    error.what += "\n" + (*network)->logs();
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
  std::fprintf(stderr, "%s runs; leaving this shell ends it.\n",
               std::string(scenario.name).c_str());
  auto process = kernel::spawn(*options);
  if (!process) return std::unexpected(process.error());
  return process->wait(std::chrono::hours(24 * 365)).value_or(0);
}

}  // namespace anabranch::lab
