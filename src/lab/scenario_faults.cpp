// SPDX-License-Identifier: MIT
#include "lab/scenario_faults.hpp"

#include <fmt/format.h>

#include "lab/fault.hpp"
#include "lab/fault_flaps.hpp"
#include "lab/fault_lease.hpp"
#include "lab/fault_transfer.hpp"
#include "lab/fault_twin.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr milliseconds kBeforeFault{1000};
constexpr milliseconds kRemedyAfter{1000};

std::vector<Fault> all_faults() {
  const std::string host(kFaultHost);
  auto out = killed_processes(host);
  for (auto& fault : deleted_by_hand(host)) out.push_back(std::move(fault));
  return out;
}

/// One transfer, the fault in its middle, everything as it was within the fault's bound.
Result<void> run_fault(ScenarioRun& run, const Fault& fault, bool upload) {
  const auto before = Intact::now(run.network);
  if (!before) return std::unexpected(before.error());
  nanoseconds repair{};
  // Looked at from within the last action: the repair is timed from its end.
  const auto await_repair = [&]() -> Result<void> {
    const auto struck = MonotonicClock::now();
    std::string damage;
    const auto repaired = wait_until("the repair", fault.bound + seconds(2), [&] {
      damage = before->damage(run.network);
      return damage.empty();
    });
    repair = MonotonicClock::now() - struck;
    if (!repaired) run.progress.note(fmt::format("{}: {}", fault.title, damage));
    return {};
  };
  std::vector<LabelledAction> actions;
  const auto act = [&](std::string label, nanoseconds after,
                       const std::function<Result<void>(Network&)>& work, bool last) {
    actions.push_back({std::move(label), {after, [&run, &await_repair, work, last] {
                                            const auto done = work(run.network);
                                            return done && last ? await_repair() : done;
                                          }}});
  };
  act(fault.title, kBeforeFault, fault.strike, !fault.remedy);
  if (fault.remedy) act("started again", kBeforeFault + kRemedyAfter, fault.remedy, true);
  const auto duration =
      kBeforeFault + (fault.remedy ? kRemedyAfter : milliseconds{}) + fault.settles;
  const auto transfer =
      measure_transfer(run, fmt::format("{}, {}", fault.title, direction_name(upload)),
                       fault_transfer(upload, duration), kFaultPaths, actions);
  if (!transfer) return std::unexpected(transfer.error());
  const bool both = measure_outcome(run, fault.name, *transfer, milliseconds(500));
  const double repair_ms = static_cast<double>(repair.count()) / 1e6;
  run.measure(fault.name + "_repair", repair_ms, "ms");
  run.expect(
      at_most(fault.name + "_repair (ms)", repair_ms, static_cast<double>(fault.bound.count())));
  run.expect(holds(fault.name + ": both paths carry again", both));
  run.progress.finish_step(fmt::format("{}, repaired after {:.0f} ms",
                                       mbit_text(transfer->record().goodput()), repair_ms));
  return {};
}

Result<void> single_homed_faults(ScenarioRun& run) {
  run.progress.step("host finds its paths", seconds(5));
  if (const auto ready = start_single_homed_roles(run.network); !ready)
    return std::unexpected(ready.error());
  run.progress.finish_step("");
  bool upload = false;
  for (const auto& fault : all_faults()) {
    ANABRANCH_TRY(run_fault(run, fault, upload));
    upload = !upload;
  }
  ANABRANCH_TRY(flap_uplinks(run));
  ANABRANCH_TRY(outlive_leases(run));
  return meet_twin(run);
}

unsigned steps(Scale scale) {
  return 1 + static_cast<unsigned>(all_faults().size()) + flap_steps(scale) + 1 + 1;
}

}  // namespace

Scenario single_homed_faults_scenario() {
  return {"single-homed-faults",
          "Processes killed, state deleted, the DHCP server gone, links that flap, a twin",
          [] {
            const auto uplink = [](double mbit, int delay_ms) {
              return LinkProfile{.rate = BitRate::mbit(mbit),
                                 .delay = milliseconds(delay_ms),
                                 .queue = milliseconds(50)};
            };
            return single_homed_topology({.uplinks = {uplink(20, 10), uplink(30, 25)},
                                          .hosts = 2,
                                          .twin = true,
                                          .lease_time = "30s"});
          },
          steps, single_homed_faults};
}

}  // namespace anabranch::lab
