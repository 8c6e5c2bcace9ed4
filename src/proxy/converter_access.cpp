// SPDX-License-Identifier: MIT
#include "proxy/converter_access.hpp"

#include <algorithm>

#include "proxy/public_address.hpp"

namespace anabranch::proxy {
namespace {

bool holds(const std::vector<IpPrefix>& prefixes, const IpAddress& address) {
  return std::ranges::any_of(prefixes,
                             [&](const IpPrefix& prefix) { return prefix.contains(address); });
}

}  // namespace

Access client_access(const ConverterSettings& settings, const IpAddress& client) {
  if (holds(settings.clients, client.unmapped())) return {};
  return {signalling::Verdict::kNotAuthorized, "client"};
}

Access access(const ConverterSettings& settings, const IpAddress& client,
              const Endpoint& destination, const Endpoint& own) {
  using enum signalling::Verdict;
  const auto who = client.unmapped();
  const Endpoint where{destination.address.unmapped(), destination.port};
  if (const auto allowed = client_access(settings, who); !allowed.allowed()) return allowed;
  if (where == own) return {kNotAuthorized, "itself"};
  const policy::Flow flow{where.address, where.port};
  const auto found = std::ranges::find_if(
      settings.rules, [&](const ProxyRule& one) { return one.holds(who, flow); });
  const auto* rule = found == settings.rules.end() ? nullptr : &*found;
  if (rule != nullptr && rule->action == RuleAction::kReject) return {kNotAuthorized, "rule", rule};
  if (!is_public(where.address) && !holds(settings.destinations, where.address))
    return {kNotAuthorized, "destination", rule};
  return {kEstablished, {}, rule};
}

}  // namespace anabranch::proxy
