// SPDX-License-Identifier: MIT
#include "lab/proxy_measures.hpp"

#include <fmt/format.h>

#include "lab/proxy_pair.hpp"
#include "lab/proxy_transfer.hpp"
#include "lab/scenario_support.hpp"

namespace anabranch::lab {
namespace {

/// What plain TCP gets without the pair, of the sum: the better uplink has 0.6 of it.
constexpr double kOneUplinkBound = 0.65;
/// A TCP that does not fill its link says that the machine was too busy to measure on.
constexpr double kTcpShareBound = 0.93;
/// IPv6 headers leave TCP 1428 octets of a packet where IPv4's leave it 1448.
constexpr double kTcpShareBoundIpv6 = kTcpShareBound * 1428 / 1448;

double ms(nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

/// One of many: what they come to stands on the terminal.
void note(ScenarioRun& run, std::string name, double value, std::string unit) {
  run.result.measurements.push_back({std::move(name), value, std::move(unit), true});
}

/// MPTCP between CPE and converter, with more than one subflow; plain TCP to the one that is
/// connected in the end.
void expect_mptcp_between(ScenarioRun& run, const std::string& title,
                          const PairTransfer& transfer) {
  const auto& seen = transfer.counters;
  run.expect(
      holds("MPTCP between CPE and converter: " + title, seen.capable > 0 && seen.joined > 0));
  run.expect(holds("plain TCP at both ends: " + title, seen.sent == 0 &&
                                                           !transfer.record().server.mptcp &&
                                                           !transfer.record().client.mptcp));
}

}  // namespace

Result<void> TcpAlone::measure(ScenarioRun& run, const ProxyPlan& plan, Family family,
                               bool upload) {
  const auto paths = lan_paths(static_cast<unsigned>(proxy_uplinks().size()), family);
  auto rates = measure_tcp(run, paths, upload, plan.transfer);
  if (!rates) return std::unexpected(rates.error());
  for (std::size_t i = 0; i < rates->size(); ++i) {
    const auto name =
        fmt::format("tcp_uplink{}_{}", i + 1, ProxyCase{.family = family, .upload = upload}.name());
    const double share = (*rates)[i].mbit() / proxy_uplinks()[i].rate.mbit();
    run.measure(name, (*rates)[i].mbit(), "Mbit/s");
    run.expect(at_least(name + " / emulated rate", share,
                        family == Family::kIpv4 ? kTcpShareBound : kTcpShareBoundIpv6));
  }
  sums_[{family, upload}] = sum(*rates);
  return {};
}

Result<void> measure_without_pair(ScenarioRun& run, const ProxyPlan& plan, const ProxyCase& of,
                                  BitRate both) {
  const auto transfer =
      transfer_over_uplinks(run, "without the pair, " + of.title(), of, plan.transfer);
  if (!transfer) return std::unexpected(transfer.error());
  const auto goodput = transfer->record().goodput();
  const auto name = "without_pair_" + of.name();
  run.measure(name, goodput.mbit(), "Mbit/s");
  run.expect(at_most(name + " / both uplinks", goodput.mbit() / both.mbit(), kOneUplinkBound));
  run.progress.finish_step(mbit_text(goodput));
  return {};
}

Result<double> measure_aggregate(ScenarioRun& run, const ProxyPlan& plan, const ProxyCase& of,
                                 BitRate both, const std::string& suffix) {
  const auto title = "through the pair, " + of.title();
  const auto transfer = transfer_over_uplinks(run, title, of, plan.transfer);
  if (!transfer) return std::unexpected(transfer.error());
  const auto goodput = transfer->record().goodput();
  const double ratio = goodput.mbit() / both.mbit();
  expect_mptcp_between(run, title, *transfer);
  const auto name = of.name() + suffix;
  run.measure("aggregate_ratio_" + name, ratio, "ratio");
  note(run, "pair_goodput_" + name, goodput.mbit(), "Mbit/s");
  note(run, "connect_ms_" + name, transfer->record().client.setup_ms, "ms");
  for (std::size_t k = 0; k < transfer->octets.size(); ++k)
    note(run, fmt::format("uplink{}_octets_{}", k + 1, name),
         static_cast<double>(transfer->octets[k]), "octets");
  run.progress.finish_step(fmt::format("{} of {}", mbit_text(goodput), mbit_text(both)));
  return ratio;
}

Result<double> measure_cut(ScenarioRun& run, const ProxyPlan& plan, const ProxyCut& cut,
                           const std::string& suffix) {
  const auto link = fmt::format("isp{}", cut.uplink);
  const auto title = fmt::format("through the pair, {}, {} silent", cut.transfer.title(), link);
  auto& wire = run.network.wire();
  const auto transfer = transfer_over_uplinks(
      run, title, cut.transfer, plan.disturbed(),
      {{link + " silent", {plan.before_cut, [&wire, link] { return wire.drop(link); }}},
       {link + " well again",
        {plan.before_cut + plan.cut, [&wire, link] { return wire.up(link); }}}});
  if (!transfer) return std::unexpected(transfer.error());
  expect_mptcp_between(run, title, *transfer);
  const auto& times = transfer->outcome.action_times;
  const double gap = ms(transfer->record().longest_gap(times[0], times[1]));
  const double at_return =
      ms(transfer->record().longest_gap(times[1], times[1] + plan.after_return.count()));
  const auto name = fmt::format("{}_uplink{}{}", cut.transfer.name(), cut.uplink, suffix);
  run.measure("failover_gap_" + name, gap, "ms");
  note(run, "gap_at_return_" + name, at_return, "ms");
  run.progress.finish_step(
      fmt::format("silence {:.0f} ms, {:.0f} ms at the return", gap, at_return));
  return gap;
}

}  // namespace anabranch::lab
