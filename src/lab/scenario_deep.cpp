// SPDX-License-Identifier: MIT
// A host that uses one of its interfaces gets all paths, though they part two and three routers
// further on, and MPTCP the sum of them.
#include "lab/scenario_deep.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "lab/deep.hpp"
#include "lab/kernel_state.hpp"
#include "lab/path_view.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr double kAggregateBound = 0.93;
constexpr unsigned kPaths = 3;

nanoseconds transfer_time(Scale scale) {
  return scale == Scale::kQuick ? seconds(8) : seconds(20);
}

std::vector<LinkProfile> uplinks() {
  const auto uplink = [](double mbit, int delay_ms) {
    return LinkProfile{
        .rate = BitRate::mbit(mbit), .delay = milliseconds(delay_ms), .queue = milliseconds(50)};
  };
  return {uplink(20, 10), uplink(30, 25), uplink(15, 20)};
}

/// What each provider's link has carried so far in the direction of the transfer.
Result<std::vector<double>> provider_octets(ScenarioRun& run, bool upload) {
  std::vector<double> out;
  for (unsigned k = 1; k <= kPaths; ++k) {
    const auto counters = run.network.wire().counters(fmt::format("isp{}", k));
    if (!counters) return std::unexpected(counters.error());
    out.push_back(static_cast<double>(upload ? counters->a_to_b.octets : counters->b_to_a.octets));
  }
  return out;
}

Result<double> measure_direction(ScenarioRun& run, const std::vector<HostPath>& paths,
                                 bool upload) {
  const std::string direction = upload ? "up" : "down";
  const auto tcp = measure_tcp(run, paths, upload, transfer_time(run.scale));
  if (!tcp) return std::unexpected(tcp.error());
  for (std::size_t i = 0; i < tcp->size(); ++i)
    run.measure(fmt::format("tcp_path{}_goodput_{}", i + 1, direction), (*tcp)[i].mbit(), "Mbit/s");
  const auto before = provider_octets(run, upload);
  if (!before) return std::unexpected(before.error());
  const auto transfer =
      measure_transfer(run, "MPTCP " + direction_name(upload) + ", three providers",
                       {.client = "host",
                        .server = "server",
                        .server_address = kServerAddress,
                        .upload = upload,
                        .duration = transfer_time(run.scale)},
                       kPaths);
  if (!transfer) return std::unexpected(transfer.error());
  const auto after = provider_octets(run, upload);
  if (!after) return std::unexpected(after.error());
  const auto& record = transfer->record();
  const BitRate goodput = record.goodput();
  run.measure("mptcp_goodput_" + direction, goodput.mbit(), "Mbit/s");
  for (unsigned k = 1; k <= kPaths; ++k)
    run.measure(fmt::format("provider{}_octets_{}", k, direction),
                (*after)[k - 1] - (*before)[k - 1], "octets");
  const auto carried = by_path(record.receiver.subflows, kPaths);
  run.expect(holds("MPTCP joined over every provider, " + direction,
                   std::ranges::all_of(carried, [](const auto& path) { return path.octets > 0; })));
  run.progress.finish_step(fmt::format("{} of {}", mbit_text(goodput), mbit_text(sum(*tcp))));
  return goodput.mbit() / sum(*tcp).mbit();
}

Result<void> deep(ScenarioRun& run) {
  run.progress.step("host finds its paths", seconds(5));
  const auto ready = start_deep_roles(run.network);
  if (!ready) return std::unexpected(ready.error());
  const double ready_ms = static_cast<double>(ready->count()) / 1e6;
  run.measure("paths_ready_ms", ready_ms, "ms");
  run.progress.finish_step(fmt::format("three paths after {:.1f} s", ready_ms / 1000));
  const auto paths = host_paths(run.network, "host");
  if (!paths) return std::unexpected(paths.error());

  double worst = 1e9;
  for (const bool upload : {false, true}) {
    const auto ratio = measure_direction(run, *paths, upload);
    if (!ratio) return std::unexpected(ratio.error());
    worst = std::min(worst, *ratio);
  }
  run.measure("aggregate_ratio", worst, "ratio");
  run.expect(at_least("aggregate_ratio", worst, kAggregateBound));
  const auto state = kernel_state(run.network, "host");
  if (!state) return std::unexpected(state.error());
  const auto touches_eth1 = [](const std::string& line) {
    return line.contains("dev eth1") || (line.starts_with("link eth1 ") && line.contains(" up "));
  };
  run.expect(holds("the host's other interface is as down as before",
                   std::ranges::none_of(*state, touches_eth1)));
  return {};
}

}  // namespace

Scenario single_homed_deep_scenario() {
  return {"single-homed-deep",
          "Paths that fork two and three routers away, DHCP relayed to a server apart",
          [] { return deep_topology(uplinks()); },
          [](Scale) { return 5u; },
          deep,
          false,
          start_deep_roles};
}

}  // namespace anabranch::lab
