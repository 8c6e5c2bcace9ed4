// SPDX-License-Identifier: MIT
// Leads LAN hosts' connections to this machine: the nft table, and the routes of what has its mark.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/result.hpp"
#include "proxy/cpe_settings.hpp"

namespace anabranch::proxy {

class Interception {
 public:
  /// Sets up everything, over what an earlier process may have left.
  static Result<void> start(const CpeSettings& settings, std::uint16_t port);
  /// New rules for connections from now on.
  static Result<void> change(const CpeSettings& settings, std::uint16_t port);
  /// Removes everything; what is not there is no error.
  static Result<void> stop();
  /// Packets counted by each counter of interception_rules().
  static Result<std::map<std::string, std::uint64_t>> counters();
};

}  // namespace anabranch::proxy
