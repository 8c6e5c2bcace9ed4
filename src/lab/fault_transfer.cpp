// SPDX-License-Identifier: MIT
#include "lab/fault_transfer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "lab/path_view.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {

Result<Intact> Intact::now(const Network& network) {
  auto host = kernel_state(network, kFaultHost);
  if (!host) return std::unexpected(host.error());
  auto gateway = kernel_state(network, "gateway");
  if (!gateway) return std::unexpected(gateway.error());
  Intact out;
  out.host_ = *std::move(host);
  out.gateway_ = *std::move(gateway);
  return out;
}

std::string Intact::damage(const Network& network) const {
  const auto host = kernel_state(network, kFaultHost);
  const auto gateway = kernel_state(network, "gateway");
  if (!host || !gateway) return "the kernel does not answer";
  if (*host != host_) return "host: " + difference_text(host_, *host);
  if (*gateway != gateway_) return "gateway: " + difference_text(gateway_, *gateway);
  if (!has_every_path(network, kFaultHost)) return "the host role has not every path up";
  if (!gateway_dhcp(network).running) return "the gateway's DHCP does not run";
  return {};
}

TransferPlan fault_transfer(bool upload, nanoseconds duration) {
  return {.client = std::string(kFaultHost),
          .server = "server",
          .server_address = kServerAddress,
          .upload = upload,
          .duration = duration};
}

bool measure_outcome(ScenarioRun& run, const std::string& name, const MeasuredTransfer& transfer,
                     nanoseconds tail) {
  const auto& record = transfer.record();
  const std::int64_t end = record.receiver.last_ns;
  run.measure(name + "_goodput", record.goodput().mbit(), "Mbit/s");
  if (!transfer.outcome.action_times.empty())
    run.measure(name + "_gap",
                static_cast<double>(
                    record.longest_gap(transfer.outcome.action_times.front(), end).count()) /
                    1e6,
                "ms");
  const auto octets = octets_by_path(record, end - tail.count(), end, kFaultPaths);
  for (unsigned i = 0; i < kFaultPaths; ++i)
    run.measure(fmt::format("{}_tail_path{}", name, i + 1), static_cast<double>(octets[i]),
                "octets");
  return std::ranges::all_of(octets, [](std::uint64_t path) { return path > 0; });
}

}  // namespace anabranch::lab
