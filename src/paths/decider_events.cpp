// SPDX-License-Identifier: MIT
// What the kernel tells of connections. A subflow that ends is tried again: at once when it had
// lived for a while, else after a pause that doubles.
#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "paths/decider_impl.hpp"

namespace anabranch::paths {
namespace {

using Type = kernel::MptcpEvent::Type;

/// A subflow that lived so long is replaced at once when it is lost.
constexpr seconds kLived{3};
constexpr milliseconds kFirstRetry{200};
constexpr seconds kLongestRetry{30};
/// Between two attempts over a path that carried the connection a moment ago: what refuses or
/// resets now is on the way and may end any moment. With many connections each waits longer, so
/// that all of them together ask a thousand times a second at most.
constexpr milliseconds kLongestAfterLoss{600};
constexpr milliseconds kForEachConnection{1};
constexpr seconds kMayEndSoon{15};
/// The peer's RST of the old subflow and our new SYN should not meet.
constexpr milliseconds kAfterReset{50};

/// The peer's words for the end of a subflow (RFC 8684 section 3.6).
std::string reset_words(const kernel::MptcpEvent& event) {
  static constexpr std::array<std::string_view, 7> kReasons{
      "an unspecified error",       "an error of MPTCP",       "lack of resources",
      "administratively denied",    "too much data in flight", "unacceptable performance",
      "a middlebox that interferes"};
  const auto reason = *event.reset_reason;
  auto out =
      reason < kReasons.size() ? std::string(kReasons[reason]) : fmt::format("reason {}", reason);
  if (event.reset_transient) out += ", for now";
  return out;
}

}  // namespace

void Decider::Impl::take(const input::Paths& input, MonotonicTime now) {
  std::map<IpAddress, Path> fresh;
  for (const auto& path : input.paths) fresh.emplace(path.address, path);
  const auto leads = [](const std::map<IpAddress, Path>& where, const Pair& pair) {
    const auto path = where.find(pair.local);
    return path != where.end() && path->second.reaches(pair.remote);
  };
  std::vector<IpAddress> gone;
  std::vector<IpAddress> came;
  bool other_destinations = false;
  for (const auto& [address, path] : paths) {
    const auto found = fresh.find(address);
    if (found == fresh.end() ? !path.destinations.empty()
                             : path.destinations != found->second.destinations)
      other_destinations = true;
    if (path.usable && (found == fresh.end() || !found->second.usable)) gone.push_back(address);
  }
  for (const auto& [address, path] : fresh) {
    const auto found = paths.find(address);
    if (path.usable && (found == paths.end() || !found->second.usable)) came.push_back(address);
    if (found == paths.end() && !path.destinations.empty()) other_destinations = true;
    // The same address behind another router is another path. While an address or a link comes back
    // it has none for a moment: that is not another one.
    if (!path.router) continue;
    const auto [router, first] = routers.try_emplace(address, *path.router);
    if (!first && router->second != *path.router) book.forget(address);
    router->second = *path.router;
  }
  const auto before = std::exchange(paths, std::move(fresh));

  for (const auto& address : came)
    note(0, "path-up", fmt::format("path {} is there", address.text()));
  for (auto& [pair, state] : health)
    if (state.state == PairHealth::State::kFailed && leads(paths, pair) && !leads(before, pair)) {
      state.interval = settings.probe_interval;
      ask_at(pair, now);
    }
  for (const auto& address : gone)
    note(0, "path-down", fmt::format("path {} is gone", address.text()));
  announcer.paths_changed(connections, paths, now, out);
  announced(now);
  for (auto& [token, connection] : connections) {
    std::vector<SubflowKey> lost_keys;
    for (const auto& [key, subflow] : connection.subflows)
      if (const Pair pair{key.local.address, key.remote.address};
          leads(before, pair) && !leads(paths, pair))
        lost_keys.push_back(key);
    for (const auto& key : lost_keys) retire(connection, key, true, "path-down", now);
    abandon_joins(
        connection,
        [&](const Pending& one) {
          const Pair pair{one.local, one.remote.address};
          return leads(before, pair) && !leads(paths, pair);
        },
        "path-down");
    if (!gone.empty() || !came.empty() || other_destinations) {
      for (auto& [pair, retry] : tracks[token].retries)
        if (leads(paths, pair) && !leads(before, pair)) retry = {.worked = retry.worked};
      plan_later(token, nanoseconds::zero(), now);
    }
  }
  prefer(now);
}

void Decider::Impl::take(const input::Event& input, MonotonicTime now) {
  const auto& event = input.event;
  if (event.type == Type::kClosed) return close(event.token, now);
  if (event.type == Type::kListenerCreated || event.type == Type::kListenerClosed)
    return announcer.listener_changed(event.local.port);
  auto found = connections.find(event.token);
  if (found == connections.end()) {
    if (event.type != Type::kCreated && event.type != Type::kEstablished) return;
    found = connections.emplace(event.token, Connection{}).first;
    auto& connection = found->second;
    connection.token = event.token;
    connection.server_side = event.server_side;
    connection.local = event.local;
    connection.remote = event.remote;
    connection.since = now;
    schedule_sample(connection, true, now);
  }
  auto& connection = found->second;
  switch (event.type) {
    case Type::kCreated:
    case Type::kEstablished:
      connection.deny_join_id0 = connection.deny_join_id0 || event.deny_join_id0;
      connection.server_side = connection.server_side || event.server_side;
      if (event.type == Type::kEstablished && !connection.established) established(connection, now);
      break;
    case Type::kAnnounced:
      if (const auto taken = accept_announced(connection, event);
          taken == Acceptance::kStored || taken == Acceptance::kRefreshed) {
        // A refreshed address may be tried again (RFC 8684 section 3.4.1).
        std::erase_if(tracks[event.token].retries, [&](const auto& entry) {
          return entry.first.remote == event.remote.address;
        });
        plan_later(event.token, {}, now);
      }
      break;
    case Type::kRemoved:
      accept_removed(connection, event.remote_id);
      break;
    case Type::kSubflowEstablished:
      subflow_established(connection, event, now);
      break;
    case Type::kSubflowClosed:
      subflow_closed(connection, event, now);
      break;
    default:
      break;
  }
}

void Decider::Impl::established(Connection& connection, MonotonicTime now) {
  connection.established = true;
  auto& track = tracks[connection.token];
  Subflow subflow;
  subflow.key = {connection.local, connection.remote};
  subflow.initial = true;
  subflow.reason = "initial";
  subflow.since = now;
  if (const auto path = paths.find(connection.local.address); path != paths.end())
    subflow.ifindex = path->second.ifindex;
  track.subflows[subflow.key].number = next_subflow++;
  track.subflows[subflow.key].progressed = now;
  connection.subflows.emplace(subflow.key, subflow);
  connection.peer_addresses[0] = {0, connection.remote, false};
  ++totals[connection.local.address].subflows_opened;
  sign_of_life({connection.local.address, connection.remote.address}, now);
  announcer.update(connection, paths, now, out);
  announced(now);
  if (!connection.server_side) {
    get_to_know(connection.subflows.begin()->second, now);
    measure_unknown(connection, now);
    plan(connection, now);
  }
}

void Decider::Impl::take(const input::Owner& input, MonotonicTime now) {
  const auto found = connections.find(input.token);
  if (found == connections.end()) return;
  found->second.cgroup = input.cgroup;
  owned(found->second, input.uid, now);
}

/// Rules may ask for the owner.
void Decider::Impl::owned(Connection& connection, std::optional<std::uint32_t> uid,
                          MonotonicTime now) {
  if (uid) connection.uid = uid;
  if (settings.rules.empty()) return;
  announcer.update(connection, paths, now, out);
  announced(now);
  plan_later(connection.token, {}, now);
}

void Decider::Impl::subflow_established(Connection& connection, const kernel::MptcpEvent& event,
                                        MonotonicTime now) {
  auto& track = tracks[connection.token];
  const SubflowKey key{event.local, event.remote};
  Subflow subflow;
  subflow.key = key;
  subflow.local_id = event.local_id;
  subflow.remote_id = event.remote_id;
  subflow.ifindex = event.ifindex;
  subflow.backup = event.backup;
  subflow.reason = connection.server_side ? "peer" : "";
  subflow.since = now;
  const auto asked = std::ranges::find_if(track.pending, [&](const Pending& pending) {
    return pending.local == event.local.address && pending.remote == event.remote;
  });
  track.unanswered.erase({event.local.address, event.remote.address});
  if (asked != track.pending.end()) {
    subflow.backup = asked->backup;
    subflow.reason = asked->reason;
    subflow.rule = asked->rule;
    joins.erase(asked->action);
    track.pending.erase(asked);
  }
  if (event.local_id != 0) connection.ids.use(event.local_id, event.local.address);
  if (subflow.ifindex == 0)
    if (const auto path = paths.find(event.local.address); path != paths.end())
      subflow.ifindex = path->second.ifindex;
  const auto twin = std::ranges::find_if(connection.subflows, [&](const auto& entry) {
    return !connection.server_side && entry.first != key &&
           entry.first.local.address == key.local.address && entry.first.remote == key.remote;
  });
  const auto older =
      twin == connection.subflows.end() ? std::nullopt : std::optional<SubflowKey>(twin->first);
  connection.subflows.insert_or_assign(key, subflow);
  auto& mine = track.subflows[key];
  mine = {};
  mine.number = next_subflow++;
  mine.progressed = now;
  ++totals[key.local.address].subflows_opened;
  sign_of_life({key.local.address, key.remote.address}, now);
  announcer.established_on(connection, key.local);
  track.busy_until = std::max(track.busy_until, now + seconds(1));
  schedule_sample(connection, true, now);
  if (!connection.server_side) {
    get_to_know(connection.subflows.at(key), now);
    make_room(connection, connection.subflows.at(key), now);
  }
  // A SYN that was given up for lost may have come through after all; or what waited for its end
  // has its successor.
  if (older) {
    const auto& its = track.subflows[*older];
    retire(connection, its.doomed || its.silence.silent() ? *older : key, false, "twice", now);
  }
  plan_later(connection.token, {}, now);
}

void Decider::Impl::subflow_closed(Connection& connection, const kernel::MptcpEvent& event,
                                   MonotonicTime now) {
  const SubflowKey key{event.local, event.remote};
  const Pair pair{key.local.address, key.remote.address};
  const auto found = connection.subflows.find(key);
  if (found == connection.subflows.end()) {
    // An end of our own making, which another try may have followed already.
    if (event.error == ECONNABORTED) return;
    // Refused or never answered: what was asked for does not come.
    auto& pending = tracks[connection.token].pending;
    const auto asked = std::ranges::find_if(pending, [&](const Pending& one) {
      return one.local == pair.local && one.remote == key.remote &&
             (event.local_id == 0 || one.id == event.local_id);
    });
    if (asked == pending.end()) return;
    joins.erase(asked->action);
    pending.erase(asked);
    remind(connection, now);
    if (!event.reset_reason)
      return lost(connection, pair, event.error == ECONNREFUSED ? "join-refused" : "join-failed",
                  {}, now);
    const auto why = reset_words(event);
    note(connection.token, "join-reset",
         fmt::format("{} takes no subflow from {}: {}", key.remote.text(), pair.local.text(), why));
    return lost(connection, pair, "join-reset", {}, now, why);
  }
  const auto gone = found->second;
  const auto lived = now - gone.since;
  drop_subflow(connection, key);
  ++totals[key.local.address].subflows_lost;
  // A peer without a place for it refuses a join when it has seen our third packet.
  if (lived < kLived) remind(connection, now);
  if (event.error != 0 || event.reset_reason) left_behind(connection, gone, now);
  if (event.reset_reason) {
    const auto why = reset_words(event);
    note(connection.token, "join-reset",
         fmt::format("subflow {} to {} was reset by the peer: {}", key.local.text(),
                     key.remote.text(), why));
    return lost(connection, pair, "join-reset", lived, now, why);
  }
  note(connection.token, "subflow-lost",
       fmt::format("subflow {} to {} was closed, error {}", key.local.text(), key.remote.text(),
                   event.error));
  lost(connection, pair, "subflow-lost", lived, now);
}

void Decider::Impl::lost(Connection& connection, const Pair& pair, std::string code,
                         nanoseconds lived, MonotonicTime now, std::string detail) {
  auto& retry = tracks[connection.token].retries[pair];
  if (lived > kLived) retry.wait = {};
  const auto wait = retry.wait == nanoseconds::zero()
                        ? (lived > kLived ? nanoseconds(kAfterReset) : nanoseconds(kFirstRetry))
                        : retry.wait;
  // What was established once is no matter of a peer that does not want it.
  if (lived > nanoseconds::zero()) retry.worked = now;
  const nanoseconds longest = retry.worked && now - *retry.worked < kMayEndSoon
                                  ? std::clamp<nanoseconds>(connections.size() * kForEachConnection,
                                                            kLongestAfterLoss, kLongestRetry)
                                  : nanoseconds(kLongestRetry);
  retry.wait = std::min<nanoseconds>(std::max<nanoseconds>(wait * 2, kFirstRetry), longest);
  retry.not_before = now + wait;
  retry.code = std::move(code);
  retry.detail = std::move(detail);
  plan_later(connection.token, wait, now);
}

void Decider::Impl::drop_subflow(Connection& connection, const SubflowKey& key) {
  auto& track = tracks[connection.token];
  if (const auto mine = track.subflows.find(key); mine != track.subflows.end()) {
    book.forget_subflow(key.local.address, mine->second.number);
    track.subflows.erase(mine);
  }
  connection.subflows.erase(key);
}

void Decider::Impl::close(Token token, MonotonicTime now) {
  const auto found = connections.find(token);
  if (found == connections.end()) return;
  const auto track = tracks.find(token);
  for (const auto& [key, mine] : track->second.subflows)
    book.forget_subflow(key.local.address, mine.number);
  for (const auto when : track->second.planned) plans.erase({when, token});
  due.erase({track->second.sample_due, token});
  if (track->second.counted_busy) --busy;
  announcer.closed(token, now);
  announced(now);
  for (const auto& asked : track->second.pending) joins.erase(asked.action);
  tracks.erase(track);
  connections.erase(found);
  tidy(now);
}

/// Peers come and go; of those that are gone nothing is kept.
void Decider::Impl::tidy(MonotonicTime now) {
  constexpr seconds kTidy{10};
  constexpr std::chrono::minutes kRemembered{2};
  if (now - tidied < kTidy) return;
  tidied = now;
  std::set<IpAddress> peers;
  for (const auto& [token, connection] : connections)
    for (const auto& [id, peer] : connection.peer_addresses) peers.insert(peer.endpoint.address);
  std::erase_if(health, [&](const auto& entry) {
    return !peers.contains(entry.first.remote) &&
           now - std::max(entry.second.last_sign, entry.second.since) > kRemembered;
  });
}

void Decider::Impl::take(const input::Gone& input, MonotonicTime now) {
  close(input.token, now);
}

/// A program may make its socket before the path manager of new ones was switched to us, and
/// connect later: the first command that is refused shows it.
void Decider::Impl::leave_to_kernel(Token token, MonotonicTime now) {
  const auto found = connections.find(token);
  if (found == connections.end() || found->second.observed_only) return;
  auto& connection = found->second;
  connection.observed_only = true;
  tracks[token].pending.clear();
  tracks[token].retries.clear();
  announcer.closed(token, now);
  connection.announcements.clear();
  announced(now);
  note(token, "kernel-managed", "the kernel's own path manager has this connection");
}

/// A join that was asked for.
void Decider::Impl::refused(Token token, const input::Failed& input, MonotonicTime now) {
  const auto connection = connections.find(token);
  if (connection == connections.end()) return;
  auto& pending = tracks[token].pending;
  const auto asked = std::ranges::find(pending, input.action, &Pending::action);
  if (asked == pending.end()) return;
  const Pair pair{asked->local, asked->remote.address};
  pending.erase(asked);
  lost(connection->second, pair, input.error == ERANGE ? "limit" : "command-refused", {}, now);
}

void Decider::Impl::take(const input::Failed& input, MonotonicTime now) {
  if (input.not_ours != 0) {
    announcements.erase(input.action);
    return leave_to_kernel(input.not_ours, now);
  }
  if (const auto join = joins.find(input.action); join != joins.end()) {
    const auto token = join->second;
    joins.erase(join);
    return refused(token, input, now);
  }
  const auto told = announcements.find(input.action);
  if (told == announcements.end()) return;
  const auto [token, id] = told->second;
  announcements.erase(told);
  if (const auto connection = connections.find(token); connection != connections.end())
    announcer.failed(connection->second, id);
}

void Decider::Impl::take(const input::Listening& input, MonotonicTime now) {
  announcer.listening(input, connections, paths, now, out);
  announced(now);
}

void Decider::Impl::take(const input::Counters& input, MonotonicTime now) {
  announcer.counters(input);
  announcer.tick(connections, now, out);
  announced(now);
}

}  // namespace anabranch::paths
