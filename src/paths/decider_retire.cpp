// SPDX-License-Identifier: MIT
// How a subflow goes, and how one that comes finds room. One that goes is taken out by REMOVE_ADDR
// and then destroyed, and never the last one that can be relied on: it stays until another has
// proven itself.
#include <algorithm>
#include <utility>

#include "paths/decider_impl.hpp"

namespace anabranch::paths {
namespace {

/// How often it is looked whether a subflow that is to go can go now.
constexpr milliseconds kDoomedStep{20};

}  // namespace

/// A subflow that joins others in full flow gets its data in bursts, takes their pauses for the end
/// of the path's capacity, and needs seconds to grow. When the best path comes back the others
/// therefore hold back for the few round trips in which it finds its rate.
void Decider::Impl::make_room(Connection& connection, const Subflow& fresh, MonotonicTime now) {
  constexpr int kRoundTrips = 6;
  constexpr milliseconds kLongest{500};
  auto& track = tracks[connection.token];
  if (fresh.backup || fresh.reason != "best-path" || !track.holding_back.empty()) return;
  const auto rtt = book.all()[fresh.key.local.address].minimum_rtt;
  if (rtt == nanoseconds::zero() || now - connection.since < seconds(1)) return;
  for (auto& [key, other] : connection.subflows) {
    if (key.local.address == fresh.key.local.address || other.backup ||
        track.subflows.at(key).doomed)
      continue;
    other.backup = true;
    act(action::SetBackup{connection.token, key, true}, "make-room");
    track.holding_back.push_back(key);
  }
  if (track.holding_back.empty()) return;
  const auto length = std::min<nanoseconds>(kRoundTrips * rtt, kLongest);
  track.hold_until = now + length;
  plan_later(connection.token, length, now);
}

void Decider::Impl::end_holding_back(Connection& connection, MonotonicTime now) {
  auto& track = tracks[connection.token];
  if (track.holding_back.empty()) return;
  if (now < track.hold_until) return plan_later(connection.token, track.hold_until - now, now);
  for (const auto& key : std::exchange(track.holding_back, {})) {
    const auto found = connection.subflows.find(key);
    if (found == connection.subflows.end()) continue;
    found->second.backup = false;
    act(action::SetBackup{connection.token, key, false}, "make-room");
    auto& mine = track.subflows.at(key);
    mine.flag_asked = now;
    mine.flag_attempts = 0;
  }
}

/// A peer may refuse a join after all when it has seen our third packet; until an answer to that
/// one would have come, the subflow is nothing to rely on.
bool Decider::Impl::proven(const Subflow& subflow, MonotonicTime now) const {
  constexpr milliseconds kAnswer{40};
  if (subflow.initial || subflow.last.octets_received > 0 || subflow.last.octets_acknowledged > 1)
    return true;
  auto rtt = subflow.last.rtt;
  if (const auto memory = book.all().find(subflow.key.local.address);
      rtt == nanoseconds::zero() && memory != book.all().end())
    rtt = memory->second.minimum_rtt;
  return now - subflow.since > rtt + rtt / 2 + kAnswer;
}

/// As far as is known it carries what it is given.
bool Decider::Impl::reliable(const Connection& connection, const Subflow& subflow,
                             MonotonicTime now) const {
  const auto& key = subflow.key;
  if (!proven(subflow, now)) return false;
  const auto& known = tracks.at(connection.token).subflows;
  if (const auto mine = known.find(key);
      mine == known.end() || mine->second.doomed || mine->second.silence.silent())
    return false;
  const auto path = paths.find(key.local.address);
  const bool usable =
      connection.server_side || path == paths.end() || path->second.reaches(key.remote.address);
  return usable && !failed({key.local.address, key.remote.address});
}

bool Decider::Impl::others_alive(const Connection& connection, const SubflowKey& key,
                                 MonotonicTime now) const {
  return std::ranges::any_of(connection.subflows, [&](const auto& entry) {
    return entry.first != key && reliable(connection, entry.second, now);
  });
}

void Decider::Impl::retire(Connection& connection, const SubflowKey& key, bool remove,
                           const std::string& why, MonotonicTime now) {
  const auto found = connection.subflows.find(key);
  if (found == connection.subflows.end() || connection.observed_only) return;
  auto& track = tracks[connection.token];
  auto& mine = track.subflows[key];
  if (!others_alive(connection, key, now)) {
    // The last one: whatever it is worth, without it the connection would end.
    mine.doomed = true;
    mine.doom = why;
    mine.remove = remove;
    plan_later(connection.token, kDoomedStep, now);
    return;
  }
  const auto id = found->second.local_id;
  const bool shared = std::ranges::any_of(connection.subflows, [&](const auto& entry) {
    return entry.first != key && entry.second.local_id == id;
  });
  // REMOVE_ADDR of an id that others use as well would take those too.
  if (remove && !shared && (id == 0 || connection.ids.used(id)))
    take_back(connection, id, why, now);
  // Nor may the kernel forget the id then: without it the others could not be taken back any more.
  if (shared)
    act(action::ResetSubflow{connection.token, key, found->second.ifindex}, why);
  else
    act(action::DestroySubflow{connection.token, key}, why);
  track.disturbed = now;
  drop_subflow(connection, key);
  plan_later(connection.token, {}, now);
}

void Decider::Impl::finish_doomed(Connection& connection, MonotonicTime now) {
  std::vector<SubflowKey> doomed;
  for (const auto& [key, mine] : tracks[connection.token].subflows)
    if (mine.doomed) doomed.push_back(key);
  for (const auto& key : doomed) {
    auto& mine = tracks[connection.token].subflows[key];
    mine.doomed = false;
    // It may have come to life in the meantime.
    if (mine.doom == "silent" && now - mine.progressed < milliseconds(100)) continue;
    retire(connection, key, mine.remove, mine.doom, now);
  }
}

}  // namespace anabranch::paths
