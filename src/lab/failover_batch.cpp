// SPDX-License-Identifier: MIT
#include "lab/failover_batch.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "lab/cut_figures.hpp"
#include "lab/path_view.hpp"
#include "lab/scenario_support.hpp"
#include "lab/single_homed.hpp"
#include "lab/two_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr milliseconds kSampleEvery{20};
constexpr milliseconds kFirstHalfSecond{500};
constexpr milliseconds kBoundAboveRtts{200};
/// Of the silence that the return of a path may cause.
constexpr seconds kAfterReturn{2};
/// The silence of the next cut begins with the last octets before it.
constexpr milliseconds kBeforeNext{50};
/// A survivor that carried less of its rate than this just before was not back yet.
constexpr double kCarries = 0.1;

constexpr milliseconds kBlow{2500};
constexpr milliseconds kResetLasts{300};
constexpr seconds kAfterBlow{6};

double ms(nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

BitRate share(BitRate rate, double of) {
  return {rate.bits_per_second * of};
}

TransferPlan plan_of(const Pair& pair, bool upload, nanoseconds duration, std::uint64_t seed) {
  return {.client = "client" + pair.suffix,
          .server = "server" + pair.suffix,
          .server_address = kServerAddress,
          .upload = upload,
          .duration = duration,
          .seed = seed,
          .sample_every = kSampleEvery};
}

/// Actions of several transfers in the order of their times, and which was which.
class Schedule {
 public:
  void add(std::size_t transfer, nanoseconds after, std::function<Result<void>()> act) {
    entries_.push_back({transfer, {after, std::move(act)}});
  }
  std::vector<TimedAction> actions() {
    std::ranges::stable_sort(entries_, {}, [](const Entry& entry) { return entry.action.after; });
    std::vector<TimedAction> out;
    for (const auto& entry : entries_) out.push_back(entry.action);
    return out;
  }
  /// When the actions of one transfer were in force, in their order.
  std::vector<std::int64_t> times_of(std::size_t transfer,
                                     const std::vector<std::int64_t>& all) const {
    std::vector<std::int64_t> out;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (entries_[i].transfer == transfer) out.push_back(all[i]);
    return out;
  }

 private:
  struct Entry {
    std::size_t transfer;
    TimedAction action;
  };
  std::vector<Entry> entries_;
};

/// The live table shows the first transfer.
SampleObserver show_first(ScenarioRun& run) {
  return [&run, live = LiveRows(2), start = std::int64_t{0}](std::size_t plan,
                                                             const event::Sample& sample) mutable {
    if (plan != 0) return;
    if (start == 0) start = sample.at_ns;
    run.progress.update(live.rows(sample), nanoseconds(sample.at_ns - start));
  };
}

bool whole(ScenarioRun& run, Manager manager, const TransferRecord& record,
           FailoverFigures& figures) {
  std::string problem = record.failure;
  if (problem.empty() && !record.hashes_equal()) problem = "not what was sent has arrived";
  if (problem.empty() && (!record.sender.mptcp || !record.receiver.mptcp))
    problem = "not MPTCP to the end";
  if (problem.empty()) return true;
  run.progress.note(fmt::format("{}: {}", manager_name(manager), problem));
  figures.add_broken(manager);
  return false;
}

CutOutcome outcome_of(const PlannedCut& cut, bool upload, const Paths& paths,
                      const TransferRecord& record, std::int64_t cut_at, std::int64_t healed_at,
                      std::int64_t until) {
  CutOutcome out;
  out.survivor = 3 - cut.path;
  out.upload = upload;
  out.outage = cut.outage;
  const auto alone = paths.alone.of(out.survivor, upload);
  out.bound_ms = ms(4 * paths.profiles[out.survivor - 1].delay + kBoundAboveRtts);
  out.silence_ms = ms(record.longest_gap(cut_at, healed_at));
  const std::int64_t half_second = nanoseconds(kFirstHalfSecond).count();
  out.first_half_second = record.goodput(cut_at, cut_at + half_second).mbit() / alone.mbit();
  out.alone =
      path_rate(record, out.survivor, cut_at - half_second, cut_at) < share(alone, kCarries);
  const auto back = carries_again(record, cut.path, healed_at, until,
                                  share(paths.alone.of(cut.path, upload), 0.5));
  out.returned = {back.has_value(), ms(back.value_or(nanoseconds(until - healed_at)))};
  out.return_silence_ms =
      ms(record.longest_gap(healed_at, std::min(until - nanoseconds(kBeforeNext).count(),
                                                healed_at + nanoseconds(kAfterReturn).count())));
  return out;
}

std::string told(const CutTransfer& transfer, const PlannedCut& cut, const CutOutcome& outcome) {
  return fmt::format(
      "{}, {}, path {} silent at {:.2f} s for {}: silence {:.0f} ms (bound {:.0f}), first half "
      "second {:.2f}, {} {:.0f} ms{}",
      manager_name(transfer.pair.manager), direction_name(transfer.upload), cut.path,
      std::chrono::duration<double>(cut.at).count(), duration_text(cut.outage), outcome.silence_ms,
      outcome.bound_ms, outcome.first_half_second,
      outcome.returned.back ? "back after" : "not back within", outcome.returned.ms,
      outcome.alone ? ", the other path was not back" : "");
}

bool poor(const CutOutcome& outcome) {
  return outcome.silence_ms > outcome.bound_ms || outcome.first_half_second < 0.5 ||
         !outcome.returned.back || outcome.returned.ms > 1000;
}

/// The client's port of the subflow of `path` that brought most between two samples.
std::uint16_t busiest_port(const event::Sample& before, const event::Sample& now, unsigned path) {
  std::uint16_t port = 0;
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < now.subflows.size(); ++i) {
    const auto& subflow = now.subflows[i];
    if (path_of(subflow.local, subflow.remote) != path) continue;
    // A record only ever grows at its end, so the same index is the same subflow.
    const std::uint64_t earlier = i < before.subflows.size() ? before.subflows[i].octets : 0;
    if (subflow.octets - earlier < most) continue;
    most = subflow.octets - earlier;
    port = subflow.local == client_address(path) ? subflow.local_port : subflow.remote_port;
  }
  return port;
}

/// A transfer that is struck: its newest samples, and what was struck.
struct Victim {
  Pair pair;
  bool upload = false;
  unsigned path = 1;
  std::uint16_t port = 0;
  std::vector<event::Sample> recent = {};
};

Result<void> strike_now(ScenarioRun& run, Victim& victim, Blow blow) {
  if (victim.recent.empty()) return fail("a transfer has not begun", victim.pair.suffix);
  victim.port = busiest_port(victim.recent.front(), victim.recent.back(), victim.path);
  if (victim.port == 0) return fail("a path has no subflow to strike", victim.pair.suffix);
  return strike(run.network, victim.pair.suffix, blow, victim.path, victim.port);
}

}  // namespace

Result<void> run_cuts(ScenarioRun& run, const std::string& title, const Paths& paths,
                      const std::vector<CutTransfer>& transfers, FailoverFigures& figures) {
  std::vector<TransferPlan> plans;
  Schedule schedule;
  nanoseconds longest{};
  for (std::size_t i = 0; i < transfers.size(); ++i) {
    const auto& [pair, round, upload] = transfers[i];
    plans.push_back(plan_of(pair, upload, round.duration, i + 1));
    longest = std::max(longest, round.duration);
    for (const auto& cut : round.cuts) {
      const std::string link = path_link(cut.path, pair.suffix);
      schedule.add(i, cut.at, [&run, link] { return run.network.wire().drop(link); });
      schedule.add(i, cut.heals(), [&run, link] { return run.network.wire().up(link); });
    }
  }
  run.progress.step(title, longest);
  const auto outcome =
      run_transfers(run.network, plans, schedule.actions(), show_first(run), Failures::kRecord);
  if (!outcome) return std::unexpected(outcome.error());
  std::string summary;
  for (std::size_t i = 0; i < transfers.size(); ++i) {
    const auto& transfer = transfers[i];
    const auto& record = outcome->records[i];
    if (!whole(run, transfer.pair.manager, record, figures)) continue;
    const auto times = schedule.times_of(i, outcome->action_times);
    const auto& cuts = transfer.round.cuts;
    for (std::size_t k = 0; k < cuts.size(); ++k) {
      const std::int64_t until =
          2 * k + 2 < times.size() ? times[2 * k + 2] : record.receiver.last_ns;
      const auto cut = outcome_of(cuts[k], transfer.upload, paths, record, times[2 * k],
                                  times[2 * k + 1], until);
      figures.add(transfer.pair.manager, cut);
      if (transfer.pair.manager == Manager::kAnabranch && poor(cut))
        run.progress.note(told(transfer, cuts[k], cut));
    }
    if (i > 0) continue;
    Chart chart = goodput_chart(fmt::format("{}, {}", title, manager_name(transfer.pair.manager)),
                                record, outcome->start_ns, 2);
    for (std::size_t k = 0; k < times.size(); ++k)
      chart.marks.push_back(
          {static_cast<double>(times[k] - outcome->start_ns) / 1e9,
           fmt::format("path {} {}", cuts[k / 2].path, k % 2 == 0 ? "silent" : "well again")});
    for (const auto& profile : paths.profiles) chart.expected_mbit += profile.rate.mbit();
    run.result.charts.push_back(std::move(chart));
  }
  return {};
}

Result<void> run_blows(ScenarioRun& run, const Paths& paths, const std::vector<Pair>& pairs,
                       Blow blow, unsigned number, FailoverFigures& figures) {
  constexpr std::size_t kRecent = 10;
  std::vector<Victim> victims;
  std::vector<TransferPlan> plans;
  Schedule schedule;
  victims.reserve(pairs.size());  // the actions hold references
  const nanoseconds duration = kBlow + kAfterBlow;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::size_t turn = number + i;
    victims.push_back({.pair = pairs[i],
                       .upload = turn % 2 == 1,
                       .path = 1 + static_cast<unsigned>(turn / 2 % 2)});
    Victim& victim = victims.back();
    plans.push_back(plan_of(pairs[i], victim.upload, duration, i + 1));
    schedule.add(i, kBlow, [&run, &victim, blow] { return strike_now(run, victim, blow); });
    if (blow == Blow::kReset)
      schedule.add(i, kBlow + kResetLasts, [&run, &victim] {
        return lift_blows(run.network, victim.pair.suffix, victim.path);
      });
  }
  run.progress.step(
      blow == Blow::kReset ? "subflows reset by a middlebox" : "subflows forgotten by a NAT",
      duration);
  const auto outcome = run_transfers(
      run.network, plans, schedule.actions(),
      [&, show = show_first(run)](std::size_t plan, const event::Sample& sample) {
        auto& recent = victims[plan].recent;
        recent.push_back(sample);
        if (recent.size() > kRecent) recent.erase(recent.begin());
        show(plan, sample);
      },
      Failures::kRecord);
  for (const auto& victim : victims)
    ANABRANCH_TRY(lift_blows(run.network, victim.pair.suffix, victim.path));
  if (!outcome) return std::unexpected(outcome.error());
  for (std::size_t i = 0; i < victims.size(); ++i) {
    const auto& victim = victims[i];
    const auto& record = outcome->records[i];
    if (!whole(run, victim.pair.manager, record, figures)) continue;
    const std::int64_t at = schedule.times_of(i, outcome->action_times).front();
    const std::int64_t until = record.receiver.last_ns;
    const auto half = share(paths.alone.of(victim.path, victim.upload), 0.5);
    const auto back = carries_again(record, victim.path, at, until, half, victim.port);
    const BlowOutcome struck{blow,
                             ms(record.longest_gap(at, until)),
                             {back.has_value(), ms(back.value_or(nanoseconds(until - at)))}};
    figures.add(victim.pair.manager, struck);
    if (victim.pair.manager == Manager::kAnabranch)
      run.progress.note(fmt::format(
          "{}, {}, path {}: silence {:.0f} ms, {} {:.0f} ms", manager_name(victim.pair.manager),
          direction_name(victim.upload), victim.path, struck.silence_ms,
          struck.returned.back ? "back after" : "not back within", struck.returned.ms));
  }
  return {};
}

}  // namespace anabranch::lab
