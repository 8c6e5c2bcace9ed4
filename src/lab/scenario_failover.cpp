// SPDX-License-Identifier: MIT
// Five networks alike run at once: three with our path manager on the client, one with the
// kernel's, one with mptcpd. So all are measured in the same run, at the same time, and the long
// outages do not add up.
#include "lab/scenario_failover.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "lab/failover_batch.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"
#include "lab/two_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr std::string_view kCuts = "cuts";
constexpr std::string_view kBlows = "blows";
constexpr std::array kParts{kCuts, kBlows};

/// A TCP that does not fill its link says that the machine was too busy to measure on.
constexpr double kTcpShareBound = 0.93;
constexpr nanoseconds kTcpAlone = seconds(5);
constexpr nanoseconds kTcpSlowStart = seconds(1);
/// What our path manager gets before the next cut. The others need as long as the outage was.
constexpr nanoseconds kSettle = seconds(5);
constexpr nanoseconds kSettleAboveOutage = seconds(8);

const std::vector<LinkProfile>& profiles() {
  static const std::vector<LinkProfile> out = {
      {.rate = BitRate::mbit(20), .delay = milliseconds(10), .queue = milliseconds(50)},
      {.rate = BitRate::mbit(30), .delay = milliseconds(25), .queue = milliseconds(50)}};
  return out;
}

const std::vector<Pair>& all_pairs() {
  static const std::vector<Pair> out = {{"1", Manager::kAnabranch},
                                        {"2", Manager::kAnabranch},
                                        {"3", Manager::kAnabranch},
                                        {"4", Manager::kKernel},
                                        {"5", Manager::kMptcpd}};
  return out;
}

/// Lengths of the outages, one batch each. A batch has three cuts of every pair.
std::vector<seconds> outages(Scale scale) {
  using std::chrono_literals::operator""s;
  switch (scale) {
    case Scale::kQuick:
      return {3s};
    case Scale::kNormal:
      return {3s, 9s, 20s};
    case Scale::kFull:
      return {3s, 9s, 20s, 33s, 41s, 3s, 9s, 20s, 33s, 41s, 3s, 9s};
  }
  return {};
}

/// Of each kind of blow.
unsigned blow_batches(Scale scale) {
  return scale == Scale::kQuick ? 1 : scale == Scale::kNormal ? 2 : 8;
}

Result<PathRates> measure_alone(ScenarioRun& run, const std::vector<Pair>& pairs) {
  run.progress.step("TCP, each path alone, both directions", kTcpAlone);
  PathRates out;
  std::vector<TransferPlan> plans;
  // Downloads in one network and uploads in another: they share nothing.
  for (const bool upload : {false, true})
    for (const unsigned path : {1u, 2u}) {
      const auto& suffix = pairs[upload ? pairs.size() - 1 : 0].suffix;
      plans.push_back({.client = "client" + suffix,
                       .server = "server" + suffix,
                       .server_address = kServerAddress,
                       .port = static_cast<std::uint16_t>(5000 + path + (upload ? 10 : 0)),
                       .upload = upload,
                       .mptcp = false,
                       .source = client_address(path),
                       .duration = kTcpAlone,
                       .seed = path});
    }
  const auto outcome = run_transfers(run.network, plans);
  if (!outcome) return std::unexpected(outcome.error());
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const bool upload = plans[i].upload;
    const std::size_t path = i % 2;
    const auto& record = outcome->records[i];
    const auto rate =
        record.goodput(record.receiver.first_ns + kTcpSlowStart.count(), record.receiver.last_ns);
    (upload ? out.up : out.down)[path] = rate;
    const auto name = fmt::format("tcp_path{}_goodput_{}", path + 1, upload ? "up" : "down");
    run.measure(name, rate.mbit(), "Mbit/s");
    run.expect(at_least(name + " / emulated rate", rate.mbit() / profiles()[path].rate.mbit(),
                        kTcpShareBound));
  }
  run.progress.finish_step(
      fmt::format("{} and {}", mbit_text(out.down[0]), mbit_text(out.down[1])));
  return out;
}

std::vector<std::string_view> words() {
  auto out = manager_names();
  out.insert(out.end(), kParts.begin(), kParts.end());
  return out;
}

/// Those whose manager is there and wanted.
Result<std::vector<Pair>> start_pairs(ScenarioRun& run) {
  run.progress.step("path managers start", seconds(1));
  std::vector<Pair> out;
  for (const auto& pair : all_pairs()) {
    if (!run.choice.wants(manager_name(pair.manager), manager_names())) continue;
    if (const auto there = find_manager(pair.manager); !there) {
      run.progress.note(there.error().text());
      continue;
    }
    ANABRANCH_TRY(start_manager(run.network, "client" + pair.suffix, pair.manager));
    out.push_back(pair);
  }
  run.progress.finish_step("");
  return out;
}

std::vector<CutTransfer> plan_batch(const std::vector<Pair>& pairs, seconds outage, unsigned number,
                                    std::mt19937& random) {
  std::vector<CutTransfer> out;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const nanoseconds settle = pairs[i].manager == Manager::kAnabranch
                                   ? kSettle
                                   : nanoseconds(outage) + kSettleAboveOutage;
    out.push_back({pairs[i], plan_failover(random, outage, settle), (number + i) % 2 == 1});
  }
  return out;
}

/// What the emulator itself lost, which no link would have.
Result<std::uint64_t> emulator_losses(ScenarioRun& run) {
  std::uint64_t out = 0;
  for (const auto& link : run.network.topology().links) {
    const auto counters = run.network.wire().counters(link.name);
    if (!counters) return std::unexpected(counters.error());
    out += counters->a_to_b.dropped_relay + counters->b_to_a.dropped_relay;
  }
  return out;
}

Result<void> failover(ScenarioRun& run) {
  Paths paths{{profiles()[0], profiles()[1]}, {}};
  const auto alone = measure_alone(run, all_pairs());
  if (!alone) return std::unexpected(alone.error());
  paths.alone = *alone;
  const auto pairs = start_pairs(run);
  if (!pairs) return std::unexpected(pairs.error());

  FailoverFigures figures;
  std::mt19937 random(1);
  unsigned number = 0;
  for (const auto outage : outages(run.scale)) {
    if (!run.choice.wants(kCuts, kParts)) break;
    const auto transfers = plan_batch(*pairs, outage, number++, random);
    std::map<Manager, std::size_t> before;
    for (const auto manager : kManagers) before[manager] = figures.cuts(manager);
    ANABRANCH_TRY(run_cuts(run, fmt::format("paths silent for {}", duration_text(outage)), paths,
                           transfers, figures));
    run.progress.finish_step("");
    for (const auto manager : kManagers)
      if (const auto text = figures.summary(manager, before[manager]); !text.empty())
        run.progress.note(text);
  }
  for (unsigned i = 0; i < blow_batches(run.scale) && run.choice.wants(kBlows, kParts); ++i)
    for (const auto blow : {Blow::kReset, Blow::kForgotten}) {
      ANABRANCH_TRY(run_blows(run, paths, *pairs, blow, i, figures));
      run.progress.finish_step("");
    }
  figures.report(run);
  const auto lost = emulator_losses(run);
  if (!lost) return std::unexpected(lost.error());
  run.expect(at_most("frames lost by the emulation itself", static_cast<double>(*lost), 0));
  return {};
}

Result<nanoseconds> start_for_shell(Network& network) {
  const auto start = MonotonicClock::now();
  for (const auto& pair : all_pairs())
    if (find_manager(pair.manager))
      ANABRANCH_TRY(start_manager(network, "client" + pair.suffix, pair.manager));
  return MonotonicClock::now() - start;
}

}  // namespace

Scenario failover_scenario() {
  return {.name = "failover",
          .title = "Paths fall silent and return; subflows are reset and forgotten",
          .topology =
              [] {
                Topology out;
                for (const auto& pair : all_pairs())
                  add_two_homed(out, {.paths = profiles(), .suffix = pair.suffix});
                return out;
              },
          .steps =
              [](Scale scale) {
                return 2 + static_cast<unsigned>(outages(scale).size()) + 2 * blow_batches(scale);
              },
          .body = failover,
          .start = start_for_shell,
          .words = words()};
}

}  // namespace anabranch::lab
