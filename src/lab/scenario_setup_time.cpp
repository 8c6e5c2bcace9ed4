// SPDX-License-Identifier: MIT
// From the start of `anabranch host run` to eight paths that are up and known to the kernel's path
// manager, again and again from nothing.
#include "lab/scenario_setup_time.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "lab/kernel_state.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr unsigned kPaths = 8;  ///< the most that Linux has MPTCP endpoints for
constexpr double kBoundMs = 2000;

unsigned rounds(Scale scale) {
  return scale == Scale::kFull ? 25 : 5;
}

Result<double> set_up_once(Network& network) {
  if (const auto stopped = network.stop_role("host", "host"); !stopped)
    return std::unexpected(stopped.error());
  const auto cleaned =
      network.run("host", {"anabranch", "host", "cleanup", std::string(kHostInterface)});
  if (!cleaned) return std::unexpected(cleaned.error());
  if (cleaned->exit_code != 0) return fail("host cleanup: " + cleaned->errors);
  const auto state = kernel_state(network, "host");
  if (!state) return std::unexpected(state.error());
  if (std::ranges::any_of(*state, [](const auto& line) { return line.starts_with("endpoint "); }))
    return fail("host cleanup has left paths behind: the next one would not start from nothing");
  const auto start = MonotonicClock::now();
  ANABRANCH_TRY(network.start_role("host", "host"));
  ANABRANCH_TRY(
      wait_until("every path", seconds(30), [&] { return has_every_path(network, "host"); }));
  return std::chrono::duration<double, std::milli>(MonotonicClock::now() - start).count();
}

Result<void> setup_time(ScenarioRun& run) {
  run.progress.step("gateway and host start", seconds(5));
  if (const auto ready = start_single_homed_roles(run.network); !ready)
    return std::unexpected(ready.error());
  run.progress.finish_step("");
  std::vector<double> times;
  for (unsigned round = 1; round <= rounds(run.scale); ++round) {
    run.progress.step(fmt::format("from nothing to eight paths, {}", round), seconds(1));
    const auto time = set_up_once(run.network);
    if (!time) return std::unexpected(time.error());
    times.push_back(*time);
    run.progress.finish_step(fmt::format("{:.0f} ms", *time));
  }
  std::ranges::sort(times);
  const double median = times[times.size() / 2];
  run.measure("setup_8_paths_best", times.front(), "ms");
  run.measure("setup_8_paths", median, "ms");
  run.measure("setup_8_paths_worst", times.back(), "ms");
  run.expect(at_most("setup_8_paths (ms, median)", median, kBoundMs));
  return {};
}

}  // namespace

Scenario single_homed_8_scenario() {
  return {"single-homed-8",
          "How long a host takes to get eight paths",
          [] {
            const LinkProfile uplink{.rate = BitRate::mbit(20), .delay = milliseconds(10)};
            return single_homed_topology({.uplinks = std::vector(kPaths, uplink)});
          },
          [](Scale scale) { return 1 + rounds(scale); },
          setup_time,
          true};
}

}  // namespace anabranch::lab
