// SPDX-License-Identifier: MIT
// Which subflows there should be. Each path is assessed for a connection: the fastest carries data,
// another one if it is good company (admission.hpp) and its rate is sure, the others are backups.
// Then the flags of the subflows there are follow (settle()), and missing ones are asked for
// (plan()). How one is taken out is in decider_retire.cpp.
#include <algorithm>

#include "paths/decider_impl.hpp"
#include "paths/setting_definitions.hpp"

namespace anabranch::paths {
namespace {

/// Measurements of a path become rarer up to this many doublings.
constexpr unsigned kRarest = 8;
/// A join waits for the measurement of its path at most so long.
constexpr milliseconds kMeasurePatience{250};
/// A path that nothing has passed for so long is idle.
constexpr milliseconds kIdle{250};
/// After a change between active and backup the next one rests; longer with every change.
constexpr milliseconds kSettle{1000};
constexpr seconds kLongestSettle{60};
constexpr milliseconds kFirstLook{250};
/// Before a slow subflow that was destroyed comes back as a backup.
constexpr milliseconds kBackAsBackup{600};
/// An active subflow is demoted only when the rule fails clearly.
constexpr double kClearly = 1.6;

/// What a path did to those who send over it says nothing of the other direction, where the peer
/// chooses the path of each octet.
bool mostly_receives(const kernel::ConnectionInfo& connection) {
  constexpr std::uint64_t kEnough = 256 * 1024;
  constexpr std::uint64_t kMuchMore = 8;
  return connection.octets_received > kEnough &&
         connection.octets_received / kMuchMore > connection.octets_sent;
}

}  // namespace

const PathRule* Decider::Impl::rule_for(const Connection& connection, const Path& path) const {
  if (settings.rules.empty()) return nullptr;
  return policy::first_match(settings.rules, {connection.remote.address, connection.remote.port,
                                              connection.uid, connection.cgroup, path.interface});
}

/// What a path of this family leads to: where the connection went, or an address that the peer has
/// announced. Null: the peer has none.
const Endpoint* Decider::Impl::remote_of(const Connection& connection, Family family) const {
  if (connection.remote.address.family() == family) return &connection.remote;
  for (const auto& [id, peer] : connection.peer_addresses)
    if (peer.endpoint.address.family() == family) return &peer.endpoint;
  return nullptr;
}

/// Whether the connection may use the path: those of its own family, and of a host role's paths
/// also the other family, where the path has nothing else for it or both are wanted.
bool Decider::Impl::concerns(const Connection& connection, const Path& path) const {
  const auto family = connection.remote.address.family();
  if (path.address.family() == family) return true;
  if (path.group.empty() || remote_of(connection, path.address.family()) == nullptr) return false;
  return settings.both_families || std::ranges::none_of(paths, [&](const auto& entry) {
           const Path& other = entry.second;
           return other.group == path.group && other.usable && other.address.family() == family;
         });
}

/// Whether the connection has, or has asked for, a subflow over the same path in the other family.
bool Decider::Impl::other_family_is_there(const Connection& connection, const Path& path) const {
  if (path.group.empty() || settings.both_families) return false;
  const auto same = [&](const IpAddress& local) {
    const auto found = paths.find(local);
    return found != paths.end() && found->second.group == path.group &&
           local.family() != path.address.family();
  };
  const auto& track = tracks.at(connection.token);
  return std::ranges::any_of(connection.subflows,
                             [&](const auto& entry) {
                               return same(entry.first.local.address) &&
                                      !track.subflows.at(entry.first).doomed;
                             }) ||
         std::ranges::any_of(track.pending, [&](const Pending& one) { return same(one.local); });
}

void Decider::Impl::plan_later(Token token, nanoseconds delay, MonotonicTime now) {
  auto& planned = tracks[token].planned;
  const auto when = now + delay;
  // What comes before asks again.
  if (!planned.empty() && *planned.begin() <= when) return;
  planned.insert(when);
  plans.insert({when, token});
}

/// A train between other packets tells little, so a path is measured while it is idle; a second
/// time to be sure, and again more and more rarely when the two do not agree.
void Decider::Impl::measure_unknown(Connection& connection, MonotonicTime now) {
  for (const auto& [address, path] : paths) {
    if (!concerns(connection, path)) continue;
    const auto* reached = reached_by(path, connection);
    if (!reached) continue;
    const Endpoint& remote = reached->address.family() == address.family()
                                 ? *reached
                                 : *remote_of(connection, address.family());
    if (book.confident(address, now) || failed({address, remote.address})) continue;
    auto& last = measuring[address];
    const bool idle = now - last.traffic > kIdle;
    const bool first = last.trains == 0;
    // On a connection that has just begun only the other paths are sure to be idle.
    if (!idle || last.running ||
        (first && address == connection.local.address && now - connection.since < kIdle))
      continue;
    if (!first && now - last.since < kIdle * (1 << std::min(last.trains, kRarest))) continue;
    last.since = now;
    last.running = true;
    ++last.trains;
    const auto id = next_question++;
    measurements[id] = {address, remote.address};
    act(action::Measure{id, address, path.ifindex, remote}, "unknown-rate");
  }
  for (const auto& [address, trains] : measuring)
    if (paths.contains(address) && !trains.running && !book.confident(address, now))
      plan_later(connection.token, kIdle * (1 << std::min(trains.trains, kRarest)), now);
}

void Decider::Impl::take(const input::Measured& input, MonotonicTime now) {
  const auto found = measurements.find(input.id);
  if (found == measurements.end()) return;
  const auto pair = found->second;
  measurements.erase(found);
  measuring[pair.local].running = false;
  if (input.answered > 0) {
    book.measured(pair.local, input.rate, input.rtt, now);
    health[pair].answers = true;
    health[pair].last_sign = now;
  }
  for (const auto& [token, connection] : connections)
    if (!connection.server_side && connection.established) plan_later(token, {}, now);
  prefer(now);
}

/// What is known of the path, seen from this connection: if it carries more than anybody knew, that
/// is known now.
Quality Decider::Impl::quality(const Connection& connection, const IpAddress& local,
                               MonotonicTime now) const {
  const bool receiving = connection.last.octets_received > connection.last.octets_acknowledged;
  auto known = book.quality(local, receiving ? Direction::kReceive : Direction::kSend, now);
  BitRate here;
  for (const auto& [key, subflow] : connection.subflows) {
    if (key.local.address != local) continue;
    here.bits_per_second +=
        receiving ? subflow.received_rate.bits_per_second : subflow.sent_rate.bits_per_second;
    if (known.minimum_rtt == nanoseconds::zero()) known.minimum_rtt = subflow.last.minimum_rtt;
    if (known.minimum_rtt == nanoseconds::zero()) known.minimum_rtt = subflow.last.rtt;
  }
  known.rate = std::max(known.rate, here);
  // Of a path that has shown nothing yet this much is sure: what TCP may send in its first round.
  if (known.rate.bits_per_second <= 0 && local == connection.local.address &&
      known.minimum_rtt > nanoseconds::zero()) {
    constexpr std::uint64_t kFirstWindow = 10UL * 1448;
    known.rate = rate_of(kFirstWindow, known.minimum_rtt);
  }
  return known;
}

std::map<IpAddress, Assessment> Decider::Impl::assess(const Connection& connection,
                                                      MonotonicTime now) const {
  std::map<IpAddress, Assessment> wishes;
  std::map<IpAddress, Quality> qualities;
  const IpAddress* best = nullptr;
  for (const auto& [address, path] : paths) {
    if (!concerns(connection, path)) continue;
    auto& mine = wishes[address];
    if (!reached_by(path, connection)) {
      mine.code = "path-unusable";
      continue;
    }
    if (const auto* rule = rule_for(connection, path)) {
      mine.rule = rule->name;
      if (rule->deny) {
        mine.code = "denied-by-rule";
        continue;
      }
      if (rule->backup.value_or(false)) {
        mine.wish = Wish::kBackup;
        mine.code = "backup-by-rule";
        continue;
      }
      if (rule->backup.has_value()) {
        mine.wish = Wish::kActive;
        mine.code = "active-by-rule";
      }
    }
    const auto known = qualities[address] = quality(connection, address, now);
    const bool established = std::ranges::any_of(connection.subflows, [&](const auto& entry) {
      return entry.first.local.address == address;
    });
    // A path that is given up now cannot be what the others are compared with.
    const auto memory = book.all().find(address);
    if (memory != book.all().end() && memory->second.failed) continue;
    if (std::ranges::any_of(connection.peer_addresses,
                            [&](const auto& peer) {
                              return failed({address, peer.second.endpoint.address});
                            }) &&
        !established)
      continue;
    if (known.rate.bits_per_second > 0 && (!best || known.rate > qualities.at(*best).rate))
      best = &wishes.find(address)->first;
  }
  // Of the path the connection runs on nothing is known yet: nothing can be better than it.
  if (const auto own = qualities.find(connection.local.address);
      own != qualities.end() && own->second.rate.bits_per_second <= 0)
    best = nullptr;
  for (auto& [address, mine] : wishes) {
    if (mine.wish != Wish::kNone || !qualities.contains(address)) continue;
    const auto& known = qualities.at(address);
    if (best && address == *best) {
      mine.wish = Wish::kActive;
      mine.code = "best-path";
      continue;
    }
    if (!best) {
      mine.wish = address == connection.local.address ? Wish::kActive : Wish::kBackup;
      mine.code = mine.wish == Wish::kActive ? "initial" : "unknown-rate";
    } else if (known.rate.bits_per_second <= 0) {
      mine.wish = Wish::kBackup;
      mine.code = "unknown-rate";
    } else {
      auto verdict = admit(qualities.at(*best), known, limited_buffer(connection, *best, address));
      const auto veto = vetoes.find({*best, address});
      const bool active = std::ranges::any_of(connection.subflows, [&](const auto& entry) {
        return entry.first.local.address == address && !entry.second.backup;
      });
      // How long the queue of the best path is, is a guess until it has been full.
      const bool guessed = qualities.at(*best).loaded_rtt == nanoseconds::zero();
      if (active && !guessed && verdict.code == std::string_view("slow-company") &&
          static_cast<double>(verdict.need) < kClearly * static_cast<double>(verdict.room))
        verdict.admitted = true;
      if (!known.sure && !active) {
        verdict.admitted = false;
        verdict.code = "unknown-rate";
      }
      if (veto != vetoes.end() && veto->second.first > now && !mostly_receives(connection.last)) {
        verdict.admitted = false;
        verdict.code = "stalled-before";
      }
      mine.wish = verdict.admitted ? Wish::kActive : Wish::kBackup;
      mine.code = verdict.admitted ? "good-company" : verdict.code;
    }
    const auto running = measuring.find(address);
    if (mine.code == std::string_view("unknown-rate") && running != measuring.end() &&
        running->second.running && now - running->second.since < kMeasurePatience)
      mine.wish = Wish::kWait;
  }
  return wishes;
}

void Decider::Impl::plan(Connection& connection, MonotonicTime now) {
  if (connection.server_side || connection.observed_only || connection.plain_tcp ||
      !connection.established)
    return;
  auto& track = tracks[connection.token];
  expire_joins(connection, now);
  finish_doomed(connection, now);
  tell_again(connection, now);
  measure_unknown(connection, now);
  const auto wishes = assess(connection, now);
  settle(connection, wishes, now);

  auto count = static_cast<unsigned>(track.pending.size());
  for (const auto& [key, subflow] : connection.subflows) count += subflow.initial ? 0 : 1;
  const auto busy_with = [&](const IpAddress& local, const IpAddress& remote) {
    return std::ranges::any_of(connection.subflows,
                               [&](const auto& entry) {
                                 return entry.first.local.address == local &&
                                        entry.first.remote.address == remote &&
                                        !track.subflows.at(entry.first).doomed;
                               }) ||
           std::ranges::any_of(track.pending, [&](const Pending& one) {
             return one.local == local && one.remote.address == remote;
           });
  };
  const auto usable_peer = [&](const PeerAddress& peer) { return may_join(connection, peer); };
  const auto used = [&](const IpAddress& remote) {
    return std::ranges::count_if(
               connection.subflows,
               [&](const auto& entry) { return entry.first.remote.address == remote; }) +
           std::ranges::count_if(track.pending,
                                 [&](const Pending& one) { return one.remote.address == remote; });
  };
  const auto try_pair = [&](const Path& path, const PeerAddress& peer, const Assessment& wish) {
    const Pair pair{path.address, peer.endpoint.address};
    if (!path.reaches(pair.remote)) return false;
    const auto* rule = rule_for(connection, path);
    const auto limit = std::min(definition::kMostSubflows,
                                rule && rule->subflows ? *rule->subflows : settings.subflows);
    if (count >= limit) return false;
    if (busy_with(pair.local, pair.remote)) return false;
    if (other_family_is_there(connection, path)) return false;
    if (const auto state = health.find(pair);
        state != health.end() && state->second.state == PairHealth::State::kFailed &&
        (state->second.answers || state->second.questions % kTryAnyway != 0))
      return false;
    if (const auto retry = track.retries.find(pair);
        retry != track.retries.end() && retry->second.not_before > now) {
      plan_later(connection.token, retry->second.not_before - now, now);
      return false;
    }
    create(connection, path, peer.endpoint, wish, now);
    ++count;
    return true;
  };

  // The connection's own family has the first choice of a path that both lead over.
  std::vector<std::pair<IpAddress, Assessment>> in_turn(wishes.begin(), wishes.end());
  std::ranges::stable_partition(in_turn, [&](const auto& entry) {
    return entry.first.family() == connection.remote.address.family();
  });
  for (const auto& [address, wish] : in_turn) {
    if (wish.wish == Wish::kNone) continue;
    if (wish.wish == Wish::kWait) {
      plan_later(connection.token, kMeasurePatience / 5, now);
      continue;
    }
    const auto& path = paths.at(address);
    const bool has = std::ranges::any_of(connection.peer_addresses, [&](const auto& peer) {
      return busy_with(address, peer.second.endpoint.address);
    });
    if (has) continue;
    // The peer's address that is used least; addresses given first break ties.
    std::vector<const PeerAddress*> peers;
    for (const auto& [id, peer] : connection.peer_addresses)
      if (usable_peer(peer) && peer.endpoint.address.family() == address.family())
        peers.push_back(&peer);
    std::ranges::stable_sort(peers, {},
                             [&](const PeerAddress* peer) { return used(peer->endpoint.address); });
    for (const auto* peer : peers)
      if (try_pair(path, *peer, wish)) break;
  }
  // Every address that the peer announced is tried over some path.
  for (const auto& [id, peer] : connection.peer_addresses) {
    if (!peer.announced || !usable_peer(peer) || used(peer.endpoint.address) > 0) continue;
    for (const auto& [address, wish] : wishes) {
      if ((wish.wish != Wish::kActive && wish.wish != Wish::kBackup) ||
          address.family() != peer.endpoint.address.family())
        continue;
      if (try_pair(paths.at(address), peer, wish)) break;
    }
  }
}

void Decider::Impl::create(Connection& connection, const Path& path, const Endpoint& remote,
                           const Assessment& wish, MonotonicTime now) {
  auto& track = tracks[connection.token];
  const auto id = connection.ids.of(path.address, now);
  if (id == 0) {
    track.retries[{path.address, remote.address}] = {now + seconds(10), seconds(10), "no-id"};
    return;
  }
  std::erase_if(track.taken_back, [&](const TakenBack& one) { return one.id == id; });
  const bool backup = wish.wish == Wish::kBackup;
  const auto number =
      act(action::CreateSubflow{connection.token, id, path.address, path.ifindex, remote, backup},
          wish.code);
  // A refusal comes at once: the last ones are enough, should all connections ask together.
  constexpr std::size_t kRemembered = 16'384;
  joins[number] = connection.token;
  if (joins.size() > kRemembered) joins.erase(joins.begin());
  track.pending.push_back({path.address, remote, backup, wish.code, wish.rule, now, number, id});
  plan_later(connection.token, join_patience(track, {path.address, remote.address}), now);
}

/// Brings the flags of the subflows there are to what is wanted.
void Decider::Impl::settle(Connection& connection, const std::map<IpAddress, Assessment>& wishes,
                           MonotonicTime now) {
  auto& track = tracks[connection.token];
  end_holding_back(connection, now);
  if (!track.holding_back.empty()) return;
  std::vector<std::pair<SubflowKey, std::string>> out_of_the_way;
  for (auto& [key, subflow] : connection.subflows) {
    const auto wish = wishes.find(key.local.address);
    if (wish == wishes.end() || track.subflows.at(key).doomed) continue;
    if (wish->second.wish == Wish::kNone &&
        wish->second.code == std::string_view("denied-by-rule")) {
      out_of_the_way.emplace_back(key, wish->second.code);
      continue;
    }
    const bool to_active = wish->second.wish == Wish::kActive && subflow.backup;
    const bool to_backup = wish->second.wish == Wish::kBackup && !subflow.backup;
    if (!to_active && !to_backup) {
      if (wish->second.wish == Wish::kActive || wish->second.wish == Wish::kBackup) {
        subflow.reason = wish->second.code;
        subflow.rule = wish->second.rule;
      }
      continue;
    }
    auto& rests = track.settled[key.local.address];
    auto& length = track.settling[key.local.address];
    // What proves wrong is taken back sooner than what was taken back is tried again.
    if (now < rests && !(to_backup && rests - now < length - kFirstLook)) continue;
    // What nobody knows is no reason to stop what works.
    if (to_backup && wish->second.code == std::string_view("unknown-rate")) {
      const auto best = std::ranges::find_if(wishes, [](const auto& entry) {
        return entry.second.code == std::string_view("best-path");
      });
      if (best == wishes.end()) continue;
      // Unless its round trip alone is too long for the company of the best one.
      const auto fast = quality(connection, best->first, now);
      auto slow = quality(connection, key.local.address, now);
      slow.rate = fast.rate;
      if (slow.minimum_rtt == nanoseconds::zero() || admit(fast, slow).admitted) continue;
    }
    const bool another = std::ranges::any_of(connection.subflows, [&](const auto& entry) {
      const auto other = wishes.find(entry.first.local.address);
      return entry.first != key && proven(entry.second, now) && !entry.second.backup &&
             other != wishes.end() && other->second.wish == Wish::kActive &&
             !failed({entry.first.local.address, entry.first.remote.address});
    });
    if (to_backup && !another) continue;
    length = std::clamp<nanoseconds>(length * 2, kSettle, kLongestSettle);
    rests = now + length;
    subflow.reason = wish->second.code;
    subflow.rule = wish->second.rule;
    const auto& last = subflow.last;
    if (to_backup && (last.unacknowledged > 0 || last.unsent > 0 ||
                      last.since_data_received < milliseconds(300))) {
      // What is queued there would be waited for: taken out, it is sent again on the others.
      out_of_the_way.emplace_back(key, wish->second.code);
      continue;
    }
    subflow.backup = to_backup;
    act(action::SetBackup{connection.token, key, to_backup}, wish->second.code);
    auto& mine = track.subflows.at(key);
    mine.flag_asked = now;
    mine.flag_attempts = 0;
  }
  for (const auto& [key, why] : out_of_the_way) {
    track.retries[{key.local.address, key.remote.address}] = {now + kBackAsBackup, {}, why};
    retire(connection, key, false, why, now);
  }
}

}  // namespace anabranch::paths
