// SPDX-License-Identifier: MIT
#include "lab/balanced_churn.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "lab/balanced.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

constexpr unsigned kFirstServers = kChurnServers - 1;
constexpr unsigned kDrainedServer = 1;
constexpr unsigned kKilledServer = 2;
constexpr unsigned kLoad = 4;
constexpr nanoseconds kLoadPause = milliseconds(50);
/// Of a held connection between two pieces, for each of them: together they fetch at most 200
/// pieces in a second.
constexpr nanoseconds kPauseForEach = milliseconds(5);
constexpr nanoseconds kPlainJoinPatience = milliseconds(300);
/// A connection that brings nothing for so long is broken. TCP itself comes back to a subflow after
/// 0.2, 0.6, 1.4 s and so on.
constexpr nanoseconds kSilence = seconds(5);
constexpr nanoseconds kPatience = seconds(60);

unsigned of_server(const DownloadReport& report, unsigned server) {
  const auto found = report.broken.find(server);
  return found == report.broken.end() ? 0 : found->second;
}

class Churn {
 public:
  Churn(ScenarioRun& run, const ChurnCase& of, const Piece& piece, unsigned connections)
      : network_(run.network), of_(of), piece_(piece), connections_(connections) {
    file_ = {.cure = of.cure,
             .family = of.family,
             .weights = std::vector<unsigned>(kFirstServers, 1),
             .memory = of.memory};
  }

  Result<ChurnFigures> run() {
    ANABRANCH_TRY(start());
    for (const auto event : kChurnEvents) {
      ANABRANCH_TRY(act(event));
      const auto held_before = held_seen_;
      const auto load_before = load_seen_;
      ANABRANCH_TRY(go_on());
      out_.broken[static_cast<std::size_t>(event)] =
          broken_between(event, held_before, held_seen_, load_before, load_seen_);
      ANABRANCH_TRY(count_new_connections(event));
    }
    ANABRANCH_TRY(end());
    return out_;
  }

 private:
  Result<void> start() {
    auto with_the_last = file_;
    with_the_last.weights.resize(kChurnServers, 1);
    ANABRANCH_TRY(tell_of_joins(network_, with_the_last));
    ANABRANCH_TRY(start_balancer(network_, file_));
    const auto& how = traits(of_.cure);
    DownloadOptions options{.service = {service_address(of_.family), kServicePort},
                            .sha256 = piece_.sha256,
                            .live = connections_,
                            .total = connections_,
                            .joins = how.further_subflows(),
                            .join_patience = how.cures() ? seconds(10) : kPlainJoinPatience,
                            .pause = kPauseForEach * connections_,
                            .patience = kSilence};
    auto held = Visitors::start(network_, options);
    if (!held) return std::unexpected(held.error());
    held_ = *std::move(held);
    options.live = kLoad;
    options.total = 0;
    options.pieces = 1;
    options.joins = 0;
    options.pause = kLoadPause;
    auto load = Visitors::start(network_, options);
    if (!load) return std::unexpected(load.error());
    load_ = *std::move(load);
    ANABRANCH_TRY(go_on());
    if (held_seen_.live != connections_)
      return fail(fmt::format("{} of {} connections came about: {}", held_seen_.live, connections_,
                              held_seen_.last_failure));
    return {};
  }

  Result<void> go_on() {
    const auto held = held_.mark(kPatience);
    if (!held) return std::unexpected(held.error());
    const auto load = load_.mark(kPatience);
    if (!load) return std::unexpected(load.error());
    held_seen_ = *held;
    load_seen_ = *load;
    return {};
  }

  Result<void> act(ChurnEvent event) {
    auto& weights = file_.weights;
    switch (event) {
      case ChurnEvent::kServerAdded:
        weights.push_back(1);
        return reload();
      case ChurnEvent::kServerDrained:
        weights[kDrainedServer - 1] = 0;
        return reload();
      case ChurnEvent::kRingChanged:
        weights = {0, 1, 3, 2, 1};
        return reload();
      case ChurnEvent::kBalancerKilled:
        return kill_balancer(network_);
      case ChurnEvent::kBalancerBack:
        return start_balancer(network_, file_);
      case ChurnEvent::kBalancerRestarted:
        ANABRANCH_TRY(stop_balancer(network_));
        return start_balancer(network_, file_);
      case ChurnEvent::kServerKilled:
        // Silence, not the resets that a kernel sends for a dead process.
        ANABRANCH_TRY(network_.plug(balanced_server(kKilledServer), "eth0", false));
        ANABRANCH_TRY(network_.kill_role(balanced_server(kKilledServer), "nginx"));
        weights[kKilledServer - 1] = 0;
        return reload();
    }
    return {};
  }

  Result<void> reload() { return reload_balancer(network_, file_); }

  /// Once the drain is over there is nothing under way to that server.
  Result<void> count_new_connections(ChurnEvent event) {
    if (event != ChurnEvent::kServerDrained && event != kChurnEvents.back()) return {};
    const auto counters = server_counters(network_, kChurnServers);
    if (!counters) return std::unexpected(counters.error());
    if (event == ChurnEvent::kServerDrained) {
      drained_ = *counters;
      return {};
    }
    const auto since = difference(*counters, drained_);
    out_.to_drained = since[kDrainedServer - 1].capable;
    out_.to_added = since[kChurnServers - 1].capable;
    return {};
  }

  Result<void> end() {
    const auto held = held_.end(kPatience);
    if (!held) return std::unexpected(held.error());
    const auto load = load_.end(kPatience);
    if (!load) return std::unexpected(load.error());
    out_.held = connections_;
    out_.joined = held->joined;
    out_.wrong = held->wrong + load->wrong;
    out_.pieces = held->pieces + load->pieces;
    out_.loaded = load->done;
    ANABRANCH_TRY(remove_balancer(network_));
    ANABRANCH_TRY(network_.plug(balanced_server(kKilledServer), "eth0", true));
    return start_web_servers(network_, kKilledServer, kKilledServer, piece_);
  }

  Network& network_;
  const ChurnCase& of_;
  const Piece& piece_;
  unsigned connections_;
  BalancerFile file_;
  Visitors held_;
  Visitors load_;
  DownloadReport held_seen_;
  DownloadReport load_seen_;
  std::vector<ServerCounters> drained_;
  ChurnFigures out_;
};

}  // namespace

std::string_view memory_word(Memory memory) {
  switch (memory) {
    case Memory::kTable:
      return "table";
    case Memory::kNone:
      return "stateless";
    case Memory::kChain:
      return "chain";
  }
  return "";
}

std::string ChurnCase::name() const {
  return fmt::format("{}_{}_{}", traits(cure).word, memory_word(memory), family_word(family));
}

std::string_view event_text(ChurnEvent event) {
  switch (event) {
    case ChurnEvent::kServerAdded:
      return "server added";
    case ChurnEvent::kServerDrained:
      return "server drained";
    case ChurnEvent::kRingChanged:
      return "weights changed";
    case ChurnEvent::kBalancerKilled:
      return "balancer killed";
    case ChurnEvent::kBalancerBack:
      return "balancer back";
    case ChurnEvent::kBalancerRestarted:
      return "balancer restarted";
    case ChurnEvent::kServerKilled:
      return "server killed";
  }
  return "";
}

Broken& Broken::operator+=(const Broken& other) {
  held += other.held;
  subflows += other.subflows;
  short_ones += other.short_ones;
  killed_servers += other.killed_servers;
  return *this;
}

Broken ChurnFigures::all_broken() const {
  Broken out;
  for (const auto& one : broken) out += one;
  return out;
}

Broken broken_between(ChurnEvent event, const DownloadReport& held_before,
                      const DownloadReport& held_after, const DownloadReport& load_before,
                      const DownloadReport& load_after) {
  Broken out{.held = held_after.all_broken() - held_before.all_broken(),
             .subflows = held_after.lost_subflows - held_before.lost_subflows,
             .short_ones = load_after.all_broken() - load_before.all_broken()};
  if (event != ChurnEvent::kServerKilled) return out;
  for (const unsigned server : {0U, kKilledServer}) {
    const auto held = of_server(held_after, server) - of_server(held_before, server);
    const auto load = of_server(load_after, server) - of_server(load_before, server);
    out.held -= held;
    out.short_ones -= load;
    out.killed_servers += held + load;
  }
  return out;
}

Result<ChurnFigures> run_churn(ScenarioRun& run, const ChurnCase& of, const Piece& piece,
                               unsigned connections) {
  return Churn(run, of, piece, connections).run();
}

}  // namespace anabranch::lab
