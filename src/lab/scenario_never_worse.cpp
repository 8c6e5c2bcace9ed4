// SPDX-License-Identifier: MIT
// Every pair of paths has a client and a server of its own, so that several pairs are measured at
// once. In a round each pair has its plain TCPs and then, with every path manager in turn, its
// MPTCP transfers: what is compared was measured within minutes on the same machine.
#include "lab/scenario_never_worse.hpp"

#include <algorithm>
#include <array>
#include <fstream>

#include <fmt/format.h>

#include "kernel/features.hpp"
#include "lab/never_worse.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"
#include "lab/two_homed.hpp"

namespace anabranch::lab {
namespace {

/// More would keep two processors too busy to measure on.
constexpr std::size_t kPairsAtOnce = 5;
constexpr seconds kStart{3};
/// Over each path, before a measurement with known paths.
constexpr seconds kWarmUp{2};
/// From the end of what is measured to the cut, so that transfers that start late are not hit.
constexpr seconds kBeforeCut{1};
constexpr milliseconds kCut{2200};
/// The sender goes on a little longer than is measured.
constexpr milliseconds kMargin{300};
/// A measurement during which the emulator lost frames of its own is repeated this often at most.
constexpr unsigned kRepeats = 2;

constexpr std::array<std::string_view, 2> kDirections = {"download", "upload"};
constexpr std::array<std::string_view, 2> kKnowledge = {"known", "unknown"};
constexpr std::array kQuickPairs = {std::string_view("A"), std::string_view("C"),
                                    std::string_view("F")};

std::vector<std::string_view> pair_names() {
  std::vector<std::string_view> out;
  for (const auto& pair : path_pairs()) out.push_back(pair.name);
  return out;
}

std::vector<std::string_view> manager_names() {
  std::vector<std::string_view> out;
  for (const auto manager : kManagers) out.push_back(manager_name(manager));
  return out;
}

std::string client_of(std::size_t pair) {
  return "client" + std::string(path_pairs()[pair].name);
}

/// What will be measured, from the scale and what was chosen.
struct Plan {
  seconds measured{10};
  unsigned rounds = 0;
  bool peers_in_the_unknown = true;
  std::vector<std::vector<std::size_t>> batches;
  std::vector<bool> uploads;
  std::vector<Manager> managers;
  std::vector<Knowledge> knowledge;

  bool takes(Manager manager, Knowledge what) const {
    return peers_in_the_unknown || what == Knowledge::kKnown || manager == Manager::kAnabranch;
  }
  unsigned steps() const {
    std::size_t each = 1;  // TCP
    for (const auto manager : managers)
      each += static_cast<std::size_t>(
          std::ranges::count_if(knowledge, [&](auto what) { return takes(manager, what); }));
    return static_cast<unsigned>(rounds * uploads.size() * batches.size() * each);
  }
};

Plan plan_for(Scale scale, const Choice& choice) {
  const bool quick = scale == Scale::kQuick;
  Plan plan{.measured = quick ? seconds(6) : seconds(10),
            .rounds = quick                   ? 1u
                      : scale == Scale::kFull ? 10u
                                              : 2u,
            .peers_in_the_unknown = !quick,
            .batches = {},
            .uploads = {},
            .managers = {},
            .knowledge = {}};
  if (choice.runs > 0) plan.rounds = choice.runs;
  const auto names = pair_names();
  const bool chosen = std::ranges::any_of(names, [&](std::string_view name) {
    return std::ranges::find(choice.only, name) != choice.only.end();
  });
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!choice.wants(names[i], names)) continue;
    if (quick && !chosen && std::ranges::find(kQuickPairs, names[i]) == kQuickPairs.end()) continue;
    if (plan.batches.empty() || plan.batches.back().size() == kPairsAtOnce)
      plan.batches.emplace_back();
    plan.batches.back().push_back(i);
  }
  for (const bool upload : {false, true})
    if (choice.wants(direction_name(upload), kDirections)) plan.uploads.push_back(upload);
  for (const auto manager : kManagers)
    if (choice.wants(manager_name(manager), manager_names())) plan.managers.push_back(manager);
  for (const auto what : {Knowledge::kUnknown, Knowledge::kKnown})
    if (choice.wants(knowledge_name(what), kKnowledge)) plan.knowledge.push_back(what);
  return plan;
}

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
  explicit NeverWorse(ScenarioRun& run) : run_(run), plan_(plan_for(run.scale, run.choice)) {}

  Result<void> measure() {
    run_.progress.set_steps(plan_.steps());
    for (unsigned round = 0; round < plan_.rounds; ++round)
      for (const bool upload : plan_.uploads)
        for (const auto& batch : plan_.batches) ANABRANCH_TRY(measure_batch(round, upload, batch));
    run_.measure("rounds", plan_.rounds, "count");
    run_.measure("measurements_repeated", repeated_, "count");
    run_.measure("processor_idle_least", least_idle_, "ratio");
    judge_never_worse(figures_, can_load_bpf(), run_.result);
    return {};
  }

 private:
  using Batch = std::vector<std::size_t>;

  static bool can_load_bpf() {
    const auto features = kernel::probe_features();
    return std::ranges::any_of(features, [](const kernel::Feature& feature) {
      return feature.name == "bpf" && feature.state == kernel::FeatureState::kOk;
    });
  }

  Result<void> measure_batch(unsigned round, bool upload, const Batch& batch) {
    std::string names;
    for (const auto pair : batch)
      names += (names.empty() ? "" : " ") + std::string(path_pairs()[pair].name);
    const auto title = [&](const std::string& what) {
      return plan_.rounds == 1 ? fmt::format("{} of {}, {}", direction_name(upload), names, what)
                               : fmt::format("round {}: {} of {}, {}", round + 1,
                                             direction_name(upload), names, what);
    };
    run_.progress.step(title("plain TCP"), plan_.measured);
    const auto references = measure_tcp(upload, batch);
    if (!references) return std::unexpected(references.error());
    for (std::size_t i = 0; i < plan_.managers.size(); ++i) {
      // Each round begins with another one: none is always the last after a busy minute.
      const auto manager = plan_.managers[(i + round) % plan_.managers.size()];
      for (const auto what : plan_.knowledge) {
        if (!plan_.takes(manager, what)) continue;
        const bool cut = (round + (upload ? 1 : 0) + (what == Knowledge::kKnown ? 1 : 0)) % 2 == 0;
        run_.progress.step(title(fmt::format("{}, paths {}{}", manager_name(manager),
                                             knowledge_name(what), cut ? ", cut" : "")),
                           duration(cut));
        ANABRANCH_TRY(measure_mptcp(manager, what, upload, cut, batch, *references));
      }
    }
    return {};
  }

  nanoseconds duration(bool cut) const {
    return cut ? plan_.measured + kBeforeCut + kCut + kMargin
               : nanoseconds(plan_.measured + kMargin);
  }

  Result<std::vector<Reference>> measure_tcp(bool upload, const Batch& batch) {
    std::vector<TransferPlan> plans;
    for (const auto pair : batch)
      for (const unsigned path : {1u, 2u}) {
        auto plan = transfer(pair, upload, duration(false), client_address(path));
        plan.mptcp = false;
        plan.port = static_cast<std::uint16_t>(5000 + path);
        plans.push_back(std::move(plan));
      }
    const auto outcome = undisturbed(batch, [&] { return run_transfers(run_.network, plans); });
    if (!outcome) return std::unexpected(outcome.error());
    std::vector<Reference> out;
    std::string text;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto& first = outcome->records[2 * i];
      const auto& second = outcome->records[2 * i + 1];
      const auto one = goodput(first, plan_.measured);
      const auto two = goodput(second, plan_.measured);
      const auto& best = one > two ? first : second;
      out.push_back(
          {std::max(one, two), goodput(best, kStart), {one.bits_per_second + two.bits_per_second}});
      figures_.tcp_mbit[{upload, batch[i]}].push_back(out.back().best.mbit());
      text += fmt::format("{}{} {:.1f}+{:.1f}", i == 0 ? "" : ", ", path_pairs()[batch[i]].name,
                          one.mbit(), two.mbit());
    }
    run_.progress.finish_step(text + " Mbit/s");
    return out;
  }

  Result<void> measure_mptcp(Manager manager, Knowledge what, bool upload, bool cut,
                             const Batch& batch, const std::vector<Reference>& references) {
    const auto outcome = undisturbed(batch, [&]() -> Result<TransferOutcome> {
      ANABRANCH_TRY(start_afresh(manager, batch));
      if (what == Knowledge::kKnown && manager == Manager::kAnabranch)
        ANABRANCH_TRY(warm_up(upload, batch));
      auto done = transfer_all(what, upload, cut, batch);
      if (!done) return done;
      for (const auto pair : batch)
        ANABRANCH_TRY(stop_manager(run_.network, client_of(pair), manager));
      return done;
    });
    if (!outcome) return std::unexpected(outcome.error());
    std::string text;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto& record = outcome->records[i];
      ANABRANCH_TRY(check(manager, batch[i], record));
      const auto rate = goodput(record, plan_.measured);
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
      text += fmt::format("{}{} {:.2f} ({:.2f})", i == 0 ? "" : ", ", path_pairs()[batch[i]].name,
                          figures.whole, figures.start);
      if (figures.silence_ms) text += fmt::format(" {:.0f} ms", *figures.silence_ms);
      figures_.runs[{what, upload, batch[i], manager}].push_back(figures);
    }
    run_.progress.finish_step(text);
    return {};
  }

  Result<void> start_afresh(Manager manager, const Batch& batch) {
    for (const auto pair : batch) {
      ANABRANCH_TRY(forget_manager_state(client_of(pair)));
      ANABRANCH_TRY(start_manager(run_.network, client_of(pair), manager));
    }
    return {};
  }

  /// A short transfer that begins on each path.
  Result<void> warm_up(bool upload, const Batch& batch) {
    for (const unsigned path : {1u, 2u}) {
      std::vector<TransferPlan> plans;
      for (const auto pair : batch)
        plans.push_back(transfer(pair, upload, kWarmUp, client_address(path)));
      const auto done = run_transfers(run_.network, plans);
      if (!done) return std::unexpected(done.error());
    }
    return {};
  }

  Result<TransferOutcome> transfer_all(Knowledge what, bool upload, bool cut, const Batch& batch) {
    std::vector<TransferPlan> plans;
    std::vector<TimedAction> cuts;
    std::vector<TimedAction> repairs;
    auto& wire = run_.network.wire();
    for (const auto pair : batch) {
      const auto source =
          what == Knowledge::kUnknown ? std::optional(client_address(2)) : std::nullopt;
      plans.push_back(transfer(pair, upload, duration(cut), source));
      const auto link = path_link(1, path_pairs()[pair].name);
      const nanoseconds at = plan_.measured + kBeforeCut;
      cuts.push_back({at, [&wire, link] { return wire.drop(link); }});
      // Before the end, or what is still queued would drain over the slow path for minutes.
      repairs.push_back({at + kCut, [&wire, link] { return wire.up(link); }});
    }
    if (!cut) return run_transfers(run_.network, plans);
    cuts.insert(cuts.end(), repairs.begin(), repairs.end());
    return run_transfers(run_.network, plans, cuts);
  }

  static Result<void> check(Manager manager, std::size_t pair, const TransferRecord& record) {
    const auto who = fmt::format("pair {}, {}", path_pairs()[pair].name, manager_name(manager));
    if (!record.hashes_equal()) return fail("a transfer did not arrive as it was sent", who);
    if (!record.sender.mptcp || !record.receiver.mptcp)
      return fail("a transfer did not use MPTCP to its end", who);
    if (manager != Manager::kAnabranch && record.receiver.subflows.size() < 2)
      return fail("the path manager opened no second subflow", who);
    return {};
  }

  static TransferPlan transfer(std::size_t pair, bool upload, nanoseconds time,
                               std::optional<IpAddress> source) {
    return {.client = client_of(pair),
            .server = "server" + std::string(path_pairs()[pair].name),
            .server_address = kServerAddress,
            .upload = upload,
            .source = source,
            .duration = time,
            .seed = pair + 1};
  }

  static BitRate goodput(const TransferRecord& record, nanoseconds time) {
    return record.goodput(record.receiver.first_ns, record.receiver.first_ns + time.count());
  }

  /// Frames that were lost by the emulation itself, on both paths of all pairs.
  Result<std::uint64_t> relay_losses(const Batch& batch) {
    std::uint64_t out = 0;
    for (const auto pair : batch)
      for (const unsigned path : {1u, 2u}) {
        const auto counters =
            run_.network.wire().counters(path_link(path, path_pairs()[pair].name));
        if (!counters) return std::unexpected(counters.error());
        out += counters->a_to_b.dropped_relay + counters->b_to_a.dropped_relay;
      }
    return out;
  }

  /// Runs `work`, and again while the machine was too busy to carry the frames in time.
  template <typename Work>
  Result<TransferOutcome> undisturbed(const Batch& batch, Work work) {
    for (unsigned left = kRepeats;; --left) {
      const auto before = relay_losses(batch);
      if (!before) return std::unexpected(before.error());
      const IdleWatch idle;
      auto outcome = work();
      if (!outcome) return outcome;
      const auto after = relay_losses(batch);
      if (!after) return std::unexpected(after.error());
      if (*after == *before || left == 0) {
        least_idle_ = std::min(least_idle_, idle.share());
        return outcome;
      }
      run_.progress.note(
          fmt::format("repeated: the emulator lost {} frames, {:.0f} % of the "
                      "processors were idle",
                      *after - *before, 100 * idle.share()));
      ++repeated_;
    }
  }

  ScenarioRun& run_;
  const Plan plan_;
  NeverWorseFigures figures_;
  unsigned repeated_ = 0;
  double least_idle_ = 1;
};

Topology topology() {
  Topology out;
  for (const auto& pair : path_pairs())
    add_two_homed(out, {.paths = {pair.fast, pair.slow}, .suffix = std::string(pair.name)});
  return out;
}

/// For `lab shell`: every client with our path manager.
Result<nanoseconds> start(Network& network) {
  const auto begin = MonotonicClock::now();
  for (std::size_t pair = 0; pair < path_pairs().size(); ++pair)
    ANABRANCH_TRY(start_manager(network, client_of(pair), Manager::kAnabranch));
  return std::chrono::duration_cast<nanoseconds>(MonotonicClock::now() - begin);
}

std::vector<std::string_view> words() {
  auto out = pair_names();
  const auto add = [&out](const auto& more) { out.insert(out.end(), more.begin(), more.end()); };
  add(kDirections);
  add(kKnowledge);
  add(manager_names());
  return out;
}

}  // namespace

Scenario never_worse_scenario() {
  return {.name = "never-worse",
          .title = "unequal paths together carry no less than the best of them alone",
          .topology = topology,
          .steps = [](Scale scale) { return plan_for(scale, {}).steps(); },
          .body = [](ScenarioRun& run) { return NeverWorse(run).measure(); },
          .start = start,
          .words = words()};
}

}  // namespace anabranch::lab
