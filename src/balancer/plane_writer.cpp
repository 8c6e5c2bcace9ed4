// SPDX-License-Identifier: MIT
#include "balancer/plane_writer.hpp"

#include <algorithm>
#include <cstring>

namespace anabranch::balancer {
namespace {

template <class Entry>
bool same(const Entry& a, const Entry& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

/// The value at `key` when there is one.
template <class Map>
const typename Map::mapped_type* find(const Map& map, const typename Map::key_type& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

Result<ServiceNumbers> PlaneWriter::take_over() {
  const auto targets = plane_.targets();
  if (!targets) return std::unexpected(targets.error());
  ServiceNumbers out;
  for (const auto& [destination, target] : *targets) {
    actual_.targets.emplace(destination, target);
    if (target.kind == STEER_SERVICE)
      out.emplace(endpoint_of(destination.address, destination.port), target.service);
  }
  return out;
}

/// Servers that come are there before anything leads to them, those that go until nothing does.
Result<void> PlaneWriter::apply(const PlaneContents& wanted) {
  if (!servers_known_ || !same(wanted.limits, actual_.limits))
    ANABRANCH_TRY(plane_.set_limits(wanted.limits));
  ANABRANCH_TRY(write_servers(wanted, false));
  for (const auto& [destination, target] : actual_.targets)
    if (!wanted.targets.contains(destination)) ANABRANCH_TRY(plane_.remove_target(destination));
  ANABRANCH_TRY(write_rings(wanted));
  for (const auto& [destination, target] : wanted.targets) {
    const auto* former = find(actual_.targets, destination);
    if (former == nullptr || !same(*former, target))
      ANABRANCH_TRY(plane_.set_target(destination, target));
  }
  ANABRANCH_TRY(write_servers(wanted, true));
  actual_ = wanted;
  servers_known_ = true;
  return {};
}

Result<void> PlaneWriter::write_servers(const PlaneContents& wanted, bool leaving) {
  if (!leaving) {
    for (const auto& [id, server] : wanted.servers) {
      const auto* former = find(actual_.servers, id);
      if (former == nullptr || !same(*former, server)) ANABRANCH_TRY(plane_.set_server(id, server));
    }
    return {};
  }
  for (std::uint32_t id = 1; id < STEER_MOST_SERVERS; ++id)
    if (!wanted.servers.contains(id) && (!servers_known_ || actual_.servers.contains(id)))
      ANABRANCH_TRY(plane_.set_server(id, {}));
  return {};
}

Result<void> PlaneWriter::write_rings(const PlaneContents& wanted) {
  for (const auto& [number, places] : wanted.rings) {
    const auto* former = find(actual_.rings, number);
    if (former != nullptr && *former == places) continue;
    ::steer_ring ring{};
    std::ranges::copy(places, ring.server);
    ANABRANCH_TRY(plane_.set_ring(number, ring));
    ++rings_written_;
    const auto counted = [&](const auto& entry) {
      return entry.second.kind == STEER_SERVICE && entry.second.service == number;
    };
    // A service that is new here begins to count at zero.
    if (std::ranges::none_of(actual_.targets, counted)) ANABRANCH_TRY(plane_.clear_counts(number));
  }
  return {};
}

}  // namespace anabranch::balancer
