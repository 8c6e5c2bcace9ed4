// SPDX-License-Identifier: MIT
// What becomes of a connection that a client of a local door asks for: what the nft table would
// decide for one that is taken, and for itself what no client may reach by way of us. Pure.
#pragma once

#include <string_view>

#include "proxy/cpe_settings.hpp"

namespace anabranch::proxy {

struct LocalAccess {
  RuleAction action = RuleAction::kConvert;
  /// Of one that is not converted, a name for counters: "rule", "private", "to-converter",
  /// "destination".
  std::string_view reason = {};
  const ProxyRule* rule = nullptr;  ///< of the settings; null: none holds
};

/// Loopback, link-local and multicast addresses are rejected: a connection of this machine's own
/// may be let in where the client's is not.
LocalAccess local_access(const CpeSettings& settings, const IpAddress& client,
                         const Endpoint& destination);

}  // namespace anabranch::proxy
