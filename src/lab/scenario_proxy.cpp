// SPDX-License-Identifier: MIT
// Host and server speak plain TCP and know nothing of the pair. First without it, where TCP gets
// one uplink; then with it: the sum of both, and no wait when one falls silent, whether the LAN
// host connects or a remote host does.
#include "lab/scenario_proxy.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "lab/proxy_cases.hpp"
#include "lab/proxy_measures.hpp"
#include "lab/proxy_pair.hpp"
#include "lab/proxy_pair_roles.hpp"
#include "lab/scenario_programs.hpp"
#include "lab/scenario_support.hpp"

namespace anabranch::lab {
namespace {

constexpr double kAggregateBound = 0.95;
constexpr double kFailoverBoundMs = 350;
/// More than the fastest of its kind took: it has stood still for a timer of TCP's, 200 ms or more.
constexpr double kStallMs = 150;
constexpr double kStalledBound = 0.05;

std::string round_suffix(const ProxyPlan& plan, unsigned round) {
  return plan.rounds > 1 ? fmt::format("_round{}", round + 1) : "";
}

/// Least, median and most of what several rounds and parts came to.
void measure_spread(ScenarioRun& run, const std::string& name, std::vector<double> values,
                    const std::string& unit) {
  if (values.empty()) return;
  std::ranges::sort(values);
  run.measure(name + "_least", values.front(), unit);
  run.measure(name + "_median", values[values.size() / 2], unit);
  run.measure(name + "_most", values.back(), unit);
}

/// What the pair is compared with: each direction and family that is wanted.
Result<void> tcp_alone(ScenarioRun& run, const ProxyPlan& plan, TcpAlone& alone) {
  const auto cases = proxy_cases(run.choice, plan.whole);
  for (const auto& of : cases)
    if (!alone.knows(of.family, of.upload))
      ANABRANCH_TRY(alone.measure(run, plan, of.family, of.upload));
  std::set<bool> directions;
  for (const auto& of : cases) {
    if (!directions.empty() && !plan.whole) break;
    if (!directions.insert(of.upload).second) continue;
    ANABRANCH_TRY(measure_without_pair(run, plan, {.family = of.family, .upload = of.upload},
                                       alone.sum_of(of.family, of.upload)));
  }
  return {};
}

Result<void> aggregates(ScenarioRun& run, const ProxyPlan& plan, const TcpAlone& alone) {
  std::vector<double> ratios;
  for (unsigned round = 0; round < plan.rounds; ++round)
    for (const auto& of : proxy_cases(run.choice, plan.whole)) {
      const auto ratio = measure_aggregate(run, plan, of, alone.sum_of(of.family, of.upload),
                                           round_suffix(plan, round));
      if (!ratio) return std::unexpected(ratio.error());
      ratios.push_back(*ratio);
    }
  measure_spread(run, "aggregate_ratio", ratios, "ratio");
  run.expect(at_least("aggregate_ratio", std::ranges::min(ratios), kAggregateBound));
  return {};
}

Result<void> failovers(ScenarioRun& run, const ProxyPlan& plan) {
  std::vector<double> gaps;
  for (unsigned round = 0; round < plan.rounds; ++round)
    for (const auto& cut : proxy_cuts(run.choice, plan.whole)) {
      const auto gap = measure_cut(run, plan, cut, round_suffix(plan, round));
      if (!gap) return std::unexpected(gap.error());
      gaps.push_back(*gap);
    }
  measure_spread(run, "failover_gap", gaps, "ms");
  run.expect(at_most("failover_gap_ms", std::ranges::max(gaps), kFailoverBoundMs));
  return {};
}

/// Programs that have never heard of MPTCP.
Result<void> programs(ScenarioRun& run) {
  run.progress.step("curl fetches from nginx", seconds(6));
  const auto before = pair_counters(run.network);
  if (!before) return std::unexpected(before.error());
  const auto fetched = fetch_file(run.network, {});
  if (!fetched) return std::unexpected(fetched.error());
  const auto after = pair_counters(run.network);
  if (!after) return std::unexpected(after.error());
  run.measure("curl_goodput", fetched->goodput.mbit(), "Mbit/s");
  run.expect(holds("curl's file has nginx's hash", fetched->hashes_equal));
  run.expect(holds("curl's connection was MPTCP with a second subflow between CPE and converter",
                   after->capable > before->capable && after->joined > before->joined));
  run.progress.finish_step(mbit_text(fetched->goodput));
  return {};
}

/// None may wait for more than its octets: a connection that stalls at its beginning shows here.
Result<void> small_files(ScenarioRun& run) {
  const unsigned count = run.scale == Scale::kQuick ? 20 : run.scale == Scale::kNormal ? 100 : 1000;
  run.progress.step("curl fetches small files", count * milliseconds(250));
  auto times = fetch_small_files(run.network, count);
  if (!times) return std::unexpected(times.error());
  std::vector<double> values;
  for (const auto time : *times) values.push_back(static_cast<double>(time.count()) / 1e6);
  measure_spread(run, "small_file", values, "ms");
  std::ranges::sort(values);
  const auto late = std::ranges::count_if(
      values, [&](double value) { return value > values.front() + kStallMs; });
  const double share = static_cast<double>(late) / static_cast<double>(values.size());
  run.measure("small_file_stalled", share, "ratio");
  run.expect(at_most("share of small files that stood still", share, kStalledBound));
  run.progress.finish_step(
      fmt::format("median {:.0f} ms, longest {:.0f} ms", values[values.size() / 2], values.back()));
  return {};
}

Result<void> proxy(ScenarioRun& run) {
  const ProxyPlan plan = proxy_plan(run);
  TcpAlone alone;
  const bool aggregate = wants_part(run.choice, kAggregatePart);
  if (aggregate) ANABRANCH_TRY(tcp_alone(run, plan, alone));
  run.progress.step("CPE, converter and their path managers start", seconds(1));
  ANABRANCH_TRY(start_pair(run.network));
  run.progress.finish_step("");
  if (aggregate) ANABRANCH_TRY(aggregates(run, plan, alone));
  if (wants_part(run.choice, kFailoverPart)) ANABRANCH_TRY(failovers(run, plan));
  if (wants_part(run.choice, kProgramsPart)) {
    ANABRANCH_TRY(programs(run));
    ANABRANCH_TRY(small_files(run));
  }
  return stop_pair(run.network);
}

/// The transfers of TCP alone, past the pair and through it, the pair's start, two of programs.
unsigned steps(Scale scale) {
  const auto plan = proxy_plan(scale);
  const auto through = proxy_cases({}, plan.whole).size() + proxy_cuts({}, plan.whole).size();
  return 4 + (plan.whole ? 2 : 1) + 1 + plan.rounds * static_cast<unsigned>(through) + 2;
}

}  // namespace

Scenario proxy_scenario() {
  return {.name = "proxy",
          .title = "Host and server speak only TCP; a proxy pair uses both uplinks",
          .topology = [] { return proxy_pair_topology(proxy_uplinks()); },
          .steps = steps,
          .body = proxy,
          .start = start_pair_for_shell,
          .words = proxy_words()};
}

}  // namespace anabranch::lab
