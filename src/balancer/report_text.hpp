// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/result.hpp"

namespace anabranch::balancer {

/// A role's report (balancer_report_json) as tables.
Result<std::string> balancer_report_text(const std::string& report);

}  // namespace anabranch::balancer
