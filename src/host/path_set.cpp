// SPDX-License-Identifier: MIT
#include "host/path_set.hpp"

#include <algorithm>
#include <utility>

#include "wire/dhcp_client_id.hpp"

namespace anabranch::host {

PathSet::PathSet(Loop& loop, Path::Changed changed)
    : loop_(loop),
      changed_([this, changed = std::move(changed)](Path& path, DhcpClient::Change change) {
        note(path, change);
        changed(path, change);
      }) {}

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

/// Counts addresses that are only asked for: two paths must not be given one.
bool PathSet::claims(const IpAddress& address, unsigned but_index) const {
  return std::ranges::any_of(paths_, [&](const auto& entry) {
    return entry.first != but_index && entry.second->client().claimed_address() == address;
  });
}

bool PathSet::has_mac(const MacAddress& mac) const {
  return std::ranges::any_of(paths_,
                             [&](const auto& entry) { return entry.second->macvlan().mac == mac; });
}

void PathSet::remember(const std::vector<Lease>& leases) {
  memory_.clear();
  for (const auto& lease : leases) memory_.insert_or_assign(lease.route.index, lease);
  memory_changed_ = false;
}

void PathSet::note(const Path& path, DhcpClient::Change change) {
  if (change == DhcpClient::Change::kNone) return;
  if (const auto& lease = path.client().lease())
    memory_.insert_or_assign(path.index(), *lease);
  else
    memory_.erase(path.index());
  memory_changed_ = true;
}

std::optional<std::vector<Lease>> PathSet::changed_memory() {
  if (!std::exchange(memory_changed_, false)) return std::nullopt;
  std::vector<Lease> out;
  for (const auto& [index, lease] : memory_) out.push_back(lease);
  return out;
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
    return !own(address) && !claims(address, index);
  };
  settings.own_mac = [this, parent = identity.parent,
                      own = identity.own_mac](const MacAddress& mac) {
    return mac == parent || has_mac(mac) || own(mac);
  };
  auto& path = paths_[index] =
      std::make_unique<Path>(loop_, macvlan, std::move(settings), changed_);
  const auto known = memory_.find(index);
  const auto remembered = known == memory_.end() ? std::nullopt : std::optional(known->second);
  auto started = path->start(lease, remembered, link_up, now);
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

void PathSet::slept(MonotonicClock::duration time, MonotonicTime now) {
  for (auto& lease : adopted_) lease.obtained -= time;
  for (auto& [index, lease] : memory_) lease.obtained -= time;
  memory_changed_ = true;
  for (const auto& [index, path] : paths_) path->slept(time, now);
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
