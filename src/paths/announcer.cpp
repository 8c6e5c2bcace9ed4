// SPDX-License-Identifier: MIT
#include "paths/announcer.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "paths/peer_addresses.hpp"

namespace anabranch::paths {
namespace {

/// Both ends are on this machine: there are no paths to tell of.
bool stays_here(const Connection& connection, const Announcer::Paths& paths) {
  return is_loopback(connection.remote.address) || paths.contains(connection.remote.address);
}

/// The peer knows the address already: the connection uses it, or it was announced.
bool known_to_peer(const Connection& connection, const IpAddress& address) {
  if (connection.local.address == address) return true;
  for (const auto& [key, subflow] : connection.subflows)
    if (key.local.address == address) return true;
  return std::ranges::any_of(connection.announcements, [&](const auto& entry) {
    return entry.second.endpoint.address == address;
  });
}

/// Peers take few addresses, and older ones count those they cannot use: first the family of the
/// connection, and of each interface one address before the second of any.
std::vector<const Path*> in_order(const Connection& connection, std::vector<const Path*> paths) {
  using Rank = std::tuple<bool, unsigned, IpAddress>;
  std::map<unsigned, unsigned> of_interface;
  std::vector<std::pair<Rank, const Path*>> ranked;
  for (const bool other_family : {false, true})
    for (const Path* path : paths) {
      if ((path->address.family() != connection.local.address.family()) != other_family) continue;
      ranked.push_back({{other_family, of_interface[path->ifindex]++, path->address}, path});
    }
  std::ranges::sort(ranked);
  std::vector<const Path*> out;
  for (const auto& [rank, path] : ranked) out.push_back(path);
  return out;
}

/// A peer that only some paths lead to is told of those alone.
bool leads_to_peer(const Path& path, const Connection& connection) {
  return reached_by(path, connection) != nullptr;
}

/// A change after which an announcement that failed deserves another try.
bool differs(const Path& before, const Path& after) {
  return before.ifindex != after.ifindex || before.router != after.router ||
         before.usable != after.usable || before.destinations != after.destinations;
}

}  // namespace

Announcer::Announcer(AnnounceMode mode, Allowed allowed)
    : mode_(mode), allowed_(std::move(allowed)) {}

bool Announcer::announces(const Connection& connection) const {
  if (!connection.established || connection.observed_only || connection.plain_tcp) return false;
  return mode_ == AnnounceMode::kAlways ||
         (mode_ == AnnounceMode::kServer && connection.server_side);
}

void Announcer::update(Connection& connection, const Paths& paths, MonotonicTime now,
                       std::vector<Action>& out) {
  if (!announces(connection) || stays_here(connection, paths)) return;
  take_back(connection, paths, now, out);
  std::vector<const Path*> wanted;
  for (const auto& [address, path] : paths) {
    if (leads_to_peer(path, connection) && announceable(address) &&
        !known_to_peer(connection, address) && allowed_(connection, path))
      wanted.push_back(&path);
  }
  for (const Path* path : in_order(connection, std::move(wanted))) {
    if (connection.announcements.size() >= kMostAnnouncements) break;
    offer(connection, *path, now, out);
  }
}

void Announcer::take_back(Connection& connection, const Paths& paths, MonotonicTime now,
                          std::vector<Action>& out) {
  for (auto at = connection.announcements.begin(); at != connection.announcements.end();) {
    const Announcement announcement = at->second;
    const auto path = paths.find(announcement.endpoint.address);
    if (path != paths.end() && leads_to_peer(path->second, connection) &&
        allowed_(connection, path->second)) {
      ++at;
      continue;
    }
    at = connection.announcements.erase(at);
    // What the kernel refused it does not know.
    if (announcement.attempts > 0)
      out.push_back({.reason = "announce-gone",
                     .what = action::RemoveAddress{connection.token, announcement.id}});
    forget(connection, announcement, now);
  }
}

void Announcer::offer(Connection& connection, const Path& path, MonotonicTime now,
                      std::vector<Action>& out) {
  using State = ListenerPlan::Place::State;
  const auto place =
      connection.server_side
          ? listeners_.find(connection.token, {path.address, connection.local.port}, out)
          : listeners_.find_any(connection.token, path.address, out);
  if (place.state == State::kPending || place.state == State::kNone) return;
  Announcement announcement;
  announcement.endpoint.address = path.address;
  // Without a port an ADD_ADDR means the connection's own, and is shorter.
  if (place.state == State::kOurs && place.port != connection.local.port)
    announcement.endpoint.port = place.port;
  // To the kernel an address with a port is another one than without.
  announcement.id = announcement.endpoint.port == 0 ? connection.ids.of(path.address, now)
                                                    : connection.ids.fresh(now);
  if (announcement.id == 0) return;
  send(connection, connection.announcements[announcement.id] = announcement, "announce-usable", now,
       out);
}

void Announcer::send(const Connection& connection, Announcement& announcement, std::string reason,
                     MonotonicTime now, std::vector<Action>& out) {
  announcement.state = Announcement::State::kSent;
  announcement.sent = now;
  ++announcement.attempts;
  echoes_.sent(connection.token, announcement.id, announcement.attempts, now);
  out.push_back(
      {.reason = std::move(reason),
       .what = action::Announce{connection.token, announcement.id, announcement.endpoint, 0}});
}

void Announcer::forget(Connection& connection, const Announcement& announcement,
                       MonotonicTime now) {
  echoes_.forget(connection.token, announcement.id);
  listeners_.release(connection.token, announcement.endpoint.address, now);
  connection.ids.release(announcement.id, now);
}

void Announcer::paths_changed(Connections& connections, const Paths& paths, MonotonicTime now,
                              std::vector<Action>& out) {
  std::set<IpAddress> changed;
  for (const auto& [address, path] : paths) {
    const auto before = known_.find(address);
    if (before == known_.end() || differs(before->second, path)) changed.insert(address);
  }
  for (const auto& [address, path] : known_)
    if (!paths.contains(address)) changed.insert(address);
  for (const auto& address : changed) listeners_.address_changed(address);
  known_ = paths;
  for (auto& [token, connection] : connections) {
    update(connection, paths, now, out);
    if (!announces(connection)) continue;
    for (auto& [id, announcement] : connection.announcements) {
      if (announcement.state != Announcement::State::kFailed ||
          !changed.contains(announcement.endpoint.address))
        continue;
      announcement.attempts = 0;
      send(connection, announcement, "announce-usable", now, out);
    }
  }
}

void Announcer::listening(const input::Listening& answer, Connections& connections,
                          const Paths& paths, MonotonicTime now, std::vector<Action>& out) {
  for (const Token token : listeners_.answered(answer, out))
    if (const auto found = connections.find(token); found != connections.end())
      update(found->second, paths, now, out);
}

void Announcer::established_on(Connection& connection, const Endpoint& local) {
  for (auto& [id, announcement] : connection.announcements) {
    const std::uint16_t port =
        announcement.endpoint.port == 0 ? connection.local.port : announcement.endpoint.port;
    if (announcement.endpoint.address != local.address || port != local.port) continue;
    announcement.state = Announcement::State::kDone;
    echoes_.forget(connection.token, id);
  }
}

void Announcer::removed(Connection& connection, std::uint8_t id, MonotonicTime now) {
  const auto found = connection.announcements.find(id);
  if (found == connection.announcements.end()) {
    connection.ids.release(id, now);
    return;
  }
  const Announcement announcement = found->second;
  connection.announcements.erase(found);
  forget(connection, announcement, now);
}

void Announcer::failed(Connection& connection, std::uint8_t id) {
  const auto found = connection.announcements.find(id);
  if (found == connection.announcements.end()) return;
  found->second.state = Announcement::State::kFailed;
  found->second.attempts = 0;
  echoes_.forget(connection.token, id);
}

void Announcer::closed(Token token, MonotonicTime now) {
  echoes_.forget(token);
  listeners_.release(token, now);
}

void Announcer::tick(Connections& connections, MonotonicTime now, std::vector<Action>& out) {
  for (const auto& verdict : echoes_.due(now)) {
    const auto connection = connections.find(verdict.token);
    if (connection == connections.end()) continue;
    const auto found = connection->second.announcements.find(verdict.id);
    if (found == connection->second.announcements.end()) continue;
    Announcement& announcement = found->second;
    if (verdict.echoed) {
      announcement.state = Announcement::State::kDone;
    } else if (announcement.attempts < kMostAttempts) {
      send(connection->second, announcement, "announce-unanswered", now, out);
    } else {
      announcement.state = Announcement::State::kFailed;
      out.push_back({.reason = "announce-failed",
                     .what = action::Note{verdict.token, "announce-failed",
                                          fmt::format("{} was announced {} times with id {} and "
                                                      "never echoed; it is not announced again "
                                                      "before it changes",
                                                      announcement.endpoint.address.text(),
                                                      announcement.attempts, verdict.id)}});
    }
  }
  listeners_.tick(now, out);
}

std::optional<MonotonicTime> Announcer::next() const {
  const auto echo = echoes_.next();
  const auto listener = listeners_.next();
  if (!echo || !listener) return echo ? echo : listener;
  return std::min(*echo, *listener);
}

}  // namespace anabranch::paths
