// SPDX-License-Identifier: MIT
// One transfer after the other, uplinks that flap, leases that are renewed every fifteen seconds,
// watchers that come and go. Nothing of it may make a role bigger than it was after one minute.
#include "lab/scenario_soak.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "lab/link_flaps.hpp"
#include "lab/role_memory.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"
#include "lab/single_homed_roles.hpp"
#include "lab/status_watchers.hpp"

namespace anabranch::lab {
namespace {

constexpr nanoseconds kMinute = seconds(60);
/// After each transfer a sample is taken.
constexpr nanoseconds kTransfer = seconds(10);
/// What a role may have grown by after its first minute: pages of its program that it needed for
/// the first time, a buffer that reached its size. A leak of 100 octets in each renewal alone would
/// come to more in two hours.
constexpr double kToleranceKib = 256;
constexpr double kToleranceShare = 0.02;

unsigned minutes(Scale scale) {
  return scale == Scale::kFull ? 60 : 2;
}

struct Sample {
  double minute = 0;
  std::vector<ResidentMemory> memory;  ///< in the order of the roles
};

struct Soak {
  std::vector<RoleProcess> roles;
  std::vector<Sample> samples = {};
  unsigned transfers = 0;
  unsigned good = 0;  ///< hash equal, and MPTCP to the end at both ends
  unsigned flaps = 0;
  std::uint64_t octets = 0;
};

Result<Sample> sample_memory(const std::vector<RoleProcess>& roles, MonotonicTime start) {
  Sample out;
  out.minute = std::chrono::duration<double>(MonotonicClock::now() - start) / kMinute;
  for (const auto& role : roles) {
    const auto memory = resident_memory(role.pid);
    if (!memory) return std::unexpected(memory.error());
    out.memory.push_back(*memory);
  }
  return out;
}

/// Short flaps of either uplink, then one that lasts: long enough for the gateway to refuse leases
/// of that path.
std::vector<TimedAction> disturbances(ScenarioRun& run, std::mt19937& random) {
  auto& wire = run.network.wire();
  auto out = flap_actions(wire, {"isp1", "isp2"}, {}, random, seconds(1), seconds(5), 20);
  const auto lasting =
      flap_actions(wire, {"isp1", "isp2"},
                   {.shortest_down = milliseconds(2500), .longest_down = milliseconds(3000)},
                   random, milliseconds(5500), seconds(9), 1);
  out.insert(out.end(), lasting.begin(), lasting.end());
  return out;
}

Result<void> soak_once(ScenarioRun& run, Soak& soak, std::mt19937& random) {
  TransferPlan plan{.client = "host", .server = "server", .server_address = kServerAddress};
  plan.upload = soak.transfers % 2 == 1;
  plan.duration = kTransfer;
  plan.seed = soak.transfers + 1;
  const auto actions = disturbances(run, random);
  ++soak.transfers;
  soak.flaps += static_cast<unsigned>(actions.size() / 2);
  const auto outcome = run_transfers(run.network, {plan}, actions);
  if (!outcome) {
    run.progress.note(fmt::format("transfer {}: {}", soak.transfers, outcome.error().text()));
    for (const auto* link : {"isp1", "isp2"}) ANABRANCH_TRY(run.network.wire().up(link));
    return {};
  }
  const auto& record = outcome->records.front();
  soak.octets += record.receiver.octets;
  if (record.hashes_equal() && record.sender.mptcp && record.receiver.mptcp) ++soak.good;
  return {};
}

std::string memory_text(const Soak& soak) {
  std::string out;
  for (std::size_t i = 0; i < soak.roles.size(); ++i)
    out += fmt::format("{}{} {:.0f}", i == 0 ? "" : ", ", soak.roles[i].name,
                       soak.samples.back().memory[i].kib);
  return out + " KiB";
}

void judge_memory(ScenarioRun& run, const Soak& soak) {
  const auto first =
      std::ranges::find_if(soak.samples, [](const Sample& sample) { return sample.minute >= 1; });
  for (std::size_t i = 0; i < soak.roles.size(); ++i) {
    const std::string& name = soak.roles[i].name;
    // Every tenth minute is enough to see whether it went on growing.
    double next = 10;
    for (const auto& sample : soak.samples)
      if (sample.minute >= next) {
        run.measure(fmt::format("{}_resident_minute_{:.0f}", name, next), sample.memory[i].kib,
                    "KiB");
        next += 10;
      }
    const auto& early = first->memory[i];
    const auto& late = soak.samples.back().memory[i];
    run.measure(name + "_resident_minute_1", early.kib, "KiB");
    run.measure(name + "_resident_end", late.kib, "KiB");
    run.measure(name + "_anonymous_growth", late.anonymous_kib - early.anonymous_kib, "KiB");
    run.expect(at_most(name + "_resident_growth (KiB)", late.kib - early.kib,
                       std::max(kToleranceKib, kToleranceShare * early.kib)));
  }
}

Result<void> soak(ScenarioRun& run) {
  run.progress.step("roles start", seconds(5));
  if (const auto ready = start_single_homed_roles(run.network); !ready)
    return std::unexpected(ready.error());
  const auto roles = role_processes(run.network, "host");
  if (!roles) return std::unexpected(roles.error());
  run.progress.finish_step("");

  Soak soak{*roles};
  StatusWatchers watchers("host");
  std::mt19937 random(1);
  const auto start = MonotonicClock::now();
  for (unsigned minute = 1; minute <= minutes(run.scale); ++minute) {
    run.progress.step(fmt::format("minute {}", minute), kMinute);
    while (MonotonicClock::now() < start + minute * kMinute) {
      ANABRANCH_TRY(soak_once(run, soak, random));
      ANABRANCH_TRY(watchers.round());
      auto sample = sample_memory(soak.roles, start);
      if (!sample) return std::unexpected(sample.error());
      soak.samples.push_back(*std::move(sample));
      run.progress.update({}, MonotonicClock::now() - start - (minute - 1) * kMinute);
    }
    run.progress.finish_step(memory_text(soak));
  }
  judge_memory(run, soak);
  run.measure("transfers", soak.transfers, "count");
  run.measure("transferred", static_cast<double>(soak.octets), "octets");
  run.measure("flaps", soak.flaps, "count");
  run.expect(holds("every transfer: hash equal, MPTCP to the end", soak.good == soak.transfers));
  return {};
}

}  // namespace

Scenario soak_scenario() {
  return {"soak",
          "Memory of the roles under transfers, flaps, renewals and watchers",
          [] {
            const auto uplink = [](double mbit, int delay_ms) {
              return LinkProfile{.rate = BitRate::mbit(mbit),
                                 .delay = milliseconds(delay_ms),
                                 .queue = milliseconds(50)};
            };
            return single_homed_topology(
                {.uplinks = {uplink(20, 10), uplink(30, 25)}, .lease_time = "30s"});
          },
          [](Scale scale) { return 1 + minutes(scale); },
          soak,
          true};
}

}  // namespace anabranch::lab
