// SPDX-License-Identifier: MIT
// The scenario everything stands on: one interface, two uplinks. MPTCP gets the sum of both and goes on
// when one is cut; plain TCP on the cut path stands still.
#include "lab/scenario_single_homed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lab/scenario_programs.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr double kAggregateBound = 0.95;
/// A TCP that does not fill its link says that the machine was too busy to measure on.
constexpr double kTcpShareBound = 0.93;
constexpr double kFailoverBoundMs = 800;
constexpr milliseconds kQueue{50};

/// How long things take at each scale.
struct Plan {
  nanoseconds transfer;    ///< undisturbed transfers
  nanoseconds before_cut;
  nanoseconds cut;         ///< how long the uplink is silent
  nanoseconds after_heal;  ///< TCP's back-off has grown as long as the cut: its next try comes that late
  unsigned rounds;         ///< repetitions of every cut

  nanoseconds disturbed() const { return before_cut + cut + after_heal; }
};

Plan plan_for(Scale scale) {
  switch (scale) {
    case Scale::kQuick: return {seconds(8), seconds(3), seconds(2), milliseconds(4500), 1};
    case Scale::kNormal: return {seconds(20), seconds(4), seconds(3), seconds(7), 1};
    case Scale::kFull: return {seconds(20), seconds(4), seconds(3), seconds(7), 10};
  }
  return {};
}

const std::vector<LinkProfile>& uplinks() {
  static const std::vector<LinkProfile> profiles = {
      {.rate = BitRate::mbit(20), .delay = milliseconds(10), .queue = kQueue},
      {.rate = BitRate::mbit(30), .delay = milliseconds(25), .queue = kQueue}};
  return profiles;
}

std::string uplink_name(unsigned path) { return fmt::format("isp{}", path); }

double milliseconds_of(nanoseconds time) { return static_cast<double>(time.count()) / 1e6; }

/// What one silent cut came to.
struct CutFigures {
  double gap_ms = 0;
  double cut_ratio = 0;       ///< first second after the cut / survivor alone
  double restored_ratio = 0;  ///< last 2 s / last 2 s before the cut
};

Result<CutFigures> measure_cut(ScenarioRun& run, const Plan& plan, bool upload, unsigned path, BitRate survivor) {
  const std::string link = uplink_name(path);
  auto& wire = run.network.wire();
  const std::vector<TimedAction> actions = {{plan.before_cut, [&] { return wire.drop(link); }},
                                            {plan.before_cut + plan.cut, [&] { return wire.up(link); }}};
  const auto transfer =
      measure_mptcp(run, fmt::format("MPTCP {}, {} cut silently", direction_name(upload), link), upload,
                    plan.disturbed(), 2, actions, {link + " cut", link + " restored"});
  if (!transfer) return std::unexpected(transfer.error());
  const auto& record = transfer->record();
  const std::int64_t cut = transfer->outcome.action_times[0];
  const std::int64_t healed = transfer->outcome.action_times[1];
  const std::int64_t window = nanoseconds(seconds(2)).count();
  const std::int64_t end = record.receiver.last_ns;
  CutFigures out;
  out.gap_ms = milliseconds_of(record.longest_gap(cut, healed));
  out.cut_ratio = record.goodput(cut, cut + nanoseconds(seconds(1)).count()).mbit() / survivor.mbit();
  out.restored_ratio = record.goodput(end - window, end).mbit() / record.goodput(cut - window, cut).mbit();
  run.progress.finish_step(fmt::format("silence {:.0f} ms, first second {:.0f} % of the survivor", out.gap_ms,
                                       100 * out.cut_ratio));
  return out;
}

Result<void> measure_failover(ScenarioRun& run, const Plan& plan, const std::vector<BitRate>& tcp_down,
                              const std::vector<BitRate>& tcp_up) {
  CutFigures worst{0, 1e9, 1e9};
  for (unsigned round = 0; round < plan.rounds; ++round) {
    for (const bool upload : {false, true}) {
      for (const unsigned path : {1u, 2u}) {
        const BitRate survivor = (upload ? tcp_up : tcp_down)[2 - path];
        const auto figures = measure_cut(run, plan, upload, path, survivor);
        if (!figures) return std::unexpected(figures.error());
        const std::string suffix = plan.rounds > 1 ? fmt::format("_round{}", round + 1) : "";
        run.measure(fmt::format("failover_gap_{}_path{}{}", upload ? "up" : "down", path, suffix), figures->gap_ms, "ms");
        worst.gap_ms = std::max(worst.gap_ms, figures->gap_ms);
        worst.cut_ratio = std::min(worst.cut_ratio, figures->cut_ratio);
        worst.restored_ratio = std::min(worst.restored_ratio, figures->restored_ratio);
      }
    }
  }
  run.measure("failover_gap_ms", worst.gap_ms, "ms");
  run.measure("cut_goodput_ratio", worst.cut_ratio, "ratio");
  run.measure("restored_ratio", worst.restored_ratio, "ratio");
  run.expect(at_most("failover_gap_ms", worst.gap_ms, kFailoverBoundMs));
  return {};
}

/// The same cut under plain TCP pinned to the path: it waits for the path to come back.
Result<void> show_tcp_stall(ScenarioRun& run, const Plan& plan, const HostPath& path) {
  run.progress.step("TCP on path 1, isp1 cut silently", plan.disturbed());
  const TransferPlan transfer{.client = "host",
                              .server = "server",
                              .server_address = kServerAddress,
                              .mptcp = false,
                              .source = path.address,
                              .duration = plan.disturbed()};
  auto& wire = run.network.wire();
  const auto outcome = run_transfers(run.network, {transfer},
                                     {{plan.before_cut, [&] { return wire.drop("isp1"); }},
                                      {plan.before_cut + plan.cut, [&] { return wire.up("isp1"); }}});
  if (!outcome) return std::unexpected(outcome.error());
  const auto& record = outcome->records.front();
  const double stall = milliseconds_of(record.longest_gap(outcome->action_times[0], outcome->action_times[1]));
  run.measure("tcp_stall_ms", stall, "ms");
  run.expect(at_least("plain TCP on the cut path stalls (ms)", stall, 0.9 * milliseconds_of(plan.cut)));
  run.progress.finish_step(fmt::format("silence {:.0f} ms", stall));
  return {};
}

struct UplinkOctets {
  std::uint64_t path1 = 0;
  std::uint64_t path2 = 0;
};

/// Received for downloads, sent for uploads, as the gateway's interfaces counted them.
Result<UplinkOctets> uplink_octets(const Network& network, bool upload) {
  UplinkOctets out;
  for (const unsigned path : {1u, 2u}) {
    const auto octets = network.interface_octets("gateway", fmt::format("up{}", path));
    if (!octets) return std::unexpected(octets.error());
    (path == 1 ? out.path1 : out.path2) = upload ? octets->sent : octets->received;
  }
  return out;
}

/// Aggregate of one direction as a share of what two TCPs get.
Result<double> measure_aggregate(ScenarioRun& run, const Plan& plan, bool upload, const std::vector<BitRate>& tcp) {
  const auto before = uplink_octets(run.network, upload);
  if (!before) return std::unexpected(before.error());
  const auto transfer =
      measure_mptcp(run, "MPTCP " + direction_name(upload) + ", both uplinks", upload, plan.transfer, 2);
  if (!transfer) return std::unexpected(transfer.error());
  const auto after = uplink_octets(run.network, upload);
  if (!after) return std::unexpected(after.error());
  const BitRate goodput = transfer->record().goodput();
  run.progress.finish_step(fmt::format("{} of {}", mbit_text(goodput), mbit_text(sum(tcp))));
  const std::string direction = upload ? "up" : "down";
  run.measure("mptcp_goodput_" + direction, goodput.mbit(), "Mbit/s");
  run.measure("uplink1_octets_" + direction, static_cast<double>(after->path1 - before->path1), "octets");
  run.measure("uplink2_octets_" + direction, static_cast<double>(after->path2 - before->path2), "octets");
  if (!upload) run.measure("setup_ms", transfer->record().client.setup_ms, "ms");
  return goodput.mbit() / sum(tcp).mbit();
}

Result<std::vector<BitRate>> measure_single_paths(ScenarioRun& run, const Plan& plan,
                                                  const std::vector<HostPath>& paths, bool upload) {
  auto rates = measure_tcp(run, paths, upload, plan.transfer);
  if (!rates) return rates;
  for (std::size_t i = 0; i < rates->size(); ++i) {
    const std::string name = fmt::format("tcp_path{}_goodput{}", i + 1, upload ? "_up" : "");
    run.measure(name, (*rates)[i].mbit(), "Mbit/s");
    // Below the bound the run is void: it says more about the machine than about us.
    run.expect(at_least(name + " / emulated rate", (*rates)[i].mbit() / uplinks()[i].rate.mbit(), kTcpShareBound));
  }
  return rates;
}

Result<void> single_homed(ScenarioRun& run) {
  const Plan plan = plan_for(run.scale);
  run.progress.step("host finds its paths", seconds(5));
  const auto ready = start_single_homed_roles(run.network);
  if (!ready) return std::unexpected(ready.error());
  run.progress.finish_step(fmt::format("both paths after {:.1f} s", milliseconds_of(*ready) / 1000));
  run.measure("paths_ready_ms", milliseconds_of(*ready), "ms");
  const auto paths = host_paths(run.network, "host");
  if (!paths) return std::unexpected(paths.error());

  const auto tcp_down = measure_single_paths(run, plan, *paths, false);
  if (!tcp_down) return std::unexpected(tcp_down.error());
  const auto down = measure_aggregate(run, plan, false, *tcp_down);
  if (!down) return std::unexpected(down.error());
  const auto tcp_up = measure_single_paths(run, plan, *paths, true);
  if (!tcp_up) return std::unexpected(tcp_up.error());
  const auto up = measure_aggregate(run, plan, true, *tcp_up);
  if (!up) return std::unexpected(up.error());
  run.measure("aggregate_ratio", std::min(*down, *up), "ratio");
  run.expect(at_least("aggregate_ratio", std::min(*down, *up), kAggregateBound));

  ANABRANCH_TRY(measure_failover(run, plan, *tcp_down, *tcp_up));
  ANABRANCH_TRY(show_tcp_stall(run, plan, paths->front()));
  return fetch_with_real_programs(run);
}

}  // namespace

Result<nanoseconds> start_single_homed_roles(Network& network) {
  ANABRANCH_TRY(network.start_roles("gateway"));
  const auto deadline = MonotonicClock::now() + seconds(20);
  for (;;) {
    const auto answer = network.ask("gateway", "gateway", "show");
    const auto json = answer ? nlohmann::json::parse(*answer, nullptr, false) : nlohmann::json();
    if (json.is_object() && json.value("/dhcp/state"_json_pointer, "") == "running") break;
    if (MonotonicClock::now() > deadline) return fail("the gateway was not ready in time");
    pause_briefly();
  }
  const auto start = MonotonicClock::now();
  std::vector<std::string> hosts;
  for (const auto& node : network.topology().nodes)
    if (node.name.starts_with("host")) hosts.push_back(node.name);
  for (const auto& host : hosts) ANABRANCH_TRY(network.start_roles(host));
  const std::size_t uplinks = static_cast<std::size_t>(std::ranges::count_if(
      network.topology().links, [](const Link& link) { return link.profile.has_value(); }));
  const auto complete = [&](const std::string& host) {
    const auto paths = host_paths(network, host);
    return paths && paths->size() == uplinks && std::ranges::all_of(*paths, &HostPath::up);
  };
  while (!hosts.empty()) {
    std::erase_if(hosts, complete);
    if (hosts.empty()) break;
    if (MonotonicClock::now() > start + seconds(30))
      return fail(hosts.front() + " did not get all its paths in 30 s");
    pause_briefly();
  }
  return std::chrono::duration_cast<nanoseconds>(MonotonicClock::now() - start);
}

Scenario single_homed_scenario() {
  return {"single-homed", "A host with one interface uses both uplinks of its gateway",
          [] { return single_homed_topology({.uplinks = uplinks()}); },
          [](Scale scale) { return 7 + 4 * plan_for(scale).rounds; }, single_homed};
}

}  // namespace anabranch::lab
