// SPDX-License-Identifier: MIT
#include "proxy/local_access.hpp"

#include <algorithm>

#include "base/address_scope.hpp"
#include "proxy/public_address.hpp"

namespace anabranch::proxy {

LocalAccess local_access(const CpeSettings& settings, const IpAddress& client,
                         const Endpoint& destination) {
  const auto where = destination.address.unmapped();
  if (!is_global(where)) return {RuleAction::kReject, "destination"};
  const auto is_it = [&](const ConverterEntry& one) { return one.endpoint.address == where; };
  if (std::ranges::any_of(settings.converters, is_it)) return {RuleAction::kDirect, "to-converter"};
  const policy::Flow flow{where, destination.port};
  const auto rule = std::ranges::find_if(
      settings.rules, [&](const ProxyRule& one) { return one.holds(client.unmapped(), flow); });
  if (rule != settings.rules.end()) return {rule->action, "rule", &*rule};
  if (!is_public(where)) return {RuleAction::kDirect, "private"};
  return {};
}

}  // namespace anabranch::proxy
