// SPDX-License-Identifier: MIT
// Host and server speak plain TCP and know nothing of the pair. First without it, where TCP gets
// one uplink; then with it: the sum of both, and no wait when one falls silent.
#include "lab/scenario_proxy.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "lab/proxy_transfer.hpp"
#include "lab/scenario_programs.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr std::string_view kAggregate = "aggregate";
constexpr std::string_view kFailover = "failover";
constexpr std::string_view kPrograms = "programs";
constexpr std::array kParts{kAggregate, kFailover, kPrograms};
constexpr std::string_view kIpv4 = "ipv4";
constexpr std::string_view kIpv6 = "ipv6";
constexpr std::array kFamilyWords{kIpv4, kIpv6};
constexpr std::string_view kDownload = "download";
constexpr std::string_view kUpload = "upload";
constexpr std::array kDirections{kDownload, kUpload};

constexpr double kAggregateBound = 0.95;
constexpr double kFailoverBoundMs = 350;
/// What plain TCP gets without the pair, of the sum: the better uplink has 0.6 of it.
constexpr double kOneUplinkBound = 0.65;
/// A TCP that does not fill its link says that the machine was too busy to measure on.
constexpr double kTcpShareBound = 0.93;
/// IPv6 headers leave TCP 1428 octets of a packet where IPv4's leave it 1448.
constexpr double kTcpShareBoundIpv6 = kTcpShareBound * 1428 / 1448;
/// More than the fastest of its kind took: it has stood still for a timer of TCP's, 200 ms or more.
constexpr double kStallMs = 150;
constexpr double kStalledBound = 0.05;
constexpr nanoseconds kAfterHeal = seconds(3);
constexpr std::uint16_t kPort = 80;

struct Plan {
  nanoseconds transfer;
  nanoseconds before_cut;
  nanoseconds cut;
  unsigned rounds;  ///< of aggregates and of cuts
  bool every_cut_in_both_families;

  nanoseconds disturbed() const { return before_cut + cut + kAfterHeal; }
};

Plan plan_for(Scale scale) {
  switch (scale) {
    case Scale::kQuick:
      return {seconds(6), seconds(3), seconds(2), 1, false};
    case Scale::kNormal:
      return {seconds(15), seconds(4), seconds(3), 1, true};
    case Scale::kFull:
      return {seconds(15), seconds(4), seconds(3), 10, true};
  }
  return {};
}

Plan plan_of(const ScenarioRun& run) {
  Plan plan = plan_for(run.scale);
  if (run.choice.runs > 0) plan.rounds = run.choice.runs;
  return plan;
}

const std::vector<LinkProfile>& uplinks() {
  static const std::vector<LinkProfile> out = {
      {.rate = BitRate::mbit(20), .delay = milliseconds(10), .queue = milliseconds(50)},
      {.rate = BitRate::mbit(30), .delay = milliseconds(25), .queue = milliseconds(50)}};
  return out;
}

std::vector<Family> families(const ScenarioRun& run) {
  std::vector<Family> out;
  if (run.choice.wants(kIpv4, kFamilyWords)) out.push_back(Family::kIpv4);
  if (run.choice.wants(kIpv6, kFamilyWords)) out.push_back(Family::kIpv6);
  return out;
}

std::vector<bool> directions(const ScenarioRun& run) {
  std::vector<bool> out;
  if (run.choice.wants(kDownload, kDirections)) out.push_back(false);
  if (run.choice.wants(kUpload, kDirections)) out.push_back(true);
  return out;
}

std::string name_of(bool upload, Family family) {
  return fmt::format("{}{}", upload ? "up" : "down", family == Family::kIpv4 ? "" : "_ipv6");
}

std::string title_of(bool upload, Family family) {
  return fmt::format("{} over {}", direction_name(upload), family_name(family));
}

/// An ordinary program's connection: it chooses neither source nor protocol.
TransferPlan plain_transfer(Family family, bool upload, nanoseconds duration) {
  return {.client = "host",
          .server = "server",
          .server_address = server_address(family),
          .port = kPort,
          .upload = upload,
          .mptcp = false,
          .duration = duration};
}

double ms(nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

/// Goodput of plain TCP over each uplink, by direction and family.
class TcpAlone {
 public:
  Result<void> measure(ScenarioRun& run, const Plan& plan, Family family, bool upload) {
    const auto paths = lan_paths(static_cast<unsigned>(uplinks().size()), family);
    auto rates = measure_tcp(run, paths, upload, plan.transfer);
    if (!rates) return std::unexpected(rates.error());
    for (std::size_t i = 0; i < rates->size(); ++i) {
      const auto name = fmt::format("tcp_uplink{}_{}", i + 1, name_of(upload, family));
      const double share = (*rates)[i].mbit() / uplinks()[i].rate.mbit();
      run.measure(name, (*rates)[i].mbit(), "Mbit/s");
      run.expect(at_least(name + " / emulated rate", share,
                          family == Family::kIpv4 ? kTcpShareBound : kTcpShareBoundIpv6));
    }
    sums_[key(family, upload)] = sum(*rates);
    return {};
  }
  BitRate sum_of(Family family, bool upload) const { return sums_.at(key(family, upload)); }

 private:
  static std::pair<Family, bool> key(Family family, bool upload) { return {family, upload}; }
  std::map<std::pair<Family, bool>, BitRate> sums_;
};

Result<void> measure_without_pair(ScenarioRun& run, const Plan& plan, const TcpAlone& alone) {
  const auto family = families(run).front();
  for (const bool upload : directions(run)) {
    const auto transfer =
        transfer_over_uplinks(run, fmt::format("without the pair, {}", title_of(upload, family)),
                              plain_transfer(family, upload, plan.transfer), upload);
    if (!transfer) return std::unexpected(transfer.error());
    const auto goodput = transfer->record().goodput();
    const auto name = "without_pair_" + name_of(upload, family);
    run.measure(name, goodput.mbit(), "Mbit/s");
    run.expect(at_most(name + " / both uplinks",
                       goodput.mbit() / alone.sum_of(family, upload).mbit(), kOneUplinkBound));
    run.progress.finish_step(mbit_text(goodput));
  }
  return {};
}

/// MPTCP between CPE and converter, with more than one subflow; plain TCP to the server.
void expect_mptcp_between(ScenarioRun& run, const std::string& title,
                          const PairTransfer& transfer) {
  const auto& seen = transfer.counters;
  run.expect(
      holds("MPTCP between CPE and converter: " + title, seen.capable > 0 && seen.joined > 0));
  run.expect(holds("plain TCP to the server: " + title, seen.upstream == 0 &&
                                                            !transfer.record().server.mptcp &&
                                                            !transfer.record().client.mptcp));
}

Result<double> measure_aggregate(ScenarioRun& run, const Plan& plan, Family family, bool upload,
                                 BitRate both, const std::string& suffix) {
  const auto title = fmt::format("through the pair, {}", title_of(upload, family));
  const auto transfer =
      transfer_over_uplinks(run, title, plain_transfer(family, upload, plan.transfer), upload);
  if (!transfer) return std::unexpected(transfer.error());
  const auto goodput = transfer->record().goodput();
  const double ratio = goodput.mbit() / both.mbit();
  expect_mptcp_between(run, title, *transfer);
  const auto name = name_of(upload, family) + suffix;
  run.measure("pair_goodput_" + name, goodput.mbit(), "Mbit/s");
  run.measure("aggregate_ratio_" + name, ratio, "ratio");
  run.measure("connect_ms_" + name, transfer->record().client.setup_ms, "ms");
  for (std::size_t k = 0; k < transfer->octets.size(); ++k)
    run.measure(fmt::format("uplink{}_octets_{}", k + 1, name),
                static_cast<double>(transfer->octets[k]), "octets");
  run.progress.finish_step(fmt::format("{} of {}", mbit_text(goodput), mbit_text(both)));
  return ratio;
}

Result<double> measure_cut(ScenarioRun& run, const Plan& plan, Family family, bool upload,
                           unsigned uplink, const std::string& suffix) {
  const auto link = fmt::format("isp{}", uplink);
  const auto title = fmt::format("through the pair, {}, {} silent", title_of(upload, family), link);
  auto& wire = run.network.wire();
  const auto transfer = transfer_over_uplinks(
      run, title, plain_transfer(family, upload, plan.disturbed()), upload,
      {{link + " silent", {plan.before_cut, [&wire, link] { return wire.drop(link); }}},
       {link + " well again",
        {plan.before_cut + plan.cut, [&wire, link] { return wire.up(link); }}}});
  if (!transfer) return std::unexpected(transfer.error());
  expect_mptcp_between(run, title, *transfer);
  const auto& times = transfer->outcome.action_times;
  const double gap = ms(transfer->record().longest_gap(times[0], times[1]));
  const double at_return =
      ms(transfer->record().longest_gap(times[1], times[1] + kAfterHeal.count()));
  const auto name = fmt::format("{}_uplink{}{}", name_of(upload, family), uplink, suffix);
  run.measure("failover_gap_" + name, gap, "ms");
  run.measure("gap_at_return_" + name, at_return, "ms");
  run.progress.finish_step(
      fmt::format("silence {:.0f} ms, {:.0f} ms at the return", gap, at_return));
  return gap;
}

std::string round_suffix(const Plan& plan, unsigned round) {
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

Result<void> aggregates(ScenarioRun& run, const Plan& plan, const TcpAlone& alone) {
  std::vector<double> ratios;
  for (unsigned round = 0; round < plan.rounds; ++round)
    for (const auto family : families(run))
      for (const bool upload : directions(run)) {
        const auto ratio = measure_aggregate(
            run, plan, family, upload, alone.sum_of(family, upload), round_suffix(plan, round));
        if (!ratio) return std::unexpected(ratio.error());
        ratios.push_back(*ratio);
      }
  measure_spread(run, "aggregate_ratio", ratios, "ratio");
  run.expect(at_least("aggregate_ratio", std::ranges::min(ratios), kAggregateBound));
  return {};
}

struct Cut {
  Family family;
  bool upload;
  unsigned uplink;
};

/// Each uplink in each direction; with fewer than all families, they take turns.
std::vector<Cut> cuts(const ScenarioRun& run, const Plan& plan) {
  std::vector<Cut> out;
  const auto wanted = families(run);
  for (const bool upload : directions(run))
    for (const unsigned uplink : {1u, 2u}) {
      if (plan.every_cut_in_both_families) {
        for (const auto family : wanted) out.push_back({family, upload, uplink});
      } else {
        out.push_back({wanted[(upload ? uplink : uplink + 1) % wanted.size()], upload, uplink});
      }
    }
  return out;
}

Result<void> failovers(ScenarioRun& run, const Plan& plan) {
  std::vector<double> gaps;
  for (unsigned round = 0; round < plan.rounds; ++round)
    for (const auto& cut : cuts(run, plan)) {
      const auto gap =
          measure_cut(run, plan, cut.family, cut.upload, cut.uplink, round_suffix(plan, round));
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
  const unsigned count = run.scale == Scale::kQuick ? 30 : run.scale == Scale::kNormal ? 100 : 1000;
  run.progress.step("curl fetches small files", count * milliseconds(250));
  auto times = fetch_small_files(run.network, count);
  if (!times) return std::unexpected(times.error());
  std::vector<double> values;
  for (const auto time : *times) values.push_back(ms(time));
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
  const Plan plan = plan_of(run);
  TcpAlone alone;
  const bool aggregate = run.choice.wants(kAggregate, kParts);
  if (aggregate) {
    for (const auto family : families(run))
      for (const bool upload : directions(run))
        ANABRANCH_TRY(alone.measure(run, plan, family, upload));
    ANABRANCH_TRY(measure_without_pair(run, plan, alone));
  }
  run.progress.step("CPE, converter and their path managers start", seconds(1));
  ANABRANCH_TRY(start_pair(run.network));
  run.progress.finish_step("");
  if (aggregate) ANABRANCH_TRY(aggregates(run, plan, alone));
  if (run.choice.wants(kFailover, kParts)) ANABRANCH_TRY(failovers(run, plan));
  if (run.choice.wants(kPrograms, kParts)) {
    ANABRANCH_TRY(programs(run));
    ANABRANCH_TRY(small_files(run));
  }
  return stop_pair(run.network);
}

unsigned steps(Scale scale) {
  const Plan plan = plan_for(scale);
  return 4 + 2 + 1 + 2 + plan.rounds * (4 + (plan.every_cut_in_both_families ? 8 : 4));
}

}  // namespace

Scenario proxy_scenario() {
  return {.name = "proxy",
          .title = "Host and server speak only TCP; a proxy pair uses both uplinks",
          .topology = [] { return proxy_pair_topology(uplinks()); },
          .steps = steps,
          .body = proxy,
          .start = start_pair_for_shell,
          .words = {kAggregate, kFailover, kPrograms, kIpv4, kIpv6, kDownload, kUpload}};
}

}  // namespace anabranch::lab
