// SPDX-License-Identifier: MIT
// The balancer's figures for Prometheus (docs/metrics.md).
#pragma once

#include <span>
#include <vector>

#include "balancer/report.hpp"
#include "status/metrics.hpp"

namespace anabranch::balancer {

/// Every metric there is.
std::span<const status::MetricDefinition> balancer_metric_definitions();
std::vector<status::Metric> balancer_metrics(const BalancerView& view);

}  // namespace anabranch::balancer
