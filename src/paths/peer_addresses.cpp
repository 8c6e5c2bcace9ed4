// SPDX-License-Identifier: MIT
#include "paths/peer_addresses.hpp"

#include <algorithm>

#include "base/address_scope.hpp"

namespace anabranch::paths {
namespace {

bool carries_subflow(const Connection& connection, const Endpoint& remote) {
  return std::ranges::any_of(connection.subflows,
                             [&](const auto& entry) { return entry.first.remote == remote; });
}

bool acceptable(const Connection& connection, const Endpoint& endpoint) {
  if (endpoint.port == 0) return false;
  if (is_loopback(endpoint.address)) return is_loopback(connection.remote.address);
  return announceable(endpoint.address);
}

}  // namespace

bool announceable(const IpAddress& address) {
  return is_global(address);
}

const Endpoint* reached_by(const Path& path, const Connection& connection) {
  const auto reached = [&](const IpAddress& peer) {
    return peer.family() == path.address.family() && path.reaches(peer);
  };
  // A usable path leads everywhere, also to addresses of its family that are still to come.
  if (path.usable || reached(connection.remote.address)) return &connection.remote;
  for (const auto& [id, peer] : connection.peer_addresses)
    if (reached(peer.endpoint.address)) return &peer.endpoint;
  for (const auto& [key, subflow] : connection.subflows)
    if (reached(key.remote.address)) return &key.remote;
  return nullptr;
}

Acceptance accept_announced(Connection& connection, const kernel::MptcpEvent& event) {
  // Id 0 is the initial subflow's address, which is known without being told.
  if (event.remote_id == 0 || !acceptable(connection, event.remote)) return Acceptance::kRejected;
  auto& known = connection.peer_addresses;
  const auto same = known.find(event.remote_id);
  if (same != known.end()) {
    if (same->second.endpoint == event.remote) return Acceptance::kRefreshed;
    // Another address should come after a REMOVE_ADDR only. That one has no echo and may be lost,
    // while ADD_ADDR is authenticated: it is believed unless traffic says otherwise.
    const bool other_port = same->second.endpoint.address == event.remote.address;
    if (!other_port && carries_subflow(connection, same->second.endpoint))
      return Acceptance::kConflict;
    same->second = {.id = event.remote_id, .endpoint = event.remote, .announced = true};
    return Acceptance::kStored;
  }
  // The same place under a new id: the peer took the old one back and that was lost.
  std::erase_if(known, [&](const auto& entry) {
    return entry.second.announced && entry.second.endpoint == event.remote;
  });
  const auto announced =
      std::ranges::count_if(known, [](const auto& entry) { return entry.second.announced; });
  if (static_cast<std::size_t>(announced) >= kMostAnnouncedAddresses) return Acceptance::kFull;
  known[event.remote_id] = {.id = event.remote_id, .endpoint = event.remote, .announced = true};
  return Acceptance::kStored;
}

std::optional<PeerAddress> accept_removed(Connection& connection, std::uint8_t id) {
  const auto found = connection.peer_addresses.find(id);
  if (found == connection.peer_addresses.end()) return std::nullopt;
  const PeerAddress out = found->second;
  connection.peer_addresses.erase(found);
  return out;
}

bool may_join(const Connection& connection, const PeerAddress& address) {
  return !connection.deny_join_id0 || address.endpoint != connection.remote;
}

}  // namespace anabranch::paths
