// SPDX-License-Identifier: MIT
// What the kernel's program on a server has to know, from what is configured for the whole cluster
// and what is known of the network. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <steering/server_entries.h>

#include "balancer/plan.hpp"
#include "balancer/settings.hpp"

namespace anabranch::balancer {

struct ServerPlaneContents {
  ::steer_own own{};
  Targets targets;                 ///< as the balancer has them
  std::vector<IpAddress> sources;  ///< who may send encapsulated packets
  /// The others, by id, and how this one reaches them.
  std::map<std::uint32_t, ::steer_server> others;
};

/// `numbers`: of the services, and of their histories.
ServerPlaneContents plan_server_plane(const BalancerSettings& settings, const Server& server,
                                      const ServiceNumbers& numbers, const NextHops& next_hops);

/// Its others alone.
std::map<std::uint32_t, ::steer_server> plan_others(const BalancerSettings& settings,
                                                    const Server& server,
                                                    const NextHops& next_hops);

}  // namespace anabranch::balancer
