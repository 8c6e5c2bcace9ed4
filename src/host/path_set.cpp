// SPDX-License-Identifier: MIT
#include "host/path_set.hpp"

#include <algorithm>

#include "wire/dhcp_client_id.hpp"

namespace anabranch::host {

/// The lease path `index` goes on with, out of where it lay.
std::optional<Lease> PathSet::take_lease(unsigned index) {
  std::optional<Lease> out;
  if (const auto running = paths_.find(index); running != paths_.end()) {
    out = running->second->client().lease();
    paths_.erase(running);
  }
  const auto found = std::ranges::find_if(
      adopted_, [&](const Lease& lease) { return lease.route.index == index; });
  if (found != adopted_.end()) {
    out = std::move(*found);
    adopted_.erase(found);
  }
  return out;
}

bool PathSet::holds(const IpAddress& address, unsigned but_index) const {
  return std::ranges::any_of(paths_, [&](const auto& entry) {
    const auto& held = entry.second->client().lease();
    return entry.first != but_index && held && held->address.address() == address;
  });
}

Result<void> PathSet::start(const Identity& identity, unsigned index,
                            const kernel::LinkInfo& macvlan, bool link_up, MonotonicTime now) {
  if (const auto running = paths_.find(index);
      running != paths_.end() && running->second->macvlan().index == macvlan.index)
    return {};
  const auto lease = take_lease(index);
  DhcpClient::Settings settings;
  settings.index = static_cast<std::uint8_t>(index);
  settings.mac = macvlan.mac;
  settings.client_id = wire::make_client_id(path_iaid(identity.parent, index), identity.duid);
  settings.ext_route_code = identity.ext_route_code;
  settings.random = identity.random;
  settings.acceptable = [this, index, own = identity.own_address](const IpAddress& address) {
    return own() != address && !holds(address, index);
  };
  auto& path = paths_[index] =
      std::make_unique<Path>(loop_, macvlan, std::move(settings), changed_);
  auto started = path->start(lease, link_up, now);
  if (!started) {
    paths_.erase(index);
    if (lease) adopted_.push_back(*lease);
  }
  return started;
}

void PathSet::keep_only(std::span<const unsigned> indices) {
  std::erase_if(paths_, [&](const auto& entry) {
    return std::ranges::find(indices, entry.first) == indices.end();
  });
}

void PathSet::link(bool up, MonotonicTime now) {
  for (const auto& [index, path] : paths_) path->link(up, now);
}

void PathSet::timers(MonotonicTime now) {
  for (const auto& [index, path] : paths_)
    if (now >= path->client().next_timer()) path->timer(now);
}

MonotonicTime PathSet::next_timer() const {
  auto next = MonotonicTime::max();
  for (const auto& [index, path] : paths_) next = std::min(next, path->client().next_timer());
  return next;
}

void PathSet::addresses_are_set() {
  for (const auto& [index, path] : paths_)
    if (path->client().lease()) path->address_is_set();
}

std::vector<PathProgress> PathSet::progress() const {
  std::vector<PathProgress> out;
  for (const auto& lease : adopted_) out.push_back({lease.route.index, true});
  for (const auto& [index, path] : paths_)
    out.push_back({index, path->client().lease().has_value()});
  return out;
}

std::vector<Lease> PathSet::leases() const {
  auto out = adopted_;
  for (const auto& [index, path] : paths_)
    if (path->client().lease()) out.push_back(*path->client().lease());
  return out;
}

std::vector<PathFacts> PathSet::leased() const {
  std::vector<PathFacts> out;
  for (const auto& [index, path] : paths_)
    if (path->client().lease())
      out.push_back({index, path->macvlan().index, *path->client().lease()});
  return out;
}

bool PathSet::has_macvlan(unsigned ifindex) const {
  return std::ranges::any_of(
      paths_, [&](const auto& entry) { return entry.second->macvlan().index == ifindex; });
}

std::optional<unsigned> PathSet::macvlan_of(unsigned index) const {
  const auto found = paths_.find(index);
  if (found == paths_.end()) return std::nullopt;
  return found->second->macvlan().index;
}

}  // namespace anabranch::host
