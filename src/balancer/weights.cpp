// SPDX-License-Identifier: MIT
#include "balancer/weights.hpp"

#include <algorithm>

namespace anabranch::balancer {
namespace {

constexpr auto kLongAgo = MonotonicTime::min();

bool has(const Vip& vip, const Server& server) {
  return std::ranges::find(vip.servers, server.id) != vip.servers.end();
}

/// Linear, from kFirstWeight to kWholeWeight.
unsigned part_of_weight(MonotonicTime since, MonotonicTime now, nanoseconds slow_start) {
  if (since == kLongAgo || now - since >= slow_start) return kWholeWeight;
  const auto done =
      static_cast<double>((now - since).count()) / static_cast<double>(slow_start.count());
  return kFirstWeight + static_cast<unsigned>(done * (kWholeWeight - kFirstWeight));
}

/// The servers of one service, by id.
struct Divided {
  std::set<std::uint16_t> willing;  ///< may have new connections, when they are up
  std::set<std::uint16_t> taking;   ///< of these, those that are up
  std::set<std::uint16_t> leaving;  ///< the others of all
};

Divided divide(const Vip& vip, const BalancerSettings& settings, const HealthStates& health,
               const std::set<std::string>& drained) {
  Divided out;
  for (const auto& server : settings.servers) {
    if (!has(vip, server)) continue;
    const auto state = health.find({vip.address, server.id});
    const bool up = state == health.end() || state->second.up();
    const bool may = server.weight != 0 && !drained.contains(server.name);
    if (may) out.willing.insert(server.id);
    (may && up ? out.taking : out.leaving).insert(server.id);
  }
  return out;
}

}  // namespace

bool Weights::any_starting() const {
  return std::ranges::any_of(services,
                             [](const auto& entry) { return !entry.second.starting.empty(); });
}

std::vector<RingServer> configured_weights(const Vip& vip, const BalancerSettings& settings) {
  std::vector<RingServer> out;
  for (const auto& server : settings.servers)
    if (has(vip, server)) out.push_back({server.id, server.weight * kWholeWeight});
  return out;
}

Weights Weigher::weigh(const BalancerSettings& settings, const HealthStates& health,
                       const std::set<std::string>& drained, MonotonicTime now) {
  Weights out;
  std::map<Endpoint, Arrivals> fresh;
  for (const auto& vip : settings.vips) {
    const auto servers = divide(vip, settings, health, drained);
    out.leaving.insert(servers.leaving.begin(), servers.leaving.end());
    auto& service = out.services[vip.address];
    service.panic = servers.taking.empty() && !servers.willing.empty();
    auto& arrivals = fresh[vip.address];
    if (const auto known = arrivals_.find(vip.address); known != arrivals_.end())
      arrivals = std::move(known->second);
    note_arrivals(servers.taking, arrivals, now);
    for (const auto& server : configured_weights(vip, settings)) {
      if (service.panic && servers.willing.contains(server.id)) service.ring.push_back(server);
      if (!servers.taking.contains(server.id)) continue;
      const auto part = part_of_weight(arrivals.at(server.id), now, settings.slow_start);
      if (part < kWholeWeight) service.starting.emplace(server.id, part);
      service.ring.push_back({server.id, server.weight / kWholeWeight * part});
    }
  }
  arrivals_ = std::move(fresh);
  return out;
}

void Weigher::note_arrivals(const std::set<std::uint16_t>& taking, Arrivals& arrivals,
                            MonotonicTime now) {
  // Where nobody serves there is nobody to have the connections meanwhile.
  const auto since = arrivals.empty() ? kLongAgo : now;
  std::erase_if(arrivals, [&](const auto& entry) { return !taking.contains(entry.first); });
  for (const auto id : taking) arrivals.try_emplace(id, since);
}

}  // namespace anabranch::balancer
