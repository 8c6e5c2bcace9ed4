// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/result.hpp"

namespace anabranch::balancer {

/// A role's report (balancer_report_json) as tables.
Result<std::string> balancer_report_text(const std::string& report);

/// By id, the servers that get no new connections of a service, or not all that are theirs, and
/// why.
using AbsentServers = std::map<std::uint32_t, std::string>;
AbsentServers absent_servers(const std::string& report, std::uint32_t service);

}  // namespace anabranch::balancer
