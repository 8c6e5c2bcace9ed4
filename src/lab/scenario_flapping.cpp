// SPDX-License-Identifier: MIT
#include "lab/scenario_flapping.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "lab/cut_figures.hpp"
#include "lab/flap_plan.hpp"
#include "lab/manager_traces.hpp"
#include "lab/path_manager.hpp"
#include "lab/path_view.hpp"
#include "lab/single_homed.hpp"
#include "lab/subflow_blows.hpp"
#include "lab/taken_address.hpp"
#include "lab/two_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr std::string_view kClient = "client";
constexpr unsigned kTransfers = 20;
/// After the last event: time to come back, then the tail that is measured.
constexpr nanoseconds kSettle = seconds(3);
constexpr nanoseconds kTail = seconds(3);
constexpr milliseconds kBeforeEnd{500};
/// A path that is made a backup has no subflow for some 600 ms: it is there if one look sees it.
constexpr int kLooks = 4;
constexpr milliseconds kBetweenLooks{400};
/// Subflows that have closed stay in the samples: with every event there are more of them.
constexpr seconds kSampleEvery{1};
/// A transfer that gets nothing for so long, although one path is well, is stuck.
constexpr double kStuckMs = 5000;
constexpr double kTailBound = 0.5;
constexpr double kMemoryToleranceKib = 256;
constexpr double kMemoryToleranceShare = 0.02;

const std::vector<LinkProfile>& profiles() {
  static const std::vector<LinkProfile> out = {
      {.rate = BitRate::mbit(20), .delay = milliseconds(10), .queue = milliseconds(50)},
      {.rate = BitRate::mbit(30), .delay = milliseconds(25), .queue = milliseconds(50)},
      {.rate = BitRate::mbit(10), .delay = milliseconds(15), .queue = milliseconds(50)}};
  return out;
}

unsigned path_count() {
  return static_cast<unsigned>(profiles().size());
}

/// Events of each batch of transfers. The first warms up what memory is compared with.
std::vector<unsigned> batches(Scale scale) {
  switch (scale) {
    case Scale::kQuick:
      return {5, 20};
    case Scale::kNormal:
      return {20, 100};
    case Scale::kFull:
      return {100, 200, 200, 200, 200, 200};
  }
  return {};
}

/// Ours, unless others are chosen.
std::vector<Manager> managers(const Choice& choice) {
  if (choice.only.empty()) return {Manager::kAnabranch};
  std::vector<Manager> out;
  for (const auto manager : kManagers)
    if (choice.wants(manager_name(manager), manager_names())) out.push_back(manager);
  return out;
}

/// What happened to one manager's transfers.
struct Figures {
  unsigned events = 0;
  unsigned transfers = 0;
  unsigned failed = 0;
  unsigned wrong = 0;  ///< not what was sent, or not MPTCP to the end
  double silence_ms = 0;
  unsigned pairs_wanted = 0;
  unsigned pairs = 0;     ///< of connection and path, established at the end of a batch
  double least_tail = 1;  ///< least share of its rate that a path carried at the end of a batch
};

/// Begins and ends events. What an address took with it is kept until it is put back.
class LinkEvents {
 public:
  explicit LinkEvents(Network& network) : network_(network) {}

  Result<void> begin(const PlannedEvent& event) {
    const std::string link = path_link(event.path);
    switch (event.event) {
      case LinkEvent::kSilent:
        return network_.wire().drop(link);
      case LinkEvent::kCarrier:
        return network_.wire().cut(link);
      case LinkEvent::kAddress: {
        auto taken = take_address(network_, kClient, client_interface(event.path));
        if (!taken) return std::unexpected(taken.error());
        taken_[event.path] = *std::move(taken);
        return {};
      }
      case LinkEvent::kReset:
        return strike(network_, {}, Blow::kReset, event.path);
    }
    return {};
  }

  Result<void> end(const PlannedEvent& event) {
    switch (event.event) {
      case LinkEvent::kSilent:
      case LinkEvent::kCarrier:
        return network_.wire().up(path_link(event.path));
      case LinkEvent::kAddress:
        return put_back(network_, kClient, taken_[event.path]);
      case LinkEvent::kReset:
        return lift_blows(network_, {}, event.path);
    }
    return {};
  }

 private:
  Network& network_;
  std::map<unsigned, TakenAddress> taken_;
};

std::vector<TimedAction> actions_of(const std::vector<PlannedEvent>& events, LinkEvents& links) {
  std::vector<TimedAction> out;
  for (const auto& event : events) {
    out.push_back({event.at, [&links, event] { return links.begin(event); }});
    out.push_back({event.ends(), [&links, event] { return links.end(event); }});
  }
  std::ranges::stable_sort(out, {}, &TimedAction::after);
  return out;
}

std::vector<TransferPlan> twenty_transfers(nanoseconds duration) {
  std::vector<TransferPlan> out;
  for (unsigned i = 0; i < kTransfers; ++i)
    out.push_back({.client = std::string(kClient),
                   .server = "server",
                   .server_address = kServerAddress,
                   .port = static_cast<std::uint16_t>(5001 + i),
                   .upload = i % 2 == 1,
                   .duration = duration,
                   .seed = i + 1,
                   .sample_every = kSampleEvery});
  return out;
}

/// The least share of its rate that any path carried, either way, from `from_ns` to `to_ns`.
double least_share(const TransferOutcome& outcome, std::int64_t from_ns, std::int64_t to_ns) {
  double least = 1e9;
  for (unsigned path = 1; path <= path_count(); ++path)
    for (const bool upload : {false, true}) {
      double mbit = 0;
      for (std::size_t i = upload ? 1 : 0; i < outcome.records.size(); i += 2)
        mbit += path_rate(outcome.records[i], path, from_ns, to_ns).mbit();
      least = std::min(least, mbit / profiles()[path - 1].rate.mbit());
    }
  return least;
}

void add_records(ScenarioRun& run, const TransferOutcome& outcome, Figures& figures) {
  for (std::size_t i = 0; i < outcome.records.size(); ++i) {
    const auto& record = outcome.records[i];
    ++figures.transfers;
    const auto silence = record.longest_gap(record.receiver.first_ns, record.receiver.last_ns);
    figures.silence_ms = std::max(figures.silence_ms, static_cast<double>(silence.count()) / 1e6);
    if (!record.failure.empty()) {
      ++figures.failed;
      run.progress.note(fmt::format("transfer {}: {}", i + 1, record.failure));
    } else if (!record.hashes_equal() || !record.sender.mptcp || !record.receiver.mptcp) {
      ++figures.wrong;
      run.progress.note(fmt::format(
          "transfer {}: {} octets sent, {} received, hashes {}, MPTCP to the end: sender {}, "
          "receiver {}",
          i + 1, record.sender.octets, record.receiver.octets,
          record.hashes_equal() ? "equal" : "differ", record.sender.mptcp, record.receiver.mptcp));
    }
  }
}

Result<void> run_batch(ScenarioRun& run, Manager manager, unsigned count, std::mt19937& random,
                       Figures& figures) {
  const auto events = plan_flaps(random, path_count(), count);
  LinkEvents links(run.network);
  auto actions = actions_of(events, links);
  const nanoseconds quiet = actions.back().after + kSettle;
  PathsInUse in_use;
  actions.push_back({quiet, [] { return Result<void>{}; }});
  for (int looks = kLooks - 1; looks >= 0; --looks)
    actions.push_back({quiet + kTail - looks * kBetweenLooks,
                       [&] { return add_paths_in_use(run.network, kClient, in_use); }});
  run.progress.step(
      fmt::format("{}: {} events under {} transfers", manager_name(manager), count, kTransfers),
      quiet + kTail + kBeforeEnd);
  LiveRows live(path_count());
  std::int64_t start = 0;
  const auto outcome = run_transfers(
      run.network, twenty_transfers(quiet + kTail + kBeforeEnd), actions,
      [&](std::size_t plan, const event::Sample& sample) {
        if (plan != 0) return;
        if (start == 0) start = sample.at_ns;
        run.progress.update(live.rows(sample), nanoseconds(sample.at_ns - start));
      },
      Failures::kRecord);
  if (!outcome) return std::unexpected(outcome.error());
  figures.events += count;
  add_records(run, *outcome, figures);
  const auto pairs = static_cast<unsigned>(in_use.size());
  figures.pairs += pairs;
  figures.pairs_wanted += kTransfers * path_count();
  double tail = 0;
  if (const auto& times = outcome->action_times; times.size() == actions.size())
    tail = least_share(*outcome, times[times.size() - 1 - kLooks], times.back());
  figures.least_tail = std::min(figures.least_tail, tail);
  run.progress.finish_step(fmt::format("{} of {} subflows there, the slowest path at {:.2f}", pairs,
                                       kTransfers * path_count(), tail));
  return {};
}

/// Once it has noticed that nothing is left.
Result<ManagerTraces> settled_traces(const Network& network, Manager manager) {
  Result<ManagerTraces> out = ManagerTraces{};
  (void)wait_until("the end of the connections", seconds(5), [&] {
    out = manager_traces(network, kClient, manager);
    return !out || out->connections == 0;
  });
  return out;
}

void report(ScenarioRun& run, Manager manager, const Figures& figures, const ManagerTraces& before,
            const ManagerTraces& warm, const ManagerTraces& after) {
  const std::string name(manager_name(manager));
  run.measure(name + "_events", figures.events, "count");
  run.measure(name + "_transfers", figures.transfers, "count");
  run.measure(name + "_failed_transfers", figures.failed, "count");
  run.measure(name + "_wrong_hashes", figures.wrong, "count");
  run.measure(name + "_longest_silence", figures.silence_ms, "ms");
  run.measure(name + "_subflows_missing_at_end", figures.pairs_wanted - figures.pairs, "count");
  run.measure(name + "_least_tail_share", figures.least_tail, "ratio");
  run.measure(name + "_resident_warm", warm.resident_kib, "KiB");
  run.measure(name + "_resident_growth", after.resident_kib - warm.resident_kib, "KiB");
  run.measure(name + "_descriptors", after.descriptors, "count");
  if (manager != Manager::kAnabranch) return;
  run.expect(at_most("transfers that failed", figures.failed, 0));
  run.expect(at_most("transfers with a wrong hash or without MPTCP", figures.wrong, 0));
  run.expect(at_most("longest silence of a transfer (ms)", figures.silence_ms, kStuckMs));
  run.expect(at_least("connections and paths with a subflow at the end / all",
                      static_cast<double>(figures.pairs) / figures.pairs_wanted, 1));
  run.expect(at_least("slowest path at the end / its rate", figures.least_tail, kTailBound));
  run.expect(at_most("connections it still shows", after.connections, 0));
  run.expect(at_most("listeners more than before", after.listeners - double(before.listeners), 0));
  run.expect(at_most("descriptors more than after the warm-up",
                     after.descriptors - double(warm.descriptors), 0));
  run.expect(at_most("resident memory more than after the warm-up (KiB)",
                     after.resident_kib - warm.resident_kib,
                     std::max(kMemoryToleranceKib, kMemoryToleranceShare * warm.resident_kib)));
}

Result<void> run_manager(ScenarioRun& run, Manager manager) {
  ANABRANCH_TRY(find_manager(manager));
  ANABRANCH_TRY(start_manager(run.network, kClient, manager));
  const auto before = manager_traces(run.network, kClient, manager);
  if (!before) return std::unexpected(before.error());
  Figures figures;
  std::mt19937 random(1);
  Result<ManagerTraces> warm = *before;
  bool first = true;
  for (const unsigned count : batches(run.scale)) {
    ANABRANCH_TRY(run_batch(run, manager, count, random, figures));
    if (first) warm = settled_traces(run.network, manager);
    if (!warm) return std::unexpected(warm.error());
    first = false;
  }
  const auto after = settled_traces(run.network, manager);
  if (!after) return std::unexpected(after.error());
  report(run, manager, figures, *before, *warm, *after);
  return stop_manager(run.network, kClient, manager);
}

Result<void> flapping(ScenarioRun& run) {
  for (const auto manager : managers(run.choice)) ANABRANCH_TRY(run_manager(run, manager));
  return {};
}

Result<nanoseconds> start_for_shell(Network& network) {
  const auto start = MonotonicClock::now();
  ANABRANCH_TRY(start_manager(network, kClient, Manager::kAnabranch));
  return MonotonicClock::now() - start;
}

}  // namespace

Scenario flapping_scenario() {
  return {.name = "flapping",
          .title = "Twenty transfers while three paths come and go",
          .topology = [] { return two_homed_topology({.paths = profiles()}); },
          .steps = [](Scale scale) { return static_cast<unsigned>(batches(scale).size()); },
          .body = flapping,
          .start = start_for_shell,
          .words = manager_names()};
}

}  // namespace anabranch::lab
