// SPDX-License-Identifier: MIT
#include "balancer/server_plane_plan.hpp"

#include <cstring>

namespace anabranch::balancer {

ServerPlaneContents plan_server_plane(const BalancerSettings& settings, const Server& server,
                                      const ServiceNumbers& numbers, const NextHops& next_hops) {
  ServerPlaneContents out;
  out.own.id = server.id;
  for (std::size_t family = 0; family < server.addresses.size(); ++family)
    if (const auto& address = server.addresses.at(family))
      std::memcpy(out.own.address[family], destination_of(*address, 0).address,
                  sizeof out.own.address[family]);
  out.targets = plan(settings, numbers, next_hops).targets;
  for (const auto& source : settings.sources)
    if (source) out.sources.push_back(*source);
  for (const auto& other : settings.servers)
    for (const auto& address : other.addresses)
      if (address && other.id != server.id) out.sources.push_back(*address);
  out.others = plan_others(settings, server, next_hops);
  return out;
}

std::map<std::uint32_t, ::steer_server> plan_others(const BalancerSettings& settings,
                                                    const Server& server,
                                                    const NextHops& next_hops) {
  // The way of a packet from here, not from the balancer.
  auto from_here = settings;
  from_here.sources = server.addresses;
  for (auto& other : from_here.servers)
    other.encapsulates = other.encapsulates || server.encapsulates;
  auto out = plan_servers(from_here, next_hops);
  out.erase(server.id);
  return out;
}

}  // namespace anabranch::balancer
