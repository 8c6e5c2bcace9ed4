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
/// After that time an address that was taken back is told once more.
constexpr seconds kAgainAfter{1};
/// How often it is looked whether it can be told.
constexpr milliseconds kAgainStep{200};
/// A peer holds eight subflows (the kernel's limit), of which these can be dead.
constexpr std::size_t kRemembered = 16;
/// All of them are told again at most so often, however often the peer refuses joins.
constexpr seconds kRemindAll{5};

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

/// The id is not used for this address again: a REMOVE_ADDR that is still under way would take what
/// has it by then.
void Decider::Impl::take_back(Connection& connection, std::uint8_t id, const std::string& why,
                              MonotonicTime now) {
  act(action::RemoveAddress{connection.token, id}, why);
  announcer.removed(connection, id, now);
  if (id == 0) return;
  connection.ids.release(id, now);
  auto& removed = tracks[connection.token].removed;
  if (removed.size() == kRemembered) removed.erase(removed.begin());
  removed.push_back({id, now});
  plan_later(connection.token, kAgainAfter, now);
}

/// A try that nothing has been heard of gives way to the next one. Its socket would go on sending
/// SYNs for two minutes, and when the path is back each of them takes a place in the queue of the
/// peer's listener, until that answers none any more.
void Decider::Impl::give_up_joins(Connection& connection, const IpAddress& local,
                                  const Endpoint& remote, MonotonicTime now) {
  auto& track = tracks[connection.token];
  const auto unheard = [&](const Pending& one) {
    return one.local == local && one.remote == remote;
  };
  const auto found = std::ranges::find_if(track.pending, unheard);
  if (found == track.pending.end()) return;
  const auto id = found->id;
  std::erase_if(track.pending, unheard);
  const bool shared =
      std::ranges::any_of(connection.subflows,
                          [&](const auto& entry) { return entry.second.local_id == id; }) ||
      std::ranges::any_of(track.pending, [&](const Pending& one) { return one.id == id; });
  if (id == 0 || shared || !connection.ids.used(id)) return;
  take_back(connection, id, "join-unanswered", now);
  track.removed.back().again = true;  // the peer has nothing of it, most likely
}

/// The kernel has closed a subflow whose end the peer may know nothing of: what a middlebox reset,
/// or what nothing was heard of any more. There it would take the place of another one, and when
/// eight places are taken no subflow can come any more.
void Decider::Impl::left_behind(Connection& connection, const Subflow& gone, MonotonicTime now) {
  auto& track = tracks[connection.token];
  const auto id = gone.local_id;
  if (connection.server_side || connection.observed_only || id == 0 || !connection.ids.used(id))
    return;
  const bool shared = std::ranges::any_of(
      connection.subflows, [&](const auto& entry) { return entry.second.local_id == id; });
  const bool asked = std::ranges::any_of(
      track.pending, [&](const Pending& one) { return one.local == gone.key.local.address; });
  if (!shared && !asked) take_back(connection, id, "subflow-lost", now);
}

/// REMOVE_ADDR is not acknowledged (RFC 8684 section 3.4.2), and when paths fail together it may
/// have left by one that was dead, too.
void Decider::Impl::tell_again(Connection& connection, MonotonicTime now) {
  auto& track = tracks[connection.token];
  const auto is_due = [&](const Removed& one) {
    return !one.again && now - one.since >= kAgainAfter;
  };
  const auto next = std::ranges::find(track.removed, false, &Removed::again);
  if (next == track.removed.end()) return;
  if (std::ranges::none_of(track.removed, is_due))
    return plan_later(connection.token, next->since + kAgainAfter - now, now);
  const Subflow* best = nullptr;
  for (const auto& [key, subflow] : connection.subflows)
    if (reliable(connection, subflow, now) &&
        (best == nullptr ||
         track.subflows.at(key).progressed > track.subflows.at(best->key).progressed))
      best = &subflow;
  if (best == nullptr) return plan_later(connection.token, kAgainStep, now);
  for (auto& one : track.removed) {
    if (!is_due(one)) continue;
    // Any port that is likely to be free; a command that is refused is no harm.
    constexpr std::uint64_t kLowest = 32768, kPorts = 28232, kApart = 7919;
    one.port = static_cast<std::uint16_t>(kLowest + next_action * kApart % kPorts);
    one.again = true;
    act(action::RemoveAgain{connection.token,
                            one.id,
                            {best->key.local.address, one.port},
                            best->ifindex,
                            best->key.remote},
        "not-acknowledged");
  }
}

/// The peer takes no subflow: perhaps it still has others that are gone.
void Decider::Impl::remind(Connection& connection, MonotonicTime now) {
  auto& track = tracks[connection.token];
  if (track.removed.empty() ||
      (track.reminded != MonotonicTime{} && now - track.reminded < kRemindAll))
    return;
  track.reminded = now;
  for (auto& one : track.removed) one.again = false;
  plan_later(connection.token, kAgainAfter, now);
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
