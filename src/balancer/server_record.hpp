// SPDX-License-Identifier: MIT
// What the agent beside a server has changed in the kernel, kept in <runtime
// directory>/balancer-server.state so that the next one, or `cleanup`, finds it after it was
// killed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/result.hpp"
#include "kernel/mptcp_pm.hpp"

namespace anabranch::balancer {

struct ServerRecord {
  std::vector<Endpoint> endpoints;  ///< whose MPTCP endpoint is ours; port 0: without one
  /// The limits there were, and those we set: only who has both can put the first back.
  struct Limits {
    kernel::MptcpLimits before;
    kernel::MptcpLimits set;
    bool operator==(const Limits&) const = default;
  };
  std::optional<Limits> limits = std::nullopt;

  bool operator==(const ServerRecord&) const = default;
};

std::string format_server_record(const ServerRecord& record);
Result<ServerRecord> parse_server_record(std::string_view text);

std::filesystem::path server_record_path();
/// Of the settings below /proc/sys.
std::filesystem::path server_sysctls_path();

}  // namespace anabranch::balancer
