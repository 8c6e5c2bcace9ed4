// SPDX-License-Identifier: MIT
#include "lab/fault_flaps.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "lab/fault_transfer.hpp"
#include "lab/link_flaps.hpp"
#include "lab/role_memory.hpp"

namespace anabranch::lab {
namespace {

constexpr unsigned kFlapsEach = 25;  ///< in one transfer
constexpr FlapTimes kTimes{.shortest_up = milliseconds(50), .longest_up = milliseconds(150)};
constexpr nanoseconds kAfterwards = seconds(4);
/// Of the rates of both links, in the transfer after the flaps. Four seconds with their slow start
/// come to 0.9 of what a long transfer gets.
constexpr double kGoodputBound = 0.8;

unsigned transfers(Scale scale) {
  return scale == Scale::kFull ? 40 : 2;
}

double emulated_mbit(const Topology& topology) {
  double out = 0;
  for (const auto& link : topology.links)
    if (link.profile) out += link.profile->rate.mbit();
  return out;
}

struct Memory {
  std::vector<RoleProcess> roles;
  std::vector<ResidentMemory> figures = {};
};

Result<Memory> read_memory(const Network& network) {
  auto roles = role_processes(network, kFaultHost);
  if (!roles) return std::unexpected(roles.error());
  Memory out{*std::move(roles)};
  for (const auto& role : out.roles) {
    const auto memory = resident_memory(role.pid);
    if (!memory) return std::unexpected(memory.error());
    out.figures.push_back(*memory);
  }
  return out;
}

/// The flaps, and as much time after the last that the transfer ends with both links up.
Result<nanoseconds> flap_once(ScenarioRun& run, unsigned number, std::mt19937& random) {
  const auto flaps = flap_actions(run.network.wire(), {"isp1", "isp2"}, kTimes, random,
                                  milliseconds(500), std::chrono::hours(1), kFlapsEach);
  std::vector<LabelledAction> actions;
  for (const auto& flap : flaps) actions.push_back({"", flap});
  const bool upload = number % 2 == 1;
  const auto transfer = measure_transfer(
      run, fmt::format("{} flaps of the uplinks, {}", kFlapsEach, direction_name(upload)),
      fault_transfer(upload, flaps.back().after + milliseconds(500)), kFaultPaths, actions);
  if (!transfer) return std::unexpected(transfer.error());
  const auto& record = transfer->record();
  const auto gap =
      record.longest_gap(transfer->outcome.action_times.front(), record.receiver.last_ns);
  run.measure(fmt::format("flaps_{}_goodput", number + 1), record.goodput().mbit(), "Mbit/s");
  run.progress.finish_step(fmt::format("{}, silence {:.0f} ms", mbit_text(record.goodput()),
                                       static_cast<double>(gap.count()) / 1e6));
  return gap;
}

}  // namespace

Result<void> flap_uplinks(ScenarioRun& run) {
  const auto before = Intact::now(run.network);
  if (!before) return std::unexpected(before.error());
  const auto memory = read_memory(run.network);
  if (!memory) return std::unexpected(memory.error());

  std::mt19937 random(1);
  nanoseconds longest{};
  for (unsigned i = 0; i < transfers(run.scale); ++i) {
    const auto gap = flap_once(run, i, random);
    if (!gap) return std::unexpected(gap.error());
    longest = std::max(longest, *gap);
  }
  run.measure("flaps", transfers(run.scale) * kFlapsEach, "count");
  run.measure("flaps_gap", static_cast<double>(longest.count()) / 1e6, "ms");

  std::string damage;
  const auto repaired = wait_until("the end of the flaps", seconds(5), [&] {
    damage = before->damage(run.network);
    return damage.empty();
  });
  if (!repaired) run.progress.note("after the flaps: " + damage);
  run.expect(holds("flaps: host and gateway as before", repaired.has_value()));
  const auto memory_after = read_memory(run.network);
  if (!memory_after) return std::unexpected(memory_after.error());
  for (std::size_t i = 0; i < memory->roles.size(); ++i)
    run.measure("flaps_growth_" + memory->roles[i].name,
                memory_after->figures[i].kib - memory->figures[i].kib, "KiB");

  const auto transfer = measure_transfer(run, "after the flaps, download",
                                         fault_transfer(false, kAfterwards), kFaultPaths);
  if (!transfer) return std::unexpected(transfer.error());
  const bool both = measure_outcome(run, "flaps_after", *transfer, seconds(2));
  const double ratio = transfer->record().goodput().mbit() / emulated_mbit(run.result.topology);
  run.expect(holds("flaps: both paths carry again", both));
  run.expect(at_least("flaps: goodput afterwards / emulated rates", ratio, kGoodputBound));
  run.progress.finish_step(mbit_text(transfer->record().goodput()));
  return {};
}

unsigned flap_steps(Scale scale) {
  return transfers(scale) + 1;
}

}  // namespace anabranch::lab
