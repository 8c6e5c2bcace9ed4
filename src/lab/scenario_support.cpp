// SPDX-License-Identifier: MIT
#include "lab/scenario_support.hpp"

#include <numeric>

#include <fmt/format.h>

#include "lab/path_view.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {

Result<std::vector<BitRate>> measure_tcp(ScenarioRun& run, const std::vector<HostPath>& paths,
                                         bool upload, nanoseconds duration) {
  run.progress.step("TCP, each path alone, " + direction_name(upload), duration);
  std::vector<TransferPlan> plans;
  for (const auto& path : paths)
    plans.push_back({.client = "host",
                     .server = "server",
                     .server_address = server_address(path.address.family()),
                     .port = static_cast<std::uint16_t>(5000 + path.index),
                     .upload = upload,
                     .mptcp = false,
                     .source = path.address,
                     .duration = duration,
                     .seed = path.index});
  std::vector<PathRow> rows(paths.size());
  std::vector<LiveRows> live(paths.size(), LiveRows(static_cast<unsigned>(paths.size())));
  std::int64_t start = 0;
  const auto outcome =
      run_transfers(run.network, plans, {}, [&](std::size_t plan, const event::Sample& sample) {
        if (start == 0) start = sample.at_ns;
        rows[plan] = live[plan].rows(sample)[plan];
        run.progress.update(rows, nanoseconds(sample.at_ns - start));
      });
  if (!outcome) return std::unexpected(outcome.error());
  std::vector<BitRate> rates;
  std::string figures;
  for (const auto& record : outcome->records) {
    if (!record.hashes_equal()) return fail("a TCP transfer did not arrive as it was sent");
    rates.push_back(record.goodput());
    figures += (figures.empty() ? "" : " and ") + mbit_text(rates.back());
  }
  run.progress.finish_step(figures);
  return rates;
}

Result<MeasuredTransfer> measure_transfer(ScenarioRun& run, const std::string& title,
                                          const TransferPlan& plan, unsigned paths,
                                          const std::vector<LabelledAction>& actions) {
  run.progress.step(title, plan.duration);
  LiveRows live(paths);
  std::int64_t start = 0;
  std::vector<TimedAction> timed;
  for (const auto& action : actions) timed.push_back(action.action);
  auto outcome =
      run_transfers(run.network, {plan}, timed, [&](std::size_t, const event::Sample& sample) {
        if (start == 0) start = sample.at_ns;
        run.progress.update(live.rows(sample), nanoseconds(sample.at_ns - start));
      });
  if (!outcome) return std::unexpected(outcome.error());
  const auto& record = outcome->records.front();
  if (plan.mptcp && (!record.sender.mptcp || !record.receiver.mptcp))
    return fail("the transfer '" + title + "' did not use MPTCP to its end", {},
                "the figures would be those of plain TCP");
  run.expect(holds("hash equal: " + title, record.hashes_equal()));
  Chart chart = goodput_chart(title, record, outcome->start_ns, paths);
  for (std::size_t i = 0; i < actions.size(); ++i)
    if (!actions[i].label.empty())
      chart.marks.push_back(
          {static_cast<double>(outcome->action_times[i] - outcome->start_ns) / 1e9,
           actions[i].label});
  if (plan.mptcp)
    for (const auto& link : run.result.topology.links)
      if (link.profile) chart.expected_mbit += link.profile->rate.mbit();
  run.result.charts.push_back(std::move(chart));
  return MeasuredTransfer{*std::move(outcome)};
}

BitRate sum(const std::vector<BitRate>& rates) {
  return std::accumulate(rates.begin(), rates.end(), BitRate{}, [](BitRate a, BitRate b) {
    return BitRate{a.bits_per_second + b.bits_per_second};
  });
}

std::string mbit_text(BitRate rate) {
  return fmt::format("{:.1f} Mbit/s", rate.mbit());
}

std::string direction_name(bool upload) {
  return upload ? "upload" : "download";
}

}  // namespace anabranch::lab
