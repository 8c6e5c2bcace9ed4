// SPDX-License-Identifier: MIT
// What the figures tell: rates for the memory of paths, silences, stalls. A connection is read
// often while something moves, else rarely.
#include <algorithm>

#include <fmt/core.h>

#include "paths/decider_impl.hpp"

namespace anabranch::paths {
namespace {

constexpr milliseconds kBusyStep{5};
constexpr milliseconds kIdleStep{1000};
/// After its last octet a connection is looked at closely for so long.
constexpr milliseconds kBusyFor{1500};
/// Busy connections that are read at every step; with more of them each has its turn less often.
constexpr unsigned kBusyAtOnce = 32;
/// How often it is asked anew which subflows should carry data.
constexpr milliseconds kAssess{100};
/// A subflow that received steadily and fell silent, while another one goes on and its path
/// answers, was lost on the way (a translator forgot it).
constexpr milliseconds kQuiet{1200};
/// Data in order that has not grown for so long waits for something.
constexpr milliseconds kHole{8};
/// After a subflow has come or gone nothing is as usual.
constexpr milliseconds kDisturbed{700};
constexpr milliseconds kStalledDespiteRule{300};
/// A subflow that is merely slow has an ACK come more often than this, and than two round trips.
constexpr milliseconds kUnheard{100};
/// For so long a pair of paths is not tried again after a stall.
constexpr seconds kFirstVeto{5};
constexpr std::chrono::minutes kLongestVeto{10};
constexpr std::chrono::minutes kVetoForgotten{1};
/// Connections that have something to do at the same time.
constexpr unsigned kFew = 4;
/// TCP has not found its rate before.
constexpr seconds kYoung{2};

/// Whether the peer has ended its side (the TCP states after its FIN): all of its data has arrived.
bool peer_has_ended(std::uint8_t state) {
  constexpr std::uint8_t kTimeWait = 6, kClosed = 7, kCloseWait = 8, kLastAck = 9, kClosing = 11;
  return state == kTimeWait || state == kClosed || state == kCloseWait || state == kLastAck ||
         state == kClosing;
}

/// Whether we have ended our side and the peer has all of it; DATA_FIN counts as one octet.
bool all_delivered(const kernel::ConnectionInfo& info) {
  constexpr std::uint8_t kFinWait1 = 4, kFinWait2 = 5, kTimeWait = 6, kLastAck = 9, kClosing = 11;
  const bool ended = info.state == kFinWait1 || info.state == kFinWait2 ||
                     info.state == kTimeWait || info.state == kLastAck || info.state == kClosing;
  return ended && info.written - info.unacknowledged <= 1;
}

}  // namespace

void Decider::Impl::schedule_sample(Connection& connection, bool busy_now, MonotonicTime now) {
  auto& track = tracks[connection.token];
  if (busy_now) track.busy_until = std::max(track.busy_until, now + kBusyFor);
  const bool is = track.busy_until > now;
  if (is != track.counted_busy) busy = is ? busy + 1 : busy - 1;
  track.counted_busy = is;
  due.erase({track.sample_due, connection.token});
  const auto step = is ? nanoseconds(kBusyStep) * std::max(1U, busy / kBusyAtOnce)
                       : nanoseconds(kIdleStep) * (connections.size() > 2000 ? 5 : 1);
  track.sample_due = now + step;
  due.insert({track.sample_due, connection.token});
}

void Decider::Impl::take(const input::Sample& input, MonotonicTime now) {
  const auto found = connections.find(input.connection.token);
  if (found == connections.end()) return;
  auto& connection = found->second;
  auto& track = tracks[connection.token];
  connection.plain_tcp = input.connection.fallback;
  if (input.connection.received_next != connection.last.received_next) track.received_on = now;
  if (input.connection.unacknowledged != connection.last.unacknowledged)
    track.acknowledged_on = now;
  connection.last = input.connection;
  if (!connection.uid && input.connection.uid) owned(connection, input.connection.uid, now);
  const auto octets = input.connection.octets_received + input.connection.octets_acknowledged +
                      (input.connection.written - input.connection.unacknowledged);
  const bool moved = octets != track.seen_octets;
  track.seen_octets = octets;
  const bool waiting = input.connection.written != input.connection.unacknowledged;

  // What lies here afterwards may be gone from the maps: work by key.
  std::vector<SubflowKey> keys;
  for (const auto& seen : input.subflows) {
    const SubflowKey key{seen.local, seen.remote};
    const auto subflow = connection.subflows.find(key);
    if (subflow == connection.subflows.end()) continue;
    subflow->second.last = seen;
    keys.push_back(key);
  }
  schedule_sample(connection, moved || waiting, now);
  if (connection.observed_only || connection.plain_tcp) return;
  for (const auto& key : keys)
    if (const auto subflow = connection.subflows.find(key); subflow != connection.subflows.end())
      look(connection, subflow->second, now);
  if (!connection.established) return;
  guard(connection, now);
  verify_flags(connection, now);
  tell_priority_again(connection, now);
  if (!connection.server_side && now - track.assessed >= kAssess) {
    track.assessed = now;
    plan(connection, now);
  }
}

void Decider::Impl::look(Connection& connection, Subflow& subflow, MonotonicTime now) {
  auto& mine = tracks[connection.token].subflows[subflow.key];
  const auto& seen = subflow.last;
  const Pair pair{subflow.key.local.address, subflow.key.remote.address};
  auto& total = totals[pair.local];
  const bool progress =
      seen.octets_acknowledged > mine.counted_sent || seen.octets_received > mine.counted_received;
  if (seen.octets_acknowledged > mine.counted_sent)
    total.octets_sent += seen.octets_acknowledged - mine.counted_sent;
  if (seen.octets_received > mine.counted_received)
    total.octets_received += seen.octets_received - mine.counted_received;
  if (seen.retransmissions > mine.counted_retransmissions)
    total.retransmissions += seen.retransmissions - mine.counted_retransmissions;
  if (seen.data_segments_received != mine.segments) mine.heard = now;
  mine.segments = seen.data_segments_received;
  mine.counted_sent = seen.octets_acknowledged;
  mine.counted_received = seen.octets_received;
  mine.counted_retransmissions = seen.retransmissions;
  if (progress || mine.heard == now) {
    measuring[pair.local].traffic = now;
    mine.progressed = now;
    mine.quiet_since.reset();
    sign_of_life(pair, now);
  }
  if (mine.meter.sample(seen, now)) {
    subflow.sent_rate = mine.meter.sent();
    subflow.received_rate = mine.meter.received();
    book.learn(pair.local, mine.number, mine.meter, seen, now);
    // With thousands of subflows that have something to tell, no more often than one of them has.
    if (limits.active && now - limits.judged >= RateMeter::kRateWindow) limit_subflows(now);
  } else if (seen.minimum_rtt > nanoseconds::zero()) {
    book.saw_rtt(pair.local, seen.minimum_rtt, now);
  }
  if (mine.doomed) return;

  // The last packets of a connection are missed by nobody: a path is not given up for them.
  auto judged = seen;
  if (all_delivered(connection.last)) judged.unacknowledged = 0;
  if (peer_has_ended(connection.last.state) || peer_has_ended(seen.state))
    mine.silence.expect_no_data(now);
  switch (mine.silence.sample(judged, now, caution(pair, now))) {
    case SilenceDetector::Finding::kNothing:
      break;
    case SilenceDetector::Finding::kSending:
      // As long as the peer takes data in order nothing is missing.
      if (now - tracks[connection.token].acknowledged_on > kHole) suspect(connection, subflow, now);
      return;
    case SilenceDetector::Finding::kReceiving:
      // A server cannot ask its clients: translators and firewalls are between.
      if (!connection.server_side) {
        mine.quiet_since = now - mine.silence.silence();
        if (misses_something(connection, subflow.key, now))
          return suspect(connection, subflow, now);
        doubt(connection, subflow, now);
      }
      break;
  }
  if (mine.quiet_since && now - *mine.quiet_since < kQuiet / 2 &&
      misses_something(connection, subflow.key, now))
    return suspect(connection, subflow, now);
  if (mine.quiet_since && now - *mine.quiet_since > kQuiet &&
      others_alive(connection, subflow.key, now)) {
    const bool others_receive = std::ranges::any_of(connection.subflows, [&](const auto& entry) {
      return entry.first != subflow.key &&
             entry.second.last.since_data_received < milliseconds(100) &&
             entry.second.last.octets_received > 0;
    });
    if (others_receive) {
      const auto key = subflow.key;
      lost(connection, pair, "quiet", now - subflow.since, now);
      retire(connection, key, true, "quiet", now);
    }
  }
}

/// While another subflow goes on as before and what it brings is not in order, the sender has not
/// run dry: what is missing was on the silent one.
bool Decider::Impl::misses_something(const Connection& connection, const SubflowKey& key,
                                     MonotonicTime now) {
  return tracks[connection.token].subflows[key].silence.received_settled() &&
         now - tracks[connection.token].received_on > kHole &&
         another_receives(connection, key, now);
}

bool Decider::Impl::another_receives(const Connection& connection, const SubflowKey& key,
                                     MonotonicTime now) {
  constexpr milliseconds kJustNow{25};
  // For what a much slower path has yet to bring the sender may have to wait: no sign of anything.
  constexpr double kSlower = 3;
  const auto rate = quality(connection, key.local.address, now).rate.bits_per_second;
  const auto& track = tracks[connection.token];
  return std::ranges::any_of(connection.subflows, [&](const auto& entry) {
    const auto mine = track.subflows.find(entry.first);
    return entry.first != key && !entry.second.backup && mine != track.subflows.end() &&
           rate <=
               kSlower * quality(connection, entry.first.local.address, now).rate.bits_per_second &&
           mine->second.silence.receives_steadily() && now - mine->second.heard < kJustNow;
  });
}

/// The pair of paths is not tried again for as long as is returned: longer each time that it was,
/// and only then. What went well for long enough begins anew.
nanoseconds Decider::Impl::forbid(const IpAddress& fast, const SubflowKey& slow,
                                  MonotonicTime now) {
  auto& [until, length] = vetoes[{fast, slow.local.address}];
  if (now > until + length + kVetoForgotten) length = {};
  if (now >= until) {
    length = std::clamp<nanoseconds>(length * 2, kFirstVeto, kLongestVeto);
    until = now + length;
  }
  return until - now;
}

/// When we send: a slow subflow that makes the fast ones wait is taken out and comes back as a
/// backup; the pair of paths is not tried again for a while. One that has not been heard of either
/// is no slow company but perhaps cut off, which its own silence decides: it is made anew.
void Decider::Impl::guard(Connection& connection, MonotonicTime now) {
  auto& track = tracks[connection.token];
  for (auto& [key, slow] : connection.subflows) {
    if (slow.backup) continue;
    if (now - slow.since < kDisturbed || now < track.disturbed + kDisturbed) continue;
    const auto quality_slow = quality(connection, key.local.address, now);
    const Subflow* fast = nullptr;
    for (const auto& [other_key, other] : connection.subflows) {
      if (other_key.local.address == key.local.address || other.backup ||
          now - other.since < kYoung)
        continue;
      if (quality(connection, other_key.local.address, now).rate > quality_slow.rate &&
          stalled_by(connection.last, other.last, slow.last))
        fast = &other;
    }
    // What the rule says is good company stands still longer before it is believed to be bad.
    const bool good =
        fast && admit(quality(connection, fast->key.local.address, now), quality_slow,
                      limited_buffer(connection, fast->key.local.address, key.local.address))
                    .admitted;
    const auto patience = good ? nanoseconds(kStalledDespiteRule) : nanoseconds(kStalled);
    if (!track.subflows[key].stall.sample(fast != nullptr, now, patience)) continue;
    const auto copy = key;
    // Of many connections that share the paths, one that stalls says little of these: it gets a
    // fresh subflow, and nothing else changes.
    const bool heard = slow.last.since_ack < std::max<nanoseconds>(kUnheard, 2 * slow.last.rtt);
    const auto veto =
        busy > kFew || !heard ? nanoseconds{} : forbid(fast->key.local.address, copy, now);
    note(
        connection.token, "stalled",
        fmt::format("{} holds up {}: {}", copy.local.address.text(), fast->key.local.address.text(),
                    veto > nanoseconds{} ? "backup for " + duration_text(veto) : "made anew"));
    lost(connection, {copy.local.address, copy.remote.address}, "slow-company", {}, now);
    retire(connection, copy, false, "stalled", now);
    return;
  }
}

}  // namespace anabranch::paths
