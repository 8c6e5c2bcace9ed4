// SPDX-License-Identifier: MIT
// A brown-out: provider 1 drops what it should forward, in both directions, and goes on answering
// for itself. Only the gateway's probes beyond the next hop can see it. The host hears of it by a
// Router Advertisement and by the silence of its subflow, whichever is first.
#include "lab/scenario_brownout.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lab/cut_figures.hpp"
#include "lab/path_manager.hpp"
#include "lab/path_view.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

constexpr unsigned kBrownPath = 1;
constexpr double kNoticedBoundMs = 1800;
constexpr double kGapBoundMs = 800;
constexpr double kGapBoundWithPathsMs = 350;
constexpr double kUsedAgainBoundMs = 1500;
constexpr nanoseconds kBeforeLoss = seconds(3);
constexpr nanoseconds kLoss = seconds(5);
constexpr nanoseconds kAfter = seconds(5);
/// Back in use: this share of what the path carried before.
constexpr double kUsedShare = 0.5;

unsigned rounds(Scale scale) {
  return scale == Scale::kFull ? 10 : 1;
}

double milliseconds_of(nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

Result<void> in_shell(const Network& network, std::string_view node, const std::string& script) {
  const auto done = network.run(node, {"sh", "-c", script});
  if (!done) return std::unexpected(done.error());
  if (done->exit_code != 0) return fail(done->errors, std::string(node));
  return {};
}

/// Nothing is forwarded by provider 1 any more; what is for itself lives.
Result<void> lose_everything(const Network& network) {
  return in_shell(network, "isp1",
                  "nft 'add table inet brown; add chain inet brown forward "
                  "{ type filter hook forward priority 0; policy drop; }'");
}
Result<void> heal(const Network& network) {
  return in_shell(network, "isp1", "nft delete table inet brown");
}

/// What the gateway says of uplink 1: "up", "down", "fail-open"; empty when it does not answer.
std::string uplink_state(const Network& network) {
  const auto answer = network.ask("gateway", "gateway", "show");
  const auto json = answer ? nlohmann::json::parse(*answer, nullptr, false) : nlohmann::json();
  if (!json.is_object()) return {};
  for (const auto& uplink : json.value("uplinks", nlohmann::json::array()))
    if (uplink.value("index", 0u) == kBrownPath) return uplink.value("state", "");
  return {};
}

/// Time until the gateway says so, looked at every 20 ms.
Result<nanoseconds> until_state(const Network& network, bool up) {
  const auto start = MonotonicClock::now();
  ANABRANCH_TRY(wait_until(up ? "an uplink that is up again" : "an uplink that is known to be lost",
                           seconds(10), [&] {
                             const auto state = uplink_state(network);
                             return !state.empty() && (state == "up") == up;
                           }));
  return std::chrono::duration_cast<nanoseconds>(MonotonicClock::now() - start);
}

struct BrownFigures {
  double gap_ms = 0;
  double used_again_ms = 0;
};

/// `used_again_ms` is the whole span when the path does not come back.
Result<BrownFigures> brown_out(ScenarioRun& run, const std::string& manager, bool upload) {
  auto& network = run.network;
  const auto transfer = measure_transfer(
      run,
      fmt::format("MPTCP {}, provider 1 loses everything, {}", direction_name(upload), manager),
      {.client = "host",
       .server = "server",
       .server_address = kServerAddress,
       .upload = upload,
       .duration = kBeforeLoss + kLoss + kAfter,
       .sample_every = milliseconds(20)},
      2,
      {{"loses everything", {kBeforeLoss, [&network] { return lose_everything(network); }}},
       {"forwards again", {kBeforeLoss + kLoss, [&network] { return heal(network); }}}});
  if (!transfer) return std::unexpected(transfer.error());
  const auto& record = transfer->record();
  const std::int64_t lost = transfer->outcome.action_times[0];
  const std::int64_t healed = transfer->outcome.action_times[1];
  const std::int64_t end = record.receiver.last_ns;
  const auto usual = path_rate(record, kBrownPath, lost - nanoseconds(seconds(2)).count(), lost);
  const auto again =
      carries_again(record, kBrownPath, healed, end, {kUsedShare * usual.bits_per_second});
  const BrownFigures out{milliseconds_of(record.longest_gap(lost, healed)),
                         milliseconds_of(again.value_or(nanoseconds(end - healed)))};
  run.progress.finish_step(fmt::format("silence {:.0f} ms, path 1 {} {:.0f} ms", out.gap_ms,
                                       again ? "used again after" : "not used again in",
                                       out.used_again_ms));
  return out;
}

/// Without any traffic of ours: how soon the gateway knows, both ways.
Result<void> measure_notice(ScenarioRun& run) {
  run.progress.step("the gateway notices the loss, and the healing", seconds(4));
  ANABRANCH_TRY(lose_everything(run.network));
  const auto noticed = until_state(run.network, false);
  if (!noticed) return std::unexpected(noticed.error());
  ANABRANCH_TRY(heal(run.network));
  const auto restored = until_state(run.network, true);
  if (!restored) return std::unexpected(restored.error());
  run.measure("noticed_ms", milliseconds_of(*noticed), "ms");
  run.measure("restored_ms", milliseconds_of(*restored), "ms");
  run.expect(at_most("noticed_ms", milliseconds_of(*noticed), kNoticedBoundMs));
  run.progress.finish_step(fmt::format("after {:.0f} ms and {:.0f} ms", milliseconds_of(*noticed),
                                       milliseconds_of(*restored)));
  return {};
}

/// The prefix of path 1 is the site's own: when provider 1 is lost, the Internet finds it behind
/// provider 2.
Result<void> lose_provider(const Network& network) {
  ANABRANCH_TRY(lose_everything(network));
  ANABRANCH_TRY(in_shell(network, "isp2", "ip route replace 10.1.0.0/16 via 172.16.2.1"));
  return in_shell(network, "server", "ip route replace 10.1.0.0/16 via 172.20.2.1");
}
Result<void> heal_provider(const Network& network) {
  ANABRANCH_TRY(in_shell(network, "server", "ip route replace 10.1.0.0/16 via 172.20.1.1"));
  return heal(network);
}

/// A host that has TCP only, and only the first address: what runs goes on over the other uplink.
Result<void> tcp_survives(ScenarioRun& run, const HostPath& path) {
  auto& network = run.network;
  const auto transfer = measure_transfer(
      run, "Plain TCP on path 1, provider 1 loses everything",
      {.client = "host",
       .server = "server",
       .server_address = kServerAddress,
       .mptcp = false,
       .source = path.address,
       .duration = kBeforeLoss + kLoss + kAfter},
      2,
      {{"loses everything", {kBeforeLoss, [&network] { return lose_provider(network); }}},
       {"forwards again", {kBeforeLoss + kLoss, [&network] { return heal_provider(network); }}}});
  if (!transfer) return std::unexpected(transfer.error());
  const auto& record = transfer->record();
  const std::int64_t lost = transfer->outcome.action_times[0];
  const std::int64_t healed = transfer->outcome.action_times[1];
  const auto meanwhile = record.goodput(lost + kLoss.count() / 2, healed);
  run.measure("tcp_gap_ms", milliseconds_of(record.longest_gap(lost, healed)), "ms");
  run.measure("tcp_goodput_over_the_other", meanwhile.mbit(), "Mbit/s");
  run.expect(holds("plain TCP goes on over the other uplink (fail_open)", meanwhile.mbit() > 1));
  run.progress.finish_step(fmt::format("{} over the other uplink", mbit_text(meanwhile)));
  return {};
}

Result<void> brownout(ScenarioRun& run) {
  run.progress.step("host finds its paths", seconds(5));
  const auto ready = start_single_homed_roles(run.network);
  if (!ready) return std::unexpected(ready.error());
  ANABRANCH_TRY(until_state(run.network, true));
  const auto paths = host_paths(run.network, "host");
  if (!paths) return std::unexpected(paths.error());
  run.progress.finish_step(fmt::format("both after {:.1f} s", milliseconds_of(*ready) / 1000));
  ANABRANCH_TRY(measure_notice(run));
  for (const bool with_paths : {false, true}) {
    if (with_paths) ANABRANCH_TRY(start_manager(run.network, "host", Manager::kAnabranch));
    BrownFigures worst;
    for (unsigned round = 0; round < rounds(run.scale); ++round)
      for (const bool upload : {false, true}) {
        const auto figures =
            brown_out(run, with_paths ? "anabranch paths" : "the kernel's path manager", upload);
        if (!figures) return std::unexpected(figures.error());
        worst.gap_ms = std::max(worst.gap_ms, figures->gap_ms);
        worst.used_again_ms = std::max(worst.used_again_ms, figures->used_again_ms);
      }
    const std::string suffix = with_paths ? "_with_paths" : "";
    run.measure("failover_gap_ms" + suffix, worst.gap_ms, "ms");
    run.measure("used_again_ms" + suffix, worst.used_again_ms, "ms");
    run.expect(at_most("failover_gap_ms" + suffix, worst.gap_ms,
                       with_paths ? kGapBoundWithPathsMs : kGapBoundMs));
    if (with_paths)
      run.expect(at_most("used_again_ms" + suffix, worst.used_again_ms, kUsedAgainBoundMs));
  }
  return tcp_survives(run, paths->front());
}

}  // namespace

Scenario uplink_brownout_scenario() {
  return {"uplink-brownout", "Everything beyond an uplink's next hop is lost in mid-transfer",
          [] {
            return single_homed_topology(
                {.uplinks = {{.rate = BitRate::mbit(20), .delay = milliseconds(10)},
                             {.rate = BitRate::mbit(30), .delay = milliseconds(25)}},
                 .nat = "none",
                 .probes = true,
                 .fail_open = "isp2"});
          },
          [](Scale scale) { return 3 + 4 * rounds(scale); }, brownout};
}

}  // namespace anabranch::lab
