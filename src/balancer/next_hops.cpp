// SPDX-License-Identifier: MIT
#include "balancer/next_hops.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace anabranch::balancer {

Result<NextHopFinder> NextHopFinder::open() {
  auto links = kernel::Rtnetlink::open();
  if (!links) return std::unexpected(links.error());
  auto routes = kernel::RouteLookup::open();
  if (!routes) return std::unexpected(routes.error());
  auto neighbours = kernel::Neighbours::open_without_events();
  if (!neighbours) return std::unexpected(neighbours.error());
  return NextHopFinder(*std::move(links), *std::move(routes), *std::move(neighbours));
}

Result<NextHops> NextHopFinder::find(std::span<const Server> servers) {
  const auto links = links_.links();
  if (!links) return std::unexpected(links.error());
  NextHops out;
  for (const auto& server : servers)
    for (const auto& address : server.addresses) {
      if (!address) continue;
      const auto hop = ask(*address, *links);
      if (!hop) return std::unexpected(hop.error());
      const std::pair key{server.id, address->family()};
      if (*hop)
        out.emplace(key, **hop);
      else if (const auto before = known_.find(key); before != known_.end())
        out.insert(*before);
    }
  known_ = out;
  return out;
}

/// Nothing while it cannot be told, which is no error: a route or a neighbour may come.
Result<std::optional<::steer_next_hop>> NextHopFinder::ask(
    const IpAddress& address, std::span<const kernel::LinkInfo> links) {
  const auto route = routes_.ask({.to = address});
  if (!route || route->to_ourselves) return std::nullopt;
  const auto link = std::ranges::find(links, route->ifindex, &kernel::LinkInfo::index);
  if (link == links.end()) return std::nullopt;
  const auto next = route->via.value_or(address);
  if (const auto looking = neighbours_.look(route->ifindex, next, false); !looking)
    return std::unexpected(looking.error());
  const auto found = neighbours_.link_address(route->ifindex, next);
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::nullopt;
  ::steer_next_hop out{};
  out.interface = route->ifindex;
  std::ranges::copy((*found)->octets, out.destination);
  std::ranges::copy(link->mac.octets, out.source);
  return out;
}

bool NextHopFinder::complete(std::span<const Server> servers, const NextHops& next_hops) {
  return std::ranges::all_of(servers, [&](const Server& server) {
    return std::ranges::all_of(server.addresses, [&](const auto& address) {
      return !address || next_hops.contains({server.id, address->family()});
    });
  });
}

std::string next_hop_text(const ::steer_next_hop& hop) {
  MacAddress mac;
  std::ranges::copy(hop.destination, mac.octets.begin());
  return fmt::format("{} by interface {}", mac.text(), hop.interface);
}

}  // namespace anabranch::balancer
