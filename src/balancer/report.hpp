// SPDX-License-Identifier: MIT
// What `anabranch balancer show` tells, as the running role says it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "balancer/control_listener.hpp"
#include "balancer/health.hpp"
#include "balancer/plan.hpp"
#include "balancer/traffic_rates.hpp"
#include "balancer/weights.hpp"

namespace anabranch::balancer {

/// What the running role knows, for one look.
struct BalancerView {
  std::string file;
  const BalancerSettings& settings;
  const ServiceNumbers& numbers;
  const PlaneContents& contents;
  Weights weights = {};
  HealthStates health = {};
  std::set<std::string> drained = {};                   ///< names
  std::map<std::uint32_t, ::steer_counts> counts = {};  ///< by the number of the service
  Traffic traffic = {};
  TrafficRates rates = {};
  std::uint64_t rings_written = 0;
  std::uint64_t reloads = 0;
  const ControlListener* control = nullptr;  ///< null: there is no channel
  MonotonicTime now = {};
};

/// How a server stands with a service: "up", "unchecked" (not yet), "starting", "down", "drained",
/// "weightless".
std::string_view standing(const BalancerView& view, const Vip& vip, const Server& server);
/// How many places of a service's ring each server has, by id.
std::vector<std::size_t> places_of(const BalancerView& view, const Vip& vip);

std::string balancer_report_json(const BalancerView& view);

}  // namespace anabranch::balancer
