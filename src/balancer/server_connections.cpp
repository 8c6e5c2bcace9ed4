// SPDX-License-Identifier: MIT
#include "balancer/server_connections.hpp"

#include <algorithm>

namespace anabranch::balancer {
namespace {

// TCP's numbers of states in sock_diag.
constexpr std::uint8_t kClosed = 7;
constexpr std::uint8_t kListens = 10;

}  // namespace

void ServerConnections::serve(std::span<const Endpoint> services) {
  services_.clear();
  Place place = 0;
  for (const auto& service : services) services_.emplace(service, place++);
  // Of former services' connections nothing is known any more but that they were told.
  for (const auto& [token, former] : live_)
    if (learned_.erase(token) == 0) gone_.insert(token);
  live_.clear();
  counts_.assign(place, 0);
}

void ServerConnections::take(const kernel::MptcpEvent& event) {
  using Type = kernel::MptcpEvent::Type;
  if (event.type == Type::kClosed) return forget(event.token);
  if (event.type != Type::kCreated && event.type != Type::kEstablished) return;
  if (concerns(event)) learn(event.token, services_.at(event.local));
}

bool ServerConnections::concerns(const kernel::MptcpEvent& event) const {
  return event.server_side && services_.contains(event.local);
}

void ServerConnections::replace(std::span<const kernel::ConnectionInfo> connections) {
  std::unordered_set<std::uint32_t> there;
  for (const auto& connection : connections) {
    const auto service = services_.find(connection.local);
    if (service == services_.end() || connection.fallback || connection.token == 0 ||
        connection.state == kClosed || connection.state == kListens)
      continue;
    there.insert(connection.token);
    learn(connection.token, service->second);
  }
  std::vector<std::uint32_t> ended;
  for (const auto& [token, service] : live_)
    if (!there.contains(token)) ended.push_back(token);
  for (const auto token : ended) forget(token);
}

void ServerConnections::learn(std::uint32_t token, Place service) {
  if (live_.contains(token)) return;
  if (live_.size() >= most_) {
    ++left_out_;
    return;
  }
  live_.emplace(token, service);
  ++counts_.at(service);
  if (gone_.erase(token) == 0) learned_.insert(token);
}

void ServerConnections::forget(std::uint32_t token) {
  const auto found = live_.find(token);
  if (found == live_.end()) return;
  --counts_.at(found->second);
  live_.erase(found);
  if (learned_.erase(token) == 0) gone_.insert(token);
}

ServerConnections::Changes ServerConnections::changes() {
  Changes out{{learned_.begin(), learned_.end()}, {gone_.begin(), gone_.end()}};
  learned_.clear();
  gone_.clear();
  return out;
}

std::size_t ServerConnections::count(const Endpoint& service) const {
  const auto found = services_.find(service);
  return found == services_.end() ? 0 : counts_.at(found->second);
}

std::vector<std::uint32_t> ServerConnections::tokens() const {
  std::vector<std::uint32_t> out;
  out.reserve(live_.size());
  for (const auto& [token, service] : live_) out.push_back(token);
  return out;
}

}  // namespace anabranch::balancer
