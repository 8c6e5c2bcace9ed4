// SPDX-License-Identifier: MIT
// Every lane, that is every pair of paths in either direction, has a client and a server of its
// own, so that several are measured at once. In a round each has its plain TCPs and then, with
// every path manager in turn, its MPTCP transfers: what is compared was measured within minutes of
// each other on the same machine.
#include "lab/scenario_never_worse.hpp"

#include <algorithm>
#include <fstream>
#include <functional>

#include <fmt/format.h>

#include "lab/never_worse.hpp"
#include "lab/never_worse_plan.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"
#include "lab/two_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr seconds kMeasured{10};
constexpr seconds kStart{3};
/// Over each path, before a measurement with known paths.
constexpr seconds kWarmUp{2};
/// From the end of what is measured to the cut, so that transfers that start late are not hit.
constexpr seconds kBeforeCut{1};
constexpr milliseconds kCut{2200};
/// The sender goes on a little longer than is measured.
constexpr milliseconds kMargin{300};
/// A step in which the emulator lost frames of its own, or TCP did not fill the links, is repeated
/// this often at most.
constexpr unsigned kRepeats = 2;

/// Plain TCP over both paths of a pair.
struct Reference {
  BitRate best;
  BitRate best_start;
  BitRate sum;
};

/// Share of the machine's processors that was idle since this object was made.
class IdleWatch {
 public:
  IdleWatch() : before_(read()) {}
  double share() const {
    const auto now = read();
    const double all = now.all - before_.all;
    return all > 0 ? (now.idle - before_.idle) / all : 1;
  }

 private:
  struct Times {
    double idle = 0;
    double all = 0;
  };
  static Times read() {
    std::ifstream file("/proc/stat");
    std::string word;
    file >> word;
    Times out;
    double value = 0;
    for (unsigned column = 0; column < 8 && file >> value; ++column) {
      out.all += value;
      if (column == 3 || column == 4) out.idle += value;  // idle, waiting for a disk
    }
    return out;
  }
  Times before_;
};

class NeverWorse {
 public:
  explicit NeverWorse(ScenarioRun& run)
      : run_(run), plan_(never_worse_plan(run.scale, run.choice)) {}

  Result<void> measure() {
    leave_out_what_is_missing();
    run_.progress.set_steps(plan_.steps());
    for (unsigned round = 0; round < plan_.rounds; ++round)
      for (const auto& batch : plan_.batches) ANABRANCH_TRY(measure_batch(round, batch));
    run_.measure("rounds", plan_.rounds, "count");
    run_.measure("subflow_limits", limited_ ? 1 : 0, "count");
    run_.measure("measurements_repeated", repeated_, "count");
    run_.measure("processor_idle_least", least_idle_, "ratio");
    judge_never_worse(figures_, limited_, run_.result);
    return {};
  }

 private:
  using Batch = std::vector<Lane>;

  void leave_out_what_is_missing() {
    std::erase_if(plan_.managers, [&](Manager manager) {
      const auto found = find_manager(manager);
      if (!found) run_.progress.note("left out: " + found.error().text());
      return !found;
    });
  }

  Result<void> measure_batch(unsigned round, const Batch& batch) {
    const auto number = &batch - plan_.batches.data() + 1;
    const auto title = [&](const std::string& what) {
      return fmt::format("round {}, part {}: {}", round + 1, number, what);
    };
    run_.progress.step(title("plain TCP"), duration(false));
    const auto references = measure_tcp(batch);
    if (!references) return std::unexpected(references.error());
    for (std::size_t i = 0; i < plan_.managers.size(); ++i) {
      // Each round begins with another one: none is always the last after a busy minute.
      const auto manager = plan_.managers[(i + round) % plan_.managers.size()];
      for (const auto what : plan_.knowledge) {
        if (!plan_.takes(manager, what)) continue;
        const bool cut = (round + (what == Knowledge::kKnown ? 0 : 1)) % 2 == 0;
        run_.progress.step(title(fmt::format("{}, paths {}{}", manager_name(manager),
                                             knowledge_name(what), cut ? ", cut" : "")),
                           duration(cut));
        ANABRANCH_TRY(measure_mptcp(manager, what, cut, batch, *references));
      }
    }
    return {};
  }

  nanoseconds duration(bool cut) const {
    return cut ? kMeasured + kBeforeCut + kCut + kMargin : nanoseconds(kMeasured + kMargin);
  }

  Result<std::vector<Reference>> measure_tcp(const Batch& batch) {
    std::vector<TransferPlan> plans;
    for (const auto& lane : batch)
      for (const unsigned path : {1u, 2u}) {
        auto plan = transfer(lane, duration(false), client_address(path));
        plan.mptcp = false;
        plan.port = static_cast<std::uint16_t>(5000 + path);
        plans.push_back(std::move(plan));
      }
    const auto outcome = undisturbed(
        batch, [&] { return run_transfers(run_.network, plans); },
        [&](const TransferOutcome& done) { return links_filled(batch, done); });
    if (!outcome) return std::unexpected(outcome.error());
    std::vector<Reference> out;
    std::string text;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto& first = outcome->records[2 * i];
      const auto& second = outcome->records[2 * i + 1];
      const auto one = goodput(first, kMeasured);
      const auto two = goodput(second, kMeasured);
      const auto& best = one > two ? first : second;
      out.push_back(
          {std::max(one, two), goodput(best, kStart), {one.bits_per_second + two.bits_per_second}});
      figures_.tcp_mbit[{batch[i].upload, batch[i].pair}].push_back(out.back().best.mbit());
      text += fmt::format("{}{} {:.1f}+{:.1f}", i == 0 ? "" : ", ", batch[i].name(), one.mbit(),
                          two.mbit());
    }
    run_.progress.finish_step(text + " Mbit/s");
    return out;
  }

  Result<void> measure_mptcp(Manager manager, Knowledge what, bool cut, const Batch& batch,
                             const std::vector<Reference>& references) {
    const auto outcome = undisturbed(batch, [&]() -> Result<TransferOutcome> {
      ANABRANCH_TRY(start_afresh(manager, batch));
      if (what == Knowledge::kKnown && manager == Manager::kAnabranch)
        ANABRANCH_TRY(warm_up(batch));
      auto done = transfer_all(what, cut, batch);
      if (!done) return done;
      for (const auto& lane : batch)
        ANABRANCH_TRY(stop_manager(run_.network, lane.client(), manager));
      return done;
    });
    if (!outcome) return std::unexpected(outcome.error());
    std::string text;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto& record = outcome->records[i];
      ANABRANCH_TRY(check(manager, batch[i], record));
      const auto rate = goodput(record, kMeasured);
      NeverWorseRun figures{
          .whole = rate.mbit() / references[i].best.mbit(),
          .start = goodput(record, kStart).mbit() / references[i].best_start.mbit(),
          .share = rate.mbit() / references[i].sum.mbit()};
      if (cut)
        figures.silence_ms = static_cast<double>(record
                                                     .longest_gap(outcome->action_times[i],
                                                                  outcome->action_times[i] +
                                                                      nanoseconds(kCut).count())
                                                     .count()) /
                             1e6;
      text += fmt::format("{}{} {:.2f} ({:.2f}) slow {:.0f} %", i == 0 ? "" : ", ", batch[i].name(),
                          figures.whole, figures.start, 100 * slow_share(record));
      if (figures.silence_ms) text += fmt::format(" {:.0f} ms", *figures.silence_ms);
      figures_.runs[{what, batch[i].upload, batch[i].pair, manager}].push_back(figures);
    }
    run_.progress.finish_step(text);
    return {};
  }

  Result<void> start_afresh(Manager manager, const Batch& batch) {
    for (const auto& lane : batch) {
      ANABRANCH_TRY(forget_manager_state(lane.client()));
      ANABRANCH_TRY(start_manager(run_.network, lane.client(), manager, plan_.limits));
      if (manager == Manager::kAnabranch)
        limited_ = has_subflow_limits(run_.network, lane.client());
    }
    return {};
  }

  /// A short transfer that begins on each path.
  Result<void> warm_up(const Batch& batch) {
    for (const unsigned path : {1u, 2u}) {
      std::vector<TransferPlan> plans;
      for (const auto& lane : batch) plans.push_back(transfer(lane, kWarmUp, client_address(path)));
      const auto done = run_transfers(run_.network, plans);
      if (!done) return std::unexpected(done.error());
    }
    return {};
  }

  Result<TransferOutcome> transfer_all(Knowledge what, bool cut, const Batch& batch) {
    std::vector<TransferPlan> plans;
    std::vector<TimedAction> cuts;
    std::vector<TimedAction> repairs;
    auto& wire = run_.network.wire();
    for (const auto& lane : batch) {
      const auto source =
          what == Knowledge::kUnknown ? std::optional(client_address(2)) : std::nullopt;
      plans.push_back(transfer(lane, duration(cut), source));
      const auto link = path_link(1, lane.suffix());
      const nanoseconds at = kMeasured + kBeforeCut;
      cuts.push_back({at, [&wire, link] { return wire.drop(link); }});
      // Before the end, or what is still queued would drain over the slow path for minutes.
      repairs.push_back({at + kCut, [&wire, link] { return wire.up(link); }});
    }
    if (!cut) return run_transfers(run_.network, plans);
    cuts.insert(cuts.end(), repairs.begin(), repairs.end());
    return run_transfers(run_.network, plans, cuts);
  }

  static Result<void> check(Manager manager, const Lane& lane, const TransferRecord& record) {
    const auto who = fmt::format("{}, {}", lane.name(), manager_name(manager));
    if (!record.hashes_equal()) return fail("a transfer did not arrive as it was sent", who);
    if (!record.sender.mptcp || !record.receiver.mptcp)
      return fail("a transfer did not use MPTCP to its end", who);
    if (manager != Manager::kAnabranch && record.receiver.subflows.size() < 2)
      return fail("the path manager opened no second subflow", who);
    return {};
  }

  static TransferPlan transfer(const Lane& lane, nanoseconds time,
                               std::optional<IpAddress> source) {
    return {.client = lane.client(),
            .server = lane.server(),
            .server_address = kServerAddress,
            .upload = lane.upload,
            .source = source,
            .duration = time,
            .seed = lane.pair + 1};
  }

  /// Of what the subflows carried.
  static double slow_share(const TransferRecord& record) {
    double slow = 0;
    double all = 0;
    for (const auto& subflow : record.receiver.subflows) {
      const auto octets = static_cast<double>(subflow.octets);
      all += octets;
      if (path_of(subflow.local, subflow.remote) == 2) slow += octets;
    }
    return all > 0 ? slow / all : 0;
  }

  static BitRate goodput(const TransferRecord& record, nanoseconds time) {
    return record.goodput(record.receiver.first_ns, record.receiver.first_ns + time.count());
  }

  /// Frames that were lost by the emulation itself, on both paths of all pairs.
  Result<std::uint64_t> relay_losses(const Batch& batch) {
    std::uint64_t out = 0;
    for (const auto& lane : batch)
      for (const unsigned path : {1u, 2u}) {
        const auto counters = run_.network.wire().counters(path_link(path, lane.suffix()));
        if (!counters) return std::unexpected(counters.error());
        out += counters->a_to_b.dropped_relay + counters->b_to_a.dropped_relay;
      }
    return out;
  }

  /// By the TCPs over the fast paths.
  static bool links_filled(const Batch& batch, const TransferOutcome& outcome) {
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (goodput(outcome.records[2 * i], kMeasured).mbit() <
          kTcpShareBound * path_pairs()[batch[i].pair].fast.rate.mbit())
        return false;
    return true;
  }

  /// Runs `work`, and again when the machine was too busy to carry the frames in time.
  template <typename Work>
  Result<TransferOutcome> undisturbed(
      const Batch& batch, Work work,
      const std::function<bool(const TransferOutcome&)>& accept = {}) {
    for (unsigned left = kRepeats;; --left) {
      const auto before = relay_losses(batch);
      if (!before) return std::unexpected(before.error());
      const IdleWatch idle;
      auto outcome = work();
      if (!outcome) return outcome;
      const auto after = relay_losses(batch);
      if (!after) return std::unexpected(after.error());
      const bool good = *after == *before && (!accept || accept(*outcome));
      if (good || left == 0) {
        least_idle_ = std::min(least_idle_, idle.share());
        return outcome;
      }
      run_.progress.note(
          fmt::format("repeated, the machine is busy: {} frames lost by the "
                      "emulator, processors {:.0f} % idle",
                      *after - *before, 100 * idle.share()));
      ++repeated_;
    }
  }

  ScenarioRun& run_;
  NeverWorsePlan plan_;
  NeverWorseFigures figures_;
  bool limited_ = false;  ///< our path manager could limit what subflows queue
  unsigned repeated_ = 0;
  double least_idle_ = 1;
};

Topology topology() {
  Topology out;
  for (const auto& lane : all_lanes()) {
    const auto& pair = path_pairs()[lane.pair];
    add_two_homed(out, {.paths = {pair.fast, pair.slow}, .suffix = lane.suffix()});
  }
  return out;
}

/// For `lab shell`: every client with our path manager.
Result<nanoseconds> start(Network& network) {
  const auto begin = MonotonicClock::now();
  for (const auto& lane : all_lanes())
    ANABRANCH_TRY(start_manager(network, lane.client(), Manager::kAnabranch));
  return std::chrono::duration_cast<nanoseconds>(MonotonicClock::now() - begin);
}

}  // namespace

Scenario never_worse_scenario() {
  return {.name = "never-worse",
          .title = "Unequal paths together carry no less than the best of them alone",
          .topology = topology,
          .steps = [](Scale scale) { return never_worse_plan(scale, {}).steps(); },
          .body = [](ScenarioRun& run) { return NeverWorse(run).measure(); },
          .start = start,
          .words = never_worse_words()};
}

}  // namespace anabranch::lab
