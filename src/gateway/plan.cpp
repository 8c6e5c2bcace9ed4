// SPDX-License-Identifier: MIT
#include "gateway/plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "gateway/probe_routes.hpp"

namespace anabranch::gateway {
namespace {

constexpr std::uint8_t kOurs = registry::kRouteProtocol;

std::string sysctl_key(std::string_view interface, std::string_view name) {
  return fmt::format("net/ipv4/conf/{}/{}", interface, name);
}

/// The way back to hosts that are not on the LAN itself.
constexpr std::uint32_t kHostsTable = registry::kGatewayTableBase;

std::uint32_t table_of(const Uplink& uplink) {
  return registry::kGatewayTableBase + uplink.index;
}

/// Nothing when it works as far as is known.
const UplinkHealth* illness_of(const Uplink& uplink, const Observed& observed) {
  const auto found = observed.health.find(uplink.name);
  return found == observed.health.end() || found->second.works ? nullptr : &found->second;
}

/// Empty when the uplink can carry packets.
std::string problem_of(const Uplink& uplink, const Observed& observed) {
  const auto* link = observed.link(uplink.interface);
  if (link == nullptr) return fmt::format("there is no interface {}", uplink.interface);
  if (!link->admin_up) return fmt::format("{} is set down", uplink.interface);
  if (!link->carrier) return fmt::format("{} has no carrier", uplink.interface);
  if (const auto* illness = illness_of(uplink, observed)) return illness->why;
  return {};
}

PathPlan decide_path(const Settings& settings, const Uplink& uplink, const Observed& observed) {
  PathPlan out{uplink.name, uplink.index, PathState::kUp, problem_of(uplink, observed)};
  if (out.why.empty()) return out;
  const Uplink* other = uplink.fail_open.empty() ? nullptr : settings.find(uplink.fail_open);
  const bool rescued = other != nullptr && problem_of(*other, observed).empty();
  out.state = rescued ? PathState::kFailOpen : PathState::kDown;
  out.why += rescued            ? fmt::format("; its hosts leave through {}", other->name)
             : other != nullptr ? fmt::format(", nor can {} carry its hosts", other->name)
                                : std::string();
  return out;
}

/// The next hop needs no address of ours in its subnet: onlink says it is behind that interface.
void add_route(std::vector<kernel::Route>& routes, std::uint32_t table, const IpPrefix& to,
               const kernel::LinkInfo* link, const IpAddress& via, std::uint32_t metric) {
  // The kernel takes no route over an interface that is set down, and drops those it has.
  if (link == nullptr || !link->admin_up) return;
  kernel::Route route;
  route.table = table;
  route.to = to;
  route.via = via;
  route.ifindex = link->index;
  route.metric = metric;
  route.onlink = true;
  route.protocol = kOurs;
  routes.push_back(std::move(route));
}

void add_default(std::vector<kernel::Route>& routes, std::uint32_t table, const Uplink& through,
                 std::uint32_t metric, const Observed& observed) {
  // The kernel passes over a link without carrier by itself; of silence beyond it, it knows
  // nothing.
  if (illness_of(through, observed) != nullptr) return;
  add_route(routes, table, IpPrefix::any(Family::kIpv4), observed.link(through.interface),
            through.next_hop, metric);
}

void add_routes(const Settings& settings, const Uplink& uplink, const Observed& observed,
                std::vector<kernel::Route>& routes) {
  add_default(routes, table_of(uplink), uplink, registry::kMetricUplink, observed);
  if (const Uplink* other = uplink.fail_open.empty() ? nullptr : settings.find(uplink.fail_open))
    add_default(routes, table_of(uplink), *other, registry::kMetricFailOpen, observed);
  kernel::Route last;
  last.table = table_of(uplink);
  last.to = IpPrefix::any(Family::kIpv4);
  last.type = kernel::Route::Type::kUnreachable;
  last.metric = registry::kMetricUnreachable;
  last.protocol = kOurs;
  routes.push_back(std::move(last));
}

std::vector<kernel::Rule> make_rules(const Settings& settings) {
  std::vector<kernel::Rule> rules;
  const auto local = [&](const IpPrefix& prefix, std::uint32_t table) {
    kernel::Rule rule;
    rule.priority = registry::kGatewayRuleLocal;
    rule.to = prefix;
    rule.table = table;
    rule.protocol = kOurs;
    rules.push_back(std::move(rule));
  };
  for (const auto& uplink : settings.uplinks)
    local(uplink.source_prefix, settings.via ? kHostsTable : kernel::kMainTable);
  for (const auto& prefix : settings.local_prefixes) local(prefix, kernel::kMainTable);
  for (const auto& uplink : settings.uplinks) {
    kernel::Rule rule;
    rule.priority = registry::kGatewayRuleBase + uplink.index;
    rule.from = uplink.source_prefix;
    rule.input_interface = settings.lan;
    rule.table = table_of(uplink);
    rule.protocol = kOurs;
    rules.push_back(std::move(rule));
  }
  kernel::Rule unknown;
  unknown.priority = registry::kGatewayRuleUnknown;
  unknown.input_interface = settings.lan;
  unknown.action = kernel::Rule::Action::kBlackhole;
  unknown.protocol = kOurs;
  rules.push_back(std::move(unknown));
  return rules;
}

/// The routers' addresses on the LAN, but for those the operator has put there already.
void add_addresses(const Settings& settings, const Observed& observed, unsigned lan,
                   std::vector<kernel::Address>& addresses) {
  for (const auto& uplink : settings.uplinks) {
    const bool present =
        std::ranges::any_of(observed.addresses, [&](const kernel::Address& address) {
          return address.ifindex == lan && address.prefix.address() == uplink.router &&
                 address.protocol != kOurs;
        });
    if (present) continue;
    kernel::Address address;
    address.ifindex = lan;
    address.prefix = IpPrefix(uplink.router, uplink.source_prefix.length());
    address.protocol = kOurs;
    addresses.push_back(address);
  }
}

std::map<std::string, std::string> make_sysctls(const Settings& settings,
                                                const Observed& observed) {
  std::map<std::string, std::string> out;
  const auto owned = [&](std::string_view interface, bool uplink) {
    if (observed.link(interface) == nullptr) return;
    out[sysctl_key(interface, "forwarding")] = "1";
    // Strict reverse-path filtering would ask the main table, which knows nothing of our uplinks.
    out[sysctl_key(interface, "rp_filter")] = "2";
    if (uplink) out[sysctl_key(interface, "ignore_routes_with_linkdown")] = "1";
  };
  owned(settings.lan, false);
  for (const auto& uplink : settings.uplinks) owned(uplink.interface, true);
  return out;
}

/// Whether DHCP can be served there once the plan is applied, which puts the addresses where they
/// belong.
std::string lan_problem(const Settings& settings, const Observed& observed) {
  const auto* lan = observed.link(settings.lan);
  if (lan == nullptr) return fmt::format("there is no interface {}", settings.lan);
  if (!lan->admin_up) return fmt::format("{} is set down", settings.lan);
  if (!lan->carrier) return fmt::format("{} has no carrier", settings.lan);
  // Kea opens its sockets on interfaces that run, and looks again much later.
  if (!lan->running) return fmt::format("{} does not run yet", settings.lan);
  const auto is_of_lan = [&](const kernel::Address& address) {
    return address.ifindex == lan->index && address.prefix.family() == Family::kIpv4;
  };
  if (settings.routed && std::ranges::none_of(observed.addresses, is_of_lan))
    return fmt::format("{} has no IPv4 address", settings.lan);
  return {};
}

}  // namespace

const kernel::LinkInfo* Observed::link(std::string_view name) const {
  const auto found = std::ranges::find(links, name, &kernel::LinkInfo::name);
  return found == links.end() ? nullptr : &*found;
}

std::string_view path_state_name(PathState state) {
  switch (state) {
    case PathState::kUp:
      return "up";
    case PathState::kFailOpen:
      return "fail-open";
    case PathState::kDown:
      return "down";
  }
  return {};
}

Plan make_plan(const Settings& settings, const Observed& observed) {
  Plan plan;
  const auto* lan = observed.link(settings.lan);
  if (lan != nullptr) {
    plan.lan_ifindex = lan->index;
    if (!settings.routed) add_addresses(settings, observed, lan->index, plan.network.addresses);
  }
  plan.lan_problem = lan_problem(settings, observed);
  plan.network.rules = make_rules(settings);
  for (const auto& uplink : settings.uplinks) {
    if (settings.via)
      add_route(plan.network.routes, kHostsTable, uplink.source_prefix, lan, *settings.via,
                registry::kMetricUplink);
    add_routes(settings, uplink, observed, plan.network.routes);
    plan.paths.push_back(decide_path(settings, uplink, observed));
  }
  add_probe_routes(settings, observed, plan.network);
  plan.sysctls = make_sysctls(settings, observed);
  plan.translation = make_translation(settings);
  return plan;
}

kernel::Scope scope_of(std::vector<unsigned> lan_interfaces) {
  kernel::Scope scope{kHostsTable, registry::kGatewayTableBase + registry::kMaxUplinks,
                      registry::kGatewayRuleProbeBase, registry::kGatewayRuleUnknown,
                      std::move(lan_interfaces)};
  scope.first_further_table = registry::kGatewayProbeTableBase + 1;
  scope.last_further_table = registry::kGatewayProbeTableBase + registry::kMaxUplinks;
  return scope;
}

}  // namespace anabranch::gateway
