// SPDX-License-Identifier: MIT
#include "lab/fault_lease.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "lab/fault_transfer.hpp"
#include "lab/path_view.hpp"

namespace anabranch::lab {
namespace {

constexpr seconds kRounding{1};  ///< of what is left of a lease
/// From the end of the lease to the server's return, and what the transfer has left then.
constexpr milliseconds kWithout{1000};
constexpr seconds kAfterReturn{5};
constexpr milliseconds kBackBound{4000};

/// Of path 2, as the host role and its kernel have it.
bool path_2_is_gone(const Network& network) {
  const auto paths = host_paths(network, kFaultHost);
  const auto state = kernel_state(network, kFaultHost);
  return paths && state &&
         std::ranges::none_of(*paths,
                              [](const auto& path) { return path.index == 2 && path.up; }) &&
         std::ranges::none_of(*state,
                              [](const auto& line) { return line.starts_with("endpoint 10.2."); });
}

}  // namespace

Result<void> outlive_leases(ScenarioRun& run) {
  auto& network = run.network;
  const auto before = Intact::now(network);
  if (!before) return std::unexpected(before.error());
  // Path 1 is to outlive its lease, as a static address would: nobody is there to take it away.
  ANABRANCH_TRY(network.kill_role(kFaultHost, "udhcpc"));
  if (const auto stopped = network.stop_role("gateway", "gateway"); !stopped)
    return std::unexpected(stopped.error());
  const auto paths = host_paths(network, kFaultHost);
  if (!paths) return std::unexpected(paths.error());
  const auto path2 = std::ranges::find(*paths, 2u, &HostPath::index);
  if (path2 == paths->end() || path2->lease == seconds(0)) return fail("path 2 has no lease");

  bool gone = false;
  nanoseconds back{};
  std::string damage;
  const auto server_returns = [&]() -> Result<void> {
    gone = path_2_is_gone(network);
    const auto returned = MonotonicClock::now();
    ANABRANCH_TRY(network.start_role("gateway", "gateway"));
    const auto repaired = wait_until("the return of path 2", kAfterReturn, [&] {
      damage = before->damage(network);
      return damage.empty();
    });
    back = MonotonicClock::now() - returned;
    if (!repaired) run.progress.note("after the server's return: " + damage);
    return {};
  };
  const nanoseconds lease = path2->lease + kRounding;
  const auto transfer =
      measure_transfer(run, "DHCP server gone past T2 and the lease's end, upload",
                       fault_transfer(true, lease + kWithout + kAfterReturn), kFaultPaths,
                       {{"lease of path 2 ends", {lease, [] { return Result<void>{}; }}},
                        {"server returns", {lease + kWithout, server_returns}}});
  if (!transfer) return std::unexpected(transfer.error());
  const bool both = measure_outcome(run, "lease_end", *transfer, seconds(1));
  // T2 is behind it by then: it is at seven eighths of the lease.
  const std::int64_t ended = transfer->outcome.action_times.front();
  const auto late = octets_by_path(transfer->record(), ended - nanoseconds(seconds(3)).count(),
                                   ended - nanoseconds(milliseconds(1500)).count(), kFaultPaths);
  run.expect(holds("lease_end: path 2 carries past T2", late[1] > 0));
  const double back_ms = static_cast<double>(back.count()) / 1e6;
  run.measure("lease_end_repair", back_ms, "ms");
  run.expect(holds("lease_end: path 2 goes with its lease", gone));
  run.expect(at_most("lease_end_repair (ms)", back_ms, static_cast<double>(kBackBound.count())));
  run.expect(holds("lease_end: both paths carry again", both));
  run.progress.finish_step(fmt::format("{}, path 2 back after {:.0f} ms",
                                       mbit_text(transfer->record().goodput()), back_ms));
  return {};
}

}  // namespace anabranch::lab
