// SPDX-License-Identifier: MIT
// What the maps of the data plane are to hold, from what is configured and what is known of the
// network. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <steering/entries.h>

#include "balancer/settings.hpp"
#include "balancer/weights.hpp"

namespace anabranch::balancer {

/// A service keeps its number, the place of its ring and of its counts, as long as it is there.
using ServiceNumbers = std::map<Endpoint, std::uint32_t>;
/// Those that were there keep theirs; a new one gets the lowest that is free now and was before, so
/// that no ring is taken from under a service that goes.
ServiceNumbers number_services(const std::vector<Vip>& vips, const ServiceNumbers& former);

/// Where frames to a server go, by its id and the IP family. What is not there is not known.
using NextHops = std::map<std::pair<std::uint16_t, Family>, ::steer_next_hop>;

struct DestinationOrder {
  bool operator()(const ::steer_destination& a, const ::steer_destination& b) const;
};
using Targets = std::map<::steer_destination, ::steer_target, DestinationOrder>;

/// Ids of the servers of the places, by the number of the service.
using Rings = std::map<std::uint32_t, std::vector<std::uint16_t>>;

struct PlaneContents {
  ::steer_limits limits{};
  std::map<std::uint32_t, ::steer_server> servers;  ///< by id
  Rings rings;
  std::map<std::uint32_t, std::vector<RingServer>> weights;  ///< that the rings are made of
  Targets targets;
};

/// A service without `weights` has the configured ones. Rings take milliseconds to make: those of
/// `former` are taken where they are of the same weights.
PlaneContents plan(const BalancerSettings& settings, const ServiceNumbers& numbers,
                   const NextHops& next_hops, const Weights& weights = {},
                   const PlaneContents& former = {});

/// Its servers alone; those that are `leaving` drain.
std::map<std::uint32_t, ::steer_server> plan_servers(const BalancerSettings& settings,
                                                     const NextHops& next_hops,
                                                     const std::set<std::uint16_t>& leaving = {});

/// IPv4 becomes IPv4-mapped, as the data plane has it.
::steer_destination destination_of(const IpAddress& address, std::uint16_t port);
/// And back.
Endpoint endpoint_of(const __be32 (&address)[4], __be16 port);

}  // namespace anabranch::balancer
