// SPDX-License-Identifier: MIT
// Pairs of addresses. A silence makes a pair suspected or failed. A suspected one is asked, and
// fails when a peer that answers questions does not. A failed one is asked again and again; three
// questions without an answer make it known to every connection, the first answer brings all of
// them back. Where new connections go follows from the same knowledge.
//
// A sender acts on silence at once, since waiting costs more than a false alarm; false alarms make
// it more patient with that pair. A server asks nobody: translators and firewalls are before its
// clients.
#include <algorithm>

#include <fmt/core.h>

#include "paths/decider_impl.hpp"
#include "paths/scaled.hpp"

namespace anabranch::paths {
namespace {

/// Two questions this far apart: one alone may be lost on a good path.
constexpr milliseconds kSecondQuestion{8};
/// An answer may take a little longer than the shortest round trip seen.
constexpr milliseconds kAnswerGrace{20};
constexpr milliseconds kUnknownAnswer{150};
/// Questions that are repeated for a failed path grow apart by this factor, up to the setting.
constexpr double kGrowth = 1.15;
/// A path that fails again so soon after a false alarm gets more time; forgotten after a while.
constexpr double kMoreCaution = 1.6;
constexpr double kMostCaution = 8;
constexpr seconds kCautionLifetime{30};
/// An answer this soon after the alarm shows that it was a false one.
constexpr milliseconds kFalseAlarm{400};

}  // namespace

PairHealth& Decider::Impl::pair_of(const Subflow& subflow) {
  auto& state = health[{subflow.key.local.address, subflow.key.remote.address}];
  state.port = subflow.key.remote.port;
  return state;
}

bool Decider::Impl::failed(const Pair& pair) const {
  const auto found = health.find(pair);
  return found != health.end() && found->second.state == PairHealth::State::kFailed;
}

double Decider::Impl::caution(const Pair& pair, MonotonicTime now) {
  const auto found = health.find(pair);
  if (found == health.end()) return 1;
  auto& state = found->second;
  if (state.caution > 1 && now - state.alarmed > kCautionLifetime) {
    state.caution = std::max(1.0, state.caution / kMoreCaution);
    state.alarmed = now;
  }
  return state.caution;
}

void Decider::Impl::sign_of_life(const Pair& pair, MonotonicTime now) {
  auto& state = health[pair];
  state.last_sign = now;
  if (state.state == PairHealth::State::kSuspected) {
    state.state = PairHealth::State::kFine;
    state.suspect.reset();
  }
  // Data that arrives on a path given up may be what was under way; it must go on.
  if (state.state == PairHealth::State::kFailed && now - state.since > kFalseAlarm)
    revive(pair, now);
}

/// Asks whether the subflow's path is well, unless that is being looked into.
bool Decider::Impl::doubt(const Connection& connection, const Subflow& subflow, MonotonicTime now) {
  auto& state = pair_of(subflow);
  if (state.state != PairHealth::State::kFine) return false;
  state.state = PairHealth::State::kSuspected;
  state.since = now;
  state.questions = 0;
  state.suspect = {connection.token, subflow.key};
  ask({subflow.key.local.address, subflow.key.remote.address}, now);
  return true;
}

void Decider::Impl::suspect(Connection& connection, Subflow& subflow, MonotonicTime now) {
  const Pair pair{subflow.key.local.address, subflow.key.remote.address};
  if (!others_alive(connection, subflow.key, now)) {
    // Nothing to fall back on: look for one, and ask whether it is the path.
    if (!connection.server_side && doubt(connection, subflow, now))
      plan_later(connection.token, {}, now);
    return;
  }
  const auto& track = tracks[connection.token].subflows[subflow.key];
  const auto key = subflow.key;
  ++totals[pair.local].failovers;
  note(connection.token, "silent",
       fmt::format("subflow {} to {} is silent for {}", key.local.text(), key.remote.text(),
                   duration_text(track.silence.silence())));
  // Others that use the same pair and go on show that it is this subflow alone.
  const auto state = health.find(pair);
  const bool alone =
      state != health.end() && now - state->second.last_sign < track.silence.silence() / 2;
  if (alone)
    lost(connection, pair, "silent", now - subflow.since, now);
  else if (!connection.server_side) {
    pair_of(subflow);
    declare_failed(pair, false, now);
  }
  // A server's address may serve the other subflows, too, and the client decides what to join.
  retire(connection, key, !connection.server_side, "silent", now);
}

void Decider::Impl::declare_failed(const Pair& pair, bool confirmed, MonotonicTime now) {
  auto& state = health[pair];
  if (state.state != PairHealth::State::kFailed) {
    state.state = PairHealth::State::kFailed;
    state.since = now;
    state.alarmed = now;
    state.confirmed = false;
    state.questions = 0;
    state.interval = settings.probe_interval;
    note(0, "path-failed",
         fmt::format("{} does not reach {}", pair.local.text(), pair.remote.text()));
    ask(pair, now);
    judge_path(pair.local, now);
  }
  if (confirmed && !state.confirmed) {
    state.confirmed = true;
    sweep(pair, now);
    judge_path(pair.local, now);
  }
}

/// The pair is dead for certain: nobody else need find out for himself.
void Decider::Impl::sweep(const Pair& pair, MonotonicTime now) {
  for (auto& [token, connection] : connections) {
    if (connection.server_side || connection.observed_only) continue;
    std::vector<SubflowKey> dead;
    for (const auto& [key, subflow] : connection.subflows)
      if (key.local.address == pair.local && key.remote.address == pair.remote) dead.push_back(key);
    for (const auto& key : dead) {
      ++totals[pair.local].failovers;
      retire(connection, key, true, "path-failed", now);
    }
    abandon_joins(
        connection,
        [&](const Pending& one) {
          return one.local == pair.local && one.remote.address == pair.remote;
        },
        "path-failed");
    if (!dead.empty()) plan_later(token, {}, now);
  }
}

/// Whether the peer answers questions at all is learned before it matters.
void Decider::Impl::get_to_know(const Subflow& subflow, MonotonicTime now) {
  constexpr seconds kPatience{3};
  const Pair pair{subflow.key.local.address, subflow.key.remote.address};
  auto& state = pair_of(subflow);
  if (state.answers || state.state != PairHealth::State::kFine) return;
  if (state.met != MonotonicTime{} && now - state.met < kPatience) return;
  state.met = now;
  const auto id = next_question++;
  question(id, pair);
  act(action::Probe{id, pair.local, subflow.ifindex, subflow.key.remote, kPatience}, "new-pair");
}

void Decider::Impl::ask(const Pair& pair, MonotonicTime now) {
  const auto found = health.find(pair);
  if (found == health.end() || found->second.state == PairHealth::State::kFine) return;
  auto& state = found->second;
  const auto path = paths.find(pair.local);
  // Asked again when it comes back.
  if (path == paths.end() || !path->second.reaches(pair.remote)) return;
  const auto id = next_question++;
  question(id, pair);
  ++state.questions;
  const bool has_failed = state.state == PairHealth::State::kFailed;
  act(
      action::Probe{
          id, pair.local, path->second.ifindex, {pair.remote, state.port}, seconds(3), has_failed},
      has_failed ? "path-failed" : "silent");
  if (state.state == PairHealth::State::kSuspected) {
    if (state.questions == 1) {
      ask_at(pair, now + kSecondQuestion);
      const auto rtt = book.all()[pair.local].minimum_rtt;
      at(now + (rtt == nanoseconds::zero() ? nanoseconds(kUnknownAnswer)
                                           : rtt + rtt / 4 + kAnswerGrace),
         {Timer::Kind::kDeadline, pair});
    }
    return;
  }
  if (!state.answers && state.questions % kTryAnyway == 0)
    for (auto& [token, connection] : connections)
      if (!connection.server_side && connection.remote.address == pair.remote)
        plan_later(token, {}, now);
  // A good answer within the usual time would have come by now.
  if (state.questions >= 3 && !state.confirmed) declare_failed(pair, true, now);
  const auto crowd = std::ranges::count_if(health, [&](const auto& entry) {
    return entry.first.local == pair.local && entry.second.state == PairHealth::State::kFailed;
  });
  ask_at(pair, now + state.interval * std::max<long>(1, crowd / 8));
  state.interval =
      std::min(scaled(state.interval, kGrowth), nanoseconds(settings.probe_interval_limit));
}

/// In place of what was asked for earlier.
void Decider::Impl::ask_at(const Pair& pair, MonotonicTime when) {
  health[pair].ask_at = when;
  at(when, {Timer::Kind::kAsk, pair});
}

void Decider::Impl::deadline(const Pair& pair, MonotonicTime now) {
  auto& state = health[pair];
  if (state.state != PairHealth::State::kSuspected) return;
  const auto suspect = state.suspect;
  // A peer that answers over one path answers over all.
  const bool answers = std::ranges::any_of(health, [&](const auto& entry) {
    return entry.first.remote == pair.remote && entry.second.answers;
  });
  if (state.last_sign > state.since || !answers) {
    // It lives, or it never answers and its silence tells nothing.
    state.state = PairHealth::State::kFine;
    state.suspect.reset();
    return;
  }
  if (suspect)
    note(suspect->first, "silent",
         fmt::format("subflow {} to {} is silent and its path does not answer",
                     suspect->second.local.text(), suspect->second.remote.text()));
  declare_failed(pair, true, now);
}

void Decider::Impl::take(const input::Probed& input, MonotonicTime now) {
  const auto found = questions.find(input.id);
  if (found == questions.end()) return;
  const auto pair = found->second;
  questions.erase(found);
  if (!input.answered) return;
  auto& state = health[pair];
  state.answers = true;
  book.saw_rtt(pair.local, input.rtt, now);
  if (state.state == PairHealth::State::kFailed) {
    if (now - state.since < kFalseAlarm)
      state.caution = std::min(state.caution * kMoreCaution, kMostCaution);
    state.last_sign = now;
    revive(pair, now);
    return;
  }
  sign_of_life(pair, now);
}

void Decider::Impl::revive(const Pair& pair, MonotonicTime now) {
  auto& state = health[pair];
  if (state.state != PairHealth::State::kFailed) return;
  const auto away = now - state.since;
  state.state = PairHealth::State::kFine;
  state.since = now;
  state.suspect.reset();
  ++totals[pair.local].returns;
  note(0, "path-back",
       fmt::format("{} reaches {} again after {}", pair.local.text(), pair.remote.text(),
                   duration_text(away)));
  // What else failed on this path has reason to hope.
  for (auto& [other, its] : health)
    if (other.local == pair.local && its.state == PairHealth::State::kFailed) {
      its.interval = settings.probe_interval;
      ask_at(other, now);
    }
  judge_path(pair.local, now);
  for (auto& [token, connection] : connections) {
    if (connection.server_side || connection.observed_only) continue;
    auto& track = tracks[token];
    if (const auto retry = track.retries.find(pair); retry != track.retries.end())
      retry->second.not_before = std::min(retry->second.not_before, now);
    plan_later(token, {}, now);
  }
}

void Decider::Impl::judge_path(const IpAddress& local, MonotonicTime now) {
  bool any_failed = false;
  bool any_alive = false;
  for (const auto& [pair, state] : health) {
    if (pair.local != local) continue;
    if (state.state == PairHealth::State::kFailed)
      any_failed = true;
    else if (now - state.last_sign < seconds(2))
      any_alive = true;
  }
  auto& memory = book.all()[local];
  const bool is = any_failed && !any_alive;
  if (is && !memory.failed) memory.failed_since = now;
  memory.failed = is;
  prefer(now);
}

/// Where new connections go: by the time they would need to fetch something. A path must be clearly
/// better than the one preferred now.
void Decider::Impl::prefer(MonotonicTime now) {
  limit_subflows(now);
  if (!settings.prefer_route) return;
  constexpr double kClearly = 0.8;
  for (const auto family : {Family::kIpv4, Family::kIpv6}) {
    std::optional<IpAddress> best;
    auto best_time = nanoseconds::max();
    bool any_failed = false;
    std::optional<IpAddress> living;
    for (const auto& [address, path] : paths) {
      if (address.family() != family || !path.usable) continue;
      const auto memory = book.all().find(address);
      if (memory != book.all().end() && memory->second.failed) {
        any_failed = true;
        continue;
      }
      if (!living) living = address;
      auto time = std::min(fetch_time(book.quality(address, Direction::kSend, now)),
                           fetch_time(book.quality(address, Direction::kReceive, now)));
      if (time == nanoseconds::max()) continue;
      if (preferred[family] == address) time = scaled(time, kClearly);
      if (time < best_time) {
        best_time = time;
        best = address;
      }
    }
    // Knowing one path only, there is nothing to compare: the routes decide, unless theirs died.
    const auto known = std::ranges::count_if(paths, [&](const auto& entry) {
      return entry.first.family() == family && entry.second.usable &&
             book.knows_rate(entry.first, now);
    });
    if (known < 2 && !any_failed) best.reset();
    if (!best && any_failed) best = living;
    if (best == preferred[family]) continue;
    preferred[family] = best;
    act(action::PreferPath{family, best}, "best-path");
  }
}

}  // namespace anabranch::paths
