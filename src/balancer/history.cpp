// SPDX-License-Identifier: MIT
#include "balancer/history.hpp"

#include <algorithm>
#include <utility>

namespace anabranch::balancer {
namespace {

std::uint32_t age_of(MonotonicTime when, MonotonicTime now) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<milliseconds>(now - when).count());
}

/// Adds a place; it joins the run before it where everything is the same.
void append(std::uint32_t place, std::uint16_t owner, std::uint16_t previous, std::uint32_t age,
            std::vector<wire::OwnerRun>& out) {
  if (!out.empty()) {
    auto& last = out.back();
    if (last.place + last.count == place && last.owner == owner && last.previous == previous &&
        last.age == age) {
      ++last.count;
      return;
    }
  }
  out.push_back({.place = place, .count = 1, .owner = owner, .previous = previous, .age = age});
}

}  // namespace

std::vector<wire::OwnerRun> OwnerHistory::take(const Endpoint& service,
                                               std::span<const std::uint16_t> ring,
                                               MonotonicTime now) {
  auto& known = rings_[service];
  if (known.owners.size() != ring.size()) {
    known = {.owners = {ring.begin(), ring.end()}, .changes = {}, .since = now};
    return {};
  }
  if (known.changes.empty() && std::ranges::equal(known.owners, ring)) return {};
  std::vector<wire::OwnerRun> out;
  std::vector<Change> changes;
  auto former = known.changes.begin();
  for (std::uint32_t place = 0; place < ring.size(); ++place) {
    Change change{.place = place};
    if (former != known.changes.end() && former->place == place) {
      if (now - former->when < kRemembered) change = *former;
      ++former;
    }
    const auto owner = ring[place];
    if (const auto before = std::exchange(known.owners[place], owner); before != owner) {
      if (before != 0) change.previous = before;
      if (change.previous == owner) change.previous = 0;
      change.when = now;
      append(place, owner, change.previous, 0, out);
    }
    if (change.previous != 0) changes.push_back(change);
  }
  known.changes = std::move(changes);
  return out;
}

wire::ControlHistory OwnerHistory::whole(const Endpoint& service, MonotonicTime now) const {
  wire::ControlHistory out{.service = service};
  const auto found = rings_.find(service);
  if (found == rings_.end()) return out;
  const auto& ring = found->second;
  out.full = now - ring.since >= kRemembered;
  for (const auto& change : ring.changes)
    if (now - change.when < kRemembered)
      append(change.place, ring.owners[change.place], change.previous, age_of(change.when, now),
             out.runs);
  return out;
}

std::vector<Endpoint> OwnerHistory::services() const {
  std::vector<Endpoint> out;
  for (const auto& [service, ring] : rings_) out.push_back(service);
  return out;
}

void OwnerHistory::remove(const Endpoint& service) {
  rings_.erase(service);
}

}  // namespace anabranch::balancer
