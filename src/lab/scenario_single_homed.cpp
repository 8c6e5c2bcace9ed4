// SPDX-License-Identifier: MIT
// The scenario everything stands on: one interface, two uplinks. MPTCP gets the sum of both and
// goes on when one is cut; plain TCP on the cut path stands still.
#include "lab/scenario_single_homed.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "kernel/mptcp_pm.hpp"
#include "lab/path_manager.hpp"
#include "lab/path_view.hpp"
#include "lab/scenario_programs.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

constexpr double kAggregateBound = 0.95;
/// A TCP that does not fill its link says that the machine was too busy to measure on.
constexpr double kTcpShareBound = 0.93;
/// IPv6 headers leave TCP 1428 octets of a packet where IPv4's leave it 1448.
constexpr double kTcpShareBoundIpv6 = kTcpShareBound * 1428 / 1448;
constexpr double kFailoverBoundMs = 800;
constexpr milliseconds kQueue{50};

/// How long things take at each scale.
struct Plan {
  nanoseconds transfer;  ///< undisturbed transfers
  nanoseconds before_cut;
  nanoseconds cut;  ///< how long the uplink is silent
  nanoseconds
      after_heal;   ///< TCP's back-off has grown as long as the cut: its next try comes that late
  unsigned rounds;  ///< repetitions of every cut

  nanoseconds disturbed() const { return before_cut + cut + after_heal; }
};

Plan plan_for(Scale scale) {
  switch (scale) {
    case Scale::kQuick:
      return {seconds(8), seconds(3), seconds(2), milliseconds(4500), 1};
    case Scale::kNormal:
      return {seconds(20), seconds(4), seconds(3), seconds(7), 1};
    case Scale::kFull:
      return {seconds(20), seconds(4), seconds(3), seconds(7), 10};
  }
  return {};
}

const std::vector<LinkProfile>& uplinks() {
  static const std::vector<LinkProfile> profiles = {
      {.rate = BitRate::mbit(20), .delay = milliseconds(10), .queue = kQueue},
      {.rate = BitRate::mbit(30), .delay = milliseconds(25), .queue = kQueue}};
  return profiles;
}

std::string uplink_name(unsigned path) {
  return fmt::format("isp{}", path);
}

/// Measurements and transfers of IPv4 have plain names.
std::string suffix_of(Family family) {
  return family == Family::kIpv4 ? "" : "_ipv6";
}
std::string_view title_of(Family family) {
  return family == Family::kIpv4 ? "MPTCP" : "MPTCP over IPv6";
}

/// No path is used twice at the same time, through one family or both.
bool one_subflow_for_each_path(const TransferRecord& record) {
  return std::ranges::all_of(record.samples, [](const event::Sample& sample) {
    std::set<unsigned> seen;
    return std::ranges::all_of(sample.subflows, [&](const SubflowSample& subflow) {
      const auto path = path_of(subflow.local, subflow.remote);
      return path == 0 || seen.insert(path).second;
    });
  });
}

double milliseconds_of(nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

/// What one silent cut came to.
struct CutFigures {
  double gap_ms = 0;
  double cut_ratio = 0;       ///< first second after the cut / survivor alone
  double restored_ratio = 0;  ///< last 2 s / last 2 s before the cut
};

/// Between the host and the server.
TransferPlan transfer_plan(Family family, bool upload, nanoseconds duration) {
  return {.client = "host",
          .server = "server",
          .server_address = server_address(family),
          .upload = upload,
          .duration = duration};
}

/// `link` falls silent in the middle of the transfer and comes back.
std::vector<LabelledAction> cut_and_restore(ScenarioRun& run, const Plan& plan,
                                            const std::string& link) {
  auto& wire = run.network.wire();
  return {
      {link + " cut", {plan.before_cut, [&wire, link] { return wire.drop(link); }}},
      {link + " restored", {plan.before_cut + plan.cut, [&wire, link] { return wire.up(link); }}}};
}

Result<CutFigures> measure_cut(ScenarioRun& run, const Plan& plan, Family family, bool upload,
                               unsigned path, BitRate survivor) {
  const std::string link = uplink_name(path);
  const auto transfer = measure_transfer(
      run, fmt::format("{} {}, {} cut silently", title_of(family), direction_name(upload), link),
      transfer_plan(family, upload, plan.disturbed()), 2, cut_and_restore(run, plan, link));
  if (!transfer) return std::unexpected(transfer.error());
  const auto& record = transfer->record();
  const std::int64_t cut = transfer->outcome.action_times[0];
  const std::int64_t healed = transfer->outcome.action_times[1];
  const std::int64_t window = nanoseconds(seconds(2)).count();
  const std::int64_t end = record.receiver.last_ns;
  CutFigures out;
  out.gap_ms = milliseconds_of(record.longest_gap(cut, healed));
  out.cut_ratio =
      record.goodput(cut, cut + nanoseconds(seconds(1)).count()).mbit() / survivor.mbit();
  out.restored_ratio =
      record.goodput(end - window, end).mbit() / record.goodput(cut - window, cut).mbit();
  run.progress.finish_step(fmt::format("silence {:.0f} ms, first second {:.0f} % of the survivor",
                                       out.gap_ms, 100 * out.cut_ratio));
  return out;
}

Result<void> measure_failover(ScenarioRun& run, const Plan& plan,
                              const std::vector<Family>& families,
                              const std::vector<BitRate>& tcp_down,
                              const std::vector<BitRate>& tcp_up) {
  CutFigures worst{0, 1e9, 1e9};
  for (unsigned round = 0; round < plan.rounds; ++round) {
    for (const bool upload : {false, true}) {
      for (const unsigned path : {1u, 2u}) {
        const BitRate survivor = (upload ? tcp_up : tcp_down)[2 - path];
        // With both families each has one direction over each path.
        const Family family = families[(upload ? path : path + 1) % families.size()];
        const auto figures = measure_cut(run, plan, family, upload, path, survivor);
        if (!figures) return std::unexpected(figures.error());
        const std::string suffix = plan.rounds > 1 ? fmt::format("_round{}", round + 1) : "";
        run.measure(fmt::format("failover_gap_{}_path{}{}", upload ? "up" : "down", path, suffix),
                    figures->gap_ms, "ms");
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
  TransferPlan tcp = transfer_plan(path.address.family(), false, plan.disturbed());
  tcp.mptcp = false;
  tcp.source = path.address;
  const auto transfer = measure_transfer(run, "Plain TCP on path 1, isp1 cut silently", tcp, 2,
                                         cut_and_restore(run, plan, uplink_name(1)));
  if (!transfer) return std::unexpected(transfer.error());
  const double stall = milliseconds_of(transfer->record().longest_gap(
      transfer->outcome.action_times[0], transfer->outcome.action_times[1]));
  run.measure("tcp_stall_ms", stall, "ms");
  run.expect(
      at_least("plain TCP on the cut path stalls (ms)", stall, 0.9 * milliseconds_of(plan.cut)));
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
Result<double> measure_aggregate(ScenarioRun& run, const Plan& plan, Family family, bool upload,
                                 const std::vector<BitRate>& tcp) {
  const auto before = uplink_octets(run.network, upload);
  if (!before) return std::unexpected(before.error());
  const auto transfer = measure_transfer(
      run, fmt::format("{} {}, both uplinks", title_of(family), direction_name(upload)),
      transfer_plan(family, upload, plan.transfer), 2);
  if (!transfer) return std::unexpected(transfer.error());
  const auto after = uplink_octets(run.network, upload);
  if (!after) return std::unexpected(after.error());
  const BitRate goodput = transfer->record().goodput();
  run.progress.finish_step(fmt::format("{} of {}", mbit_text(goodput), mbit_text(sum(tcp))));
  const std::string direction = (upload ? "up" : "down") + suffix_of(family);
  run.expect(holds("one subflow over each path, " + direction,
                   one_subflow_for_each_path(transfer->record())));
  run.measure("mptcp_goodput_" + direction, goodput.mbit(), "Mbit/s");
  run.measure("uplink1_octets_" + direction, static_cast<double>(after->path1 - before->path1),
              "octets");
  run.measure("uplink2_octets_" + direction, static_cast<double>(after->path2 - before->path2),
              "octets");
  if (!upload)
    run.measure("setup_ms" + suffix_of(family), transfer->record().client.setup_ms, "ms");
  return goodput.mbit() / sum(tcp).mbit();
}

Result<std::vector<BitRate>> measure_single_paths(ScenarioRun& run, const Plan& plan,
                                                  const std::vector<HostPath>& paths, bool upload) {
  auto rates = measure_tcp(run, paths, upload, plan.transfer);
  if (!rates) return rates;
  for (std::size_t i = 0; i < rates->size(); ++i) {
    const std::string name = fmt::format("tcp_path{}_goodput{}{}", i + 1, upload ? "_up" : "",
                                         suffix_of(paths[i].address.family()));
    run.measure(name, (*rates)[i].mbit(), "Mbit/s");
    // Below the bound the run is void: it says more about the machine than about us.
    run.expect(at_least(name + " / emulated rate", (*rates)[i].mbit() / uplinks()[i].rate.mbit(),
                        paths[i].address.is_v4() ? kTcpShareBound : kTcpShareBoundIpv6));
  }
  return rates;
}

/// What one family comes to.
struct FamilyFigures {
  std::vector<BitRate> tcp_down;
  std::vector<BitRate> tcp_up;
  double aggregate_ratio = 0;  ///< of the worse direction
};

Result<FamilyFigures> measure_family(ScenarioRun& run, const Plan& plan, Family family,
                                     std::vector<HostPath> paths) {
  std::erase_if(paths, [&](const HostPath& path) { return path.address.family() != family; });
  FamilyFigures out{.tcp_down = {}, .tcp_up = {}, .aggregate_ratio = 1e9};
  for (const bool upload : {false, true}) {
    const auto tcp = measure_single_paths(run, plan, paths, upload);
    if (!tcp) return std::unexpected(tcp.error());
    const auto ratio = measure_aggregate(run, plan, family, upload, *tcp);
    if (!ratio) return std::unexpected(ratio.error());
    out.aggregate_ratio = std::min(out.aggregate_ratio, *ratio);
    (upload ? out.tcp_up : out.tcp_down) = *tcp;
  }
  return out;
}

Result<void> single_homed(ScenarioRun& run, const std::vector<Family>& families) {
  const Plan plan = plan_for(run.scale);
  run.progress.step("host finds its paths", seconds(5));
  const auto ready = start_single_homed_roles(run.network);
  if (!ready) return std::unexpected(ready.error());
  run.progress.finish_step(
      fmt::format("both paths after {:.1f} s", milliseconds_of(*ready) / 1000));
  run.measure("paths_ready_ms", milliseconds_of(*ready), "ms");
  const auto paths = host_paths(run.network, "host");
  if (!paths) return std::unexpected(paths.error());

  FamilyFigures worst{.tcp_down = {}, .tcp_up = {}, .aggregate_ratio = 1e9};
  for (const auto family : families) {
    const auto figures = measure_family(run, plan, family, *paths);
    if (!figures) return std::unexpected(figures.error());
    const double ratio = std::min(worst.aggregate_ratio, figures->aggregate_ratio);
    worst = *figures;
    worst.aggregate_ratio = ratio;
  }
  run.measure("aggregate_ratio", worst.aggregate_ratio, "ratio");
  run.expect(at_least("aggregate_ratio", worst.aggregate_ratio, kAggregateBound));

  ANABRANCH_TRY(measure_failover(run, plan, families, worst.tcp_down, worst.tcp_up));
  ANABRANCH_TRY(show_tcp_stall(run, plan, paths->front()));
  // The route of the kernel's own IPv6 address cannot name a congestion control.
  return families.front() == Family::kIpv4 ? fetch_with_real_programs(run) : Result<void>{};
}

unsigned steps(Scale scale, unsigned families) {
  return 3 + 4 * families + 4 * plan_for(scale).rounds;
}

/// A server that announces its other family's address tempts a host to use each path twice. Our
/// path manager does not.
Result<void> each_path_once(ScenarioRun& run) {
  ANABRANCH_TRY(run.network.inside("server", []() -> Result<void> {
    auto manager = kernel::MptcpPathManager::open();
    if (!manager) return std::unexpected(manager.error());
    return manager->add({.address = kServerAddress6, .flags = kernel::MptcpEndpoint::kSignal});
  }));
  ANABRANCH_TRY(start_manager(run.network, "host", Manager::kAnabranch));
  auto plan = transfer_plan(Family::kIpv4, false, seconds(5));
  plan.both_families = true;
  const auto transfer =
      measure_transfer(run, "MPTCP to a server that announces its other address", plan, 2);
  if (!transfer) return std::unexpected(transfer.error());
  const auto carried = by_path(transfer->record().receiver.subflows, 2);
  run.expect(
      holds("both paths are used once: IPv4 and IPv6 of an index are one path",
            one_subflow_for_each_path(transfer->record()) &&
                std::ranges::all_of(carried, [](const auto& path) { return path.octets > 0; })));
  run.progress.finish_step(mbit_text(transfer->record().goodput()));
  return stop_manager(run.network, "host", Manager::kAnabranch);
}

Result<void> dual(ScenarioRun& run) {
  ANABRANCH_TRY(single_homed(run, {Family::kIpv4, Family::kIpv6}));
  return each_path_once(run);
}

}  // namespace

Scenario single_homed_scenario() {
  return {"single-homed", "A host with one interface uses both uplinks of its gateway",
          [] { return single_homed_topology({.uplinks = uplinks()}); },
          [](Scale scale) { return steps(scale, 1); },
          [](ScenarioRun& run) { return single_homed(run, {Family::kIpv4}); }};
}

Scenario single_homed_ipv6_scenario() {
  return {"single-homed-ipv6", "The same with IPv6 alone: one provisioning domain for each uplink",
          [] { return single_homed_topology({.uplinks = uplinks(), .families = Families::kIpv6}); },
          [](Scale scale) { return steps(scale, 1) - 1; },
          [](ScenarioRun& run) { return single_homed(run, {Family::kIpv6}); }};
}

Scenario single_homed_dual_scenario() {
  return {"single-homed-dual", "Both families at once: two addresses, one path",
          [] { return single_homed_topology({.uplinks = uplinks(), .families = Families::kBoth}); },
          [](Scale scale) { return steps(scale, 2) + 1; }, dual};
}

}  // namespace anabranch::lab
