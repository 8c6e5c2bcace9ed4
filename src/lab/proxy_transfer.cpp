// SPDX-License-Identifier: MIT
#include "lab/proxy_transfer.hpp"

#include "lab/path_view.hpp"
#include "lab/proxy_pair.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

/// A sample in which each uplink stands where a subflow would, so that rows and chart show uplinks.
event::Sample with_uplinks(event::Sample sample, const std::vector<std::uint64_t>& now,
                           const std::vector<std::uint64_t>& before) {
  sample.subflows.clear();
  for (unsigned k = 1; k <= now.size(); ++k)
    sample.subflows.push_back({.local = lan_address(k, Family::kIpv4),
                               .remote = server_address(Family::kIpv4),
                               .octets = now[k - 1] - before[k - 1]});
  return sample;
}

}  // namespace

Result<PairTransfer> transfer_over_uplinks(ScenarioRun& run, const std::string& title,
                                           const ProxyCase& of, nanoseconds duration,
                                           const std::vector<LabelledAction>& actions) {
  run.progress.step(title, duration);
  const auto octets_before = uplink_octets(run.network, of.upload);
  if (!octets_before) return std::unexpected(octets_before.error());
  const std::string_view accepting = of.opener == Opener::kHost ? "converter" : "cpe";
  const auto before = pair_counters(run.network, accepting);
  if (!before) return std::unexpected(before.error());
  const auto uplinks = static_cast<unsigned>(octets_before->size());

  LiveRows live(uplinks);
  TransferRecord shown;
  const auto observe = [&](std::size_t, const event::Sample& sample) {
    const auto now = uplink_octets(run.network, of.upload);
    if (!now) return;
    shown.samples.push_back(with_uplinks(sample, *now, *octets_before));
    run.progress.update(live.rows(shown.samples.back()),
                        nanoseconds(sample.at_ns - shown.samples.front().at_ns));
  };
  std::vector<TimedAction> timed;
  for (const auto& action : actions) timed.push_back(action.action);
  auto outcome = run_transfers(run.network, {of.transfer(duration)}, timed, observe);
  if (!outcome) return std::unexpected(outcome.error());

  const auto octets = uplink_octets(run.network, of.upload);
  if (!octets) return std::unexpected(octets.error());
  const auto after = pair_counters(run.network, accepting);
  if (!after) return std::unexpected(after.error());
  PairTransfer out{.outcome = *std::move(outcome), .octets = {}, .counters = {}};
  for (unsigned k = 0; k < uplinks; ++k) out.octets.push_back((*octets)[k] - (*octets_before)[k]);
  out.counters = {after->capable - before->capable, after->joined - before->joined,
                  after->sent - before->sent};

  run.expect(holds("hash equal: " + title, out.record().hashes_equal()));
  shown.receiver = out.record().receiver;
  Chart chart = goodput_chart(title, shown, out.outcome.start_ns, uplinks);
  for (std::size_t i = 0; i < actions.size(); ++i)
    if (!actions[i].label.empty())
      chart.marks.push_back(
          {static_cast<double>(out.outcome.action_times[i] - out.outcome.start_ns) / 1e9,
           actions[i].label});
  for (const auto& link : run.result.topology.links)
    if (link.profile) chart.expected_mbit += link.profile->rate.mbit();
  run.result.charts.push_back(std::move(chart));
  return out;
}

}  // namespace anabranch::lab
