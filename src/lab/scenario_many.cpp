// SPDX-License-Identifier: MIT
// The same with more of everything: four unequal uplinks, and sixteen hosts on one LAN.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "lab/scenario_single_homed.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

constexpr unsigned kHosts = 16;
constexpr double kAggregateBound = 0.93;
constexpr double kReadyBoundMs = 10'000;

std::vector<LinkProfile> unequal_uplinks() {
  const auto uplink = [](double mbit, int delay_ms) {
    return LinkProfile{
        .rate = BitRate::mbit(mbit), .delay = milliseconds(delay_ms), .queue = milliseconds(50)};
  };
  return {uplink(30, 10), uplink(20, 15), uplink(15, 20), uplink(10, 25)};
}

nanoseconds transfer_time(Scale scale) {
  return scale == Scale::kQuick ? seconds(8) : seconds(20);
}

double milliseconds_of(nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

Result<void> four_uplinks(ScenarioRun& run) {
  run.progress.step("host finds its paths", seconds(5));
  const auto ready = start_single_homed_roles(run.network);
  if (!ready) return std::unexpected(ready.error());
  run.measure("paths_ready_ms", milliseconds_of(*ready), "ms");
  run.progress.finish_step(
      fmt::format("four paths after {:.1f} s", milliseconds_of(*ready) / 1000));
  const auto paths = host_paths(run.network, "host");
  if (!paths) return std::unexpected(paths.error());
  double worst = 1e9;
  for (const bool upload : {false, true}) {
    const auto tcp = measure_tcp(run, *paths, upload, transfer_time(run.scale));
    if (!tcp) return std::unexpected(tcp.error());
    const std::string direction = upload ? "up" : "down";
    for (std::size_t i = 0; i < tcp->size(); ++i)
      run.measure(fmt::format("tcp_path{}_goodput_{}", i + 1, direction), (*tcp)[i].mbit(),
                  "Mbit/s");
    const TransferPlan plan{.client = "host",
                            .server = "server",
                            .server_address = kServerAddress,
                            .upload = upload,
                            .duration = transfer_time(run.scale)};
    const auto transfer =
        measure_transfer(run, "MPTCP " + direction_name(upload) + ", four uplinks", plan,
                         static_cast<unsigned>(paths->size()));
    if (!transfer) return std::unexpected(transfer.error());
    const BitRate goodput = transfer->record().goodput();
    run.measure("mptcp_goodput_" + direction, goodput.mbit(), "Mbit/s");
    run.progress.finish_step(fmt::format("{} of {}", mbit_text(goodput), mbit_text(sum(*tcp))));
    worst = std::min(worst, goodput.mbit() / sum(*tcp).mbit());
  }
  run.measure("aggregate_ratio", worst, "ratio");
  run.expect(at_least("aggregate_ratio", worst, kAggregateBound));
  return {};
}

Result<void> sixteen_hosts(ScenarioRun& run) {
  run.progress.step("sixteen hosts find their paths", seconds(10));
  const auto ready = start_single_homed_roles(run.network);
  if (!ready) return std::unexpected(ready.error());
  run.measure("paths_ready_ms", milliseconds_of(*ready), "ms");
  run.expect(at_most("every host has every path (ms)", milliseconds_of(*ready), kReadyBoundMs));
  std::set<IpAddress> addresses;
  std::size_t paths = 0;
  for (unsigned i = 1; i <= kHosts; ++i) {
    const auto here = host_paths(run.network, host_name(i, kHosts));
    if (!here) return std::unexpected(here.error());
    for (const auto& path : *here) addresses.insert(path.address);
    paths += here->size();
  }
  run.expect(holds("no address twice", addresses.size() == paths));
  run.progress.finish_step(
      fmt::format("{} addresses after {:.1f} s", paths, milliseconds_of(*ready) / 1000));

  const std::uint64_t octets = run.scale == Scale::kQuick ? 1'000'000 : 4'000'000;
  run.progress.step(fmt::format("sixteen transfers of {} at once", octets_text(octets)), {});
  std::vector<TransferPlan> plans;
  for (unsigned i = 1; i <= kHosts; ++i)
    plans.push_back({.client = host_name(i, kHosts),
                     .server = "server",
                     .server_address = kServerAddress,
                     .port = static_cast<std::uint16_t>(5000 + i),
                     .upload = i % 2 == 0,
                     .octets = octets,
                     .seed = i});
  const auto outcome = run_transfers(run.network, plans);
  if (!outcome) return std::unexpected(outcome.error());
  const auto good = std::ranges::count_if(outcome->records, &TransferRecord::hashes_equal);
  const auto mptcp = std::ranges::count_if(outcome->records, [](const TransferRecord& record) {
    return record.receiver.mptcp && record.sender.mptcp;
  });
  const auto both = std::ranges::count_if(outcome->records, [](const TransferRecord& record) {
    return std::ranges::count_if(record.receiver.subflows,
                                 [](const auto& s) { return s.octets > 0; }) >= 2;
  });
  run.measure("transfers_hash_equal", static_cast<double>(good), "count");
  run.measure("transfers_over_both_paths", static_cast<double>(both), "count");
  run.expect(holds("all hashes equal", good == kHosts));
  run.expect(holds("all transfers were MPTCP", mptcp == kHosts));
  run.expect(holds("all transfers used both paths", both == kHosts));
  run.progress.finish_step(fmt::format("{} of {} hashes equal", good, kHosts));
  return {};
}

}  // namespace

Scenario single_homed_4_scenario() {
  return {"single-homed-4", "A host with one interface uses four unequal uplinks",
          [] { return single_homed_topology({.uplinks = unequal_uplinks()}); },
          [](Scale) { return 5u; }, four_uplinks};
}

Scenario single_homed_16_scenario() {
  return {"single-homed-16", "Sixteen hosts on one LAN, two uplinks each",
          [] {
            auto uplinks = unequal_uplinks();
            uplinks.resize(2);
            return single_homed_topology({.uplinks = uplinks, .hosts = kHosts});
          },
          [](Scale) { return 2u; }, sixteen_hosts};
}

}  // namespace anabranch::lab
