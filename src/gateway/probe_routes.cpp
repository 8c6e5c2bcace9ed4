// SPDX-License-Identifier: MIT
#include "gateway/probe_routes.hpp"

#include <algorithm>

namespace anabranch::gateway {
namespace {

std::uint32_t table_of(const Uplink& uplink) {
  return registry::kGatewayProbeTableBase + uplink.index;
}

std::optional<IpAddress> next_hop_of(const Uplink& uplink, Family family) {
  if (family == Family::kIpv4)
    return uplink.has_ipv4() ? std::optional(uplink.next_hop) : std::nullopt;
  return uplink.ipv6 ? std::optional(uplink.ipv6->next_hop) : std::nullopt;
}

/// Our address in the source prefix, unless it is another router's.
std::optional<IpAddress> inner_address(const Settings& settings, const Uplink& uplink,
                                       Family family) {
  if (settings.routed || !next_hop_of(uplink, family)) return std::nullopt;
  return family == Family::kIpv4 ? uplink.router : uplink.ipv6->router;
}

bool is_told_by_its_source_alone(const Settings& settings, const Uplink& uplink, Family family) {
  return std::ranges::any_of(settings.uplinks, [&](const Uplink& other) {
    return other.index != uplink.index && other.interface == uplink.interface &&
           next_hop_of(other, family) == next_hop_of(uplink, family);
  });
}

bool is_link_local(const IpAddress& address) {
  return !address.is_v4() && address.octets()[0] == 0xfe && (address.octets()[1] & 0xc0) == 0x80;
}

std::optional<IpAddress> outer_address(const Uplink& uplink, Family family,
                                       const Observed& observed) {
  const auto* link = observed.link(uplink.interface);
  const auto next_hop = next_hop_of(uplink, family);
  if (link == nullptr || !next_hop) return std::nullopt;
  const kernel::Address* best = nullptr;
  const auto rank = [&](const kernel::Address& address) {
    return (address.deprecated ? 0 : 2) + (address.prefix.contains(*next_hop) ? 1 : 0);
  };
  for (const auto& address : observed.addresses) {
    if (address.ifindex != link->index || address.prefix.family() != family || address.tentative ||
        is_link_local(address.prefix.address()))
      continue;
    if (best == nullptr || rank(address) > rank(*best)) best = &address;
  }
  return best == nullptr ? std::nullopt : std::optional(best->prefix.address());
}

void add_route(const Uplink& uplink, Family family, const kernel::LinkInfo* link,
               std::vector<kernel::Route>& routes) {
  const auto next_hop = next_hop_of(uplink, family);
  // The kernel takes no route over an interface that is set down.
  if (link == nullptr || !link->admin_up || !next_hop) return;
  kernel::Route route;
  route.table = table_of(uplink);
  route.to = IpPrefix::any(family);
  route.via = *next_hop;
  route.ifindex = link->index;
  route.metric = registry::kMetricUplink;
  route.onlink = true;
  route.protocol = registry::kRouteProtocol;
  routes.push_back(std::move(route));
}

kernel::Rule rule_of(const Uplink& uplink, Family family, std::uint32_t priority) {
  kernel::Rule rule;
  rule.priority = priority;
  rule.family = family;
  rule.table = table_of(uplink);
  rule.protocol = registry::kRouteProtocol;
  return rule;
}

void add_answer_rules(const Settings& settings, const Uplink& uplink, const Observed& observed,
                      std::vector<kernel::Rule>& rules) {
  const auto source = probe_source(settings, uplink, Family::kIpv4, observed);
  if (!source) return;
  for (const auto& probe : uplink.health.probes) {
    if (!probe.address.is_v4()) continue;
    auto rule = rule_of(uplink, Family::kIpv4, registry::kGatewayRuleProbeAnswer);
    rule.from = IpPrefix::host(*source);
    rule.to = IpPrefix::host(probe.address);
    if (std::ranges::find(rules, rule) == rules.end()) rules.push_back(std::move(rule));
  }
}

}  // namespace

std::uint32_t probe_mark(const Uplink& uplink) {
  return registry::kGatewayProbeMark + uplink.index;
}

std::vector<IpAddress> next_hops(const Uplink& uplink) {
  std::vector<IpAddress> out;
  for (const Family family : {Family::kIpv4, Family::kIpv6})
    if (const auto next_hop = next_hop_of(uplink, family)) out.push_back(*next_hop);
  return out;
}

std::optional<IpAddress> probe_source(const Settings& settings, const Uplink& uplink, Family family,
                                      const Observed& observed) {
  const auto inner = inner_address(settings, uplink, family);
  if (inner && is_told_by_its_source_alone(settings, uplink, family)) return inner;
  const auto outer = outer_address(uplink, family, observed);
  return outer ? outer : inner;
}

void add_probe_routes(const Settings& settings, const Observed& observed,
                      kernel::NetworkState& network) {
  for (const auto& uplink : settings.uplinks) {
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
      const bool probed = std::ranges::any_of(uplink.health.probes, [&](const HealthProbe& probe) {
        return probe.address.family() == family;
      });
      if (!probed) continue;
      add_route(uplink, family, observed.link(uplink.interface), network.routes);
      auto rule = rule_of(uplink, family, registry::kGatewayRuleProbeBase + uplink.index);
      rule.mark = probe_mark(uplink);
      network.rules.push_back(std::move(rule));
    }
    add_answer_rules(settings, uplink, observed, network.rules);
  }
}

}  // namespace anabranch::gateway
