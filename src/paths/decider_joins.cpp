// SPDX-License-Identifier: MIT
// Subflows that are asked for and not answered. The kernel would repeat the SYN for two minutes,
// and a listener keeps a place for each that it has seen: of one pair of addresses a connection has
// one at a time, and none while the path is known to have failed.
#include <algorithm>

#include "paths/decider_impl.hpp"

namespace anabranch::paths {
namespace {

/// An answer is waited for this long, or two of the longest round trips that are known. The SYN
/// that follows comes when the kernel would repeat the first one.
constexpr milliseconds kPatience{1000};
/// After so many joins without an answer twice as long: the round trip may be longer than that.
constexpr unsigned kMorePatient = 6;
constexpr unsigned kDoublings = 2;
constexpr seconds kMostPatience{8};

}  // namespace

void Decider::Impl::abandon_joins(Connection& connection, const Unanswered& which,
                                  const std::string& why) {
  std::erase_if(tracks[connection.token].pending, [&](const Pending& one) {
    if (!which(one)) return false;
    joins.erase(one.action);
    act(action::AbandonJoin{connection.token, one.local, one.remote}, why);
    return true;
  });
}

nanoseconds Decider::Impl::join_patience(const Track& track, const Pair& pair) const {
  const auto times = track.unanswered.find(pair);
  const auto doublings =
      times == track.unanswered.end() ? 0 : std::min(times->second / kMorePatient, kDoublings);
  nanoseconds patience = kPatience * (1U << doublings);
  if (const auto memory = book.all().find(pair.local); memory != book.all().end())
    patience = std::max({patience, 2 * memory->second.minimum_rtt, 2 * memory->second.loaded_rtt});
  return std::min<nanoseconds>(patience, kMostPatience);
}

void Decider::Impl::expire_joins(Connection& connection, MonotonicTime now) {
  auto& track = tracks[connection.token];
  std::vector<Pending> expired;
  for (const auto& one : track.pending) {
    const auto end = one.asked + join_patience(track, {one.local, one.remote.address});
    if (end <= now)
      expired.push_back(one);
    else
      plan_later(connection.token, end - now, now);
  }
  for (const auto& join : expired) {
    abandon_joins(
        connection, [&](const Pending& one) { return one.action == join.action; },
        "join-unanswered");
    ++track.unanswered[{join.local, join.remote.address}];
    doubt(join, now);
  }
}

/// Perhaps it is the path: a single SYN finds that out sooner, and when it is back.
void Decider::Impl::doubt(const Pending& join, MonotonicTime now) {
  const Pair pair{join.local, join.remote.address};
  const auto path = paths.find(pair.local);
  auto& state = health[pair];
  if (state.state != PairHealth::State::kFine || state.last_sign >= join.asked ||
      path == paths.end() || !path->second.reaches(pair.remote))
    return;
  state.port = join.remote.port;
  state.state = PairHealth::State::kSuspected;
  state.since = now;
  state.questions = 0;
  state.suspect.reset();
  ask(pair, now);
}

}  // namespace anabranch::paths
