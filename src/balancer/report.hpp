// SPDX-License-Identifier: MIT
// What `anabranch balancer show` tells, as the running role says it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "balancer/plan.hpp"

namespace anabranch::balancer {

/// What the running role knows, for one look.
struct BalancerView {
  std::string file;
  const BalancerSettings& settings;
  const ServiceNumbers& numbers;
  const PlaneContents& contents;
  std::map<std::uint32_t, ::steer_counts> counts = {};    ///< by the number of the service
  std::map<std::uint32_t, ::steer_traffic> traffic = {};  ///< by the server's id
};

std::string balancer_report_json(const BalancerView& view);

}  // namespace anabranch::balancer
