// SPDX-License-Identifier: MIT
#include "host/path6_set.hpp"

#include <algorithm>

#include "host/plan.hpp"

namespace anabranch::host {

/// The lease path `index` goes on with, out of where it lay.
std::optional<Lease6> Path6Set::take_lease(unsigned index) {
  std::optional<Lease6> out;
  if (const auto running = paths_.find(index); running != paths_.end()) {
    out = running->second.path->client().lease();
    paths_.erase(running);
  }
  const auto found = std::ranges::find_if(
      adopted_, [&](const Lease6& lease) { return lease.route.index == index; });
  if (found != adopted_.end()) {
    out = std::move(*found);
    adopted_.erase(found);
  }
  return out;
}

/// Counts addresses that are only asked for: two paths must not be given one.
bool Path6Set::claims(const IpAddress& address, unsigned but_index) const {
  return std::ranges::any_of(paths_, [&](const auto& entry) {
    return entry.first != but_index && entry.second.path->client().claimed_address() == address;
  });
}

void Path6Set::start(const Identity& identity, unsigned index, const kernel::LinkInfo& link,
                     bool own_interface, MonotonicTime now) {
  if (const auto* running = find(index);
      running != nullptr && running->interface().index == link.index)
    return;
  const auto lease = take_lease(index);
  Dhcp6Client::Settings settings;
  settings.index = static_cast<std::uint8_t>(index);
  settings.iaid = path_iaid(identity.parent, index);
  settings.duid = identity.duid;
  settings.random = identity.random;
  settings.acceptable = [this, index, acceptable = identity.acceptable](const IpAddress& address) {
    return acceptable(index, address) && !claims(address, index);
  };
  auto& entry = paths_[index];
  entry.path = std::make_unique<Path6>(loop_, link, own_interface, std::move(settings), changed_);
  entry.path->start(lease, now);
}

void Path6Set::keep_only(std::span<const unsigned> indices) {
  std::erase_if(paths_, [&](const auto& entry) {
    return std::ranges::find(indices, entry.first) == indices.end();
  });
}

Result<void> Path6Set::observe(bool up, std::span<const kernel::Address> addresses,
                               MonotonicTime now) {
  Result<void> first;
  for (auto& [index, entry] : paths_) {
    auto& path = *entry.path;
    const auto& lease = path.client().lease();
    if (lease && entry.ready != lease->address) {
      entry.ready.reset();
      const auto found = std::ranges::find_if(addresses, [&](const kernel::Address& there) {
        return there.ifindex == path.interface().index && there.prefix.address() == lease->address;
      });
      if (found != addresses.end() && found->duplicate)
        path.taken(now);
      else if (found != addresses.end() && !found->tentative)
        entry.ready = lease->address;
    }
    auto done = path.link(up, link_local_of(addresses, path.interface().index), now);
    if (!done && first) first = std::move(done);
  }
  return first;
}

void Path6Set::addresses_are_gone() {
  for (auto& [index, entry] : paths_) entry.ready.reset();
}

void Path6Set::slept(MonotonicClock::duration time, MonotonicTime now) {
  for (auto& lease : adopted_) lease.obtained -= time;
  for (auto& [index, entry] : paths_) entry.path->slept(time, now);
}

void Path6Set::timers(MonotonicTime now) {
  for (auto& [index, entry] : paths_)
    if (now >= entry.path->client().next_timer()) entry.path->timer(now);
}

MonotonicTime Path6Set::next_timer() const {
  auto next = MonotonicTime::max();
  for (const auto& [index, entry] : paths_)
    next = std::min(next, entry.path->client().next_timer());
  return next;
}

const Path6* Path6Set::find(unsigned index) const {
  const auto found = paths_.find(index);
  return found == paths_.end() ? nullptr : found->second.path.get();
}

bool Path6Set::ready(unsigned index) const {
  const auto found = paths_.find(index);
  if (found == paths_.end()) return false;
  const auto& lease = found->second.path->client().lease();
  return lease && found->second.ready == lease->address;
}

std::vector<Lease6> Path6Set::leases() const {
  auto out = adopted_;
  for (const auto& [index, entry] : paths_)
    if (const auto& lease = entry.path->client().lease()) out.push_back(*lease);
  return out;
}

}  // namespace anabranch::host
