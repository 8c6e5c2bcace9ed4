// SPDX-License-Identifier: MIT
// Connections that run already: those a new daemon takes over, and what is there after events were
// lost.
#include <algorithm>

#include "paths/decider_impl.hpp"

namespace anabranch::paths {
namespace {

/// Not what is still being asked for, nor what the kernel only has to bring to its end, of which no
/// event tells any more.
bool takes_part(const kernel::SubflowDiag& subflow, const kernel::ConnectionInfo& connection) {
  constexpr std::uint8_t kEstablished = 1, kSynSent = 2, kSynReceived = 3, kCloseWait = 8;
  if (subflow.state == kSynSent || subflow.state == kSynReceived) return false;
  return connection.state != kEstablished || subflow.state == kEstablished ||
         subflow.state == kCloseWait;
}

}  // namespace

void Decider::Impl::take(const input::Adopted& input, MonotonicTime now) {
  const auto& seen = input.connection;
  if (connections.contains(seen.token)) {
    // A re-read after lost events: what is there and what is not.
    announcer.events_lost();
    auto& connection = connections[seen.token];
    std::vector<SubflowKey> missing;
    for (const auto& [key, subflow] : connection.subflows)
      if (std::ranges::none_of(input.subflows, [&](const auto& one) {
            return SubflowKey{one.local, one.remote} == key && takes_part(one, seen);
          }))
        missing.push_back(key);
    for (const auto& key : missing) {
      drop_subflow(connection, key);
      lost(connection, {key.local.address, key.remote.address}, "subflow-lost", {}, now);
    }
  }
  auto& connection = connections[seen.token];
  const bool fresh = connection.token == 0;
  auto& track = tracks[seen.token];
  if (fresh) {
    connection.token = seen.token;
    connection.server_side = input.server_side;
    connection.established = true;
    connection.deny_join_id0 = input.deny_join_id0;
    connection.local = seen.local;
    connection.remote = seen.remote;
    connection.since = now;
    connection.peer_addresses[0] = {0, seen.remote, false};
    connection.observed_only = input.observed_only;
    for (const auto& own : input.own_addresses) {
      connection.ids.use(own.id, own.endpoint.address);
      if (own.announced)
        connection.announcements[own.id] = {own.id, own.endpoint, Announcement::State::kDone, now,
                                            1};
    }
    for (const auto& address : input.peer_addresses)
      connection.peer_addresses[address.id] = address;
  }
  connection.plain_tcp = seen.fallback;
  if (seen.uid) connection.uid = seen.uid;
  connection.last = seen;
  for (const auto& one : input.subflows) {
    const SubflowKey key{one.local, one.remote};
    if (one.local_id != 0) connection.ids.use(one.local_id, key.local.address);
    if (connection.subflows.contains(key) || !takes_part(one, seen)) continue;
    Subflow subflow;
    subflow.key = key;
    subflow.local_id = one.local_id;
    subflow.remote_id = one.remote_id;
    subflow.ifindex = one.ifindex;
    if (const auto path = paths.find(key.local.address); one.ifindex == 0 && path != paths.end())
      subflow.ifindex = path->second.ifindex;
    subflow.initial = one.initial;
    subflow.backup = one.backup || one.requested_backup;
    subflow.reason = fresh ? "adopted" : "";
    subflow.since = now;
    subflow.last = one;
    connection.subflows.emplace(key, subflow);
    auto& mine = track.subflows[key];
    mine.number = next_subflow++;
    mine.progressed = now;
    mine.counted_sent = one.octets_acknowledged;
    mine.counted_received = one.octets_received;
    mine.counted_retransmissions = one.retransmissions;
    if (!connection.server_side && !connection.observed_only) get_to_know(subflow, now);
  }
  track.busy_until = now + seconds(1);
  schedule_sample(connection, true, now);
  announcer.update(connection, paths, now, out);
  announced(now);
  if (!connection.server_side) {
    measure_unknown(connection, now);
    plan_later(seen.token, {}, now);
  }
}

}  // namespace anabranch::paths
