// SPDX-License-Identifier: MIT
#include "gateway/plan.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "gateway/advertisement.hpp"
#include "gateway/probe_routes.hpp"
#include "gateway/settings_values.hpp"

namespace anabranch::gateway {
namespace {

constexpr std::uint8_t kOurs = registry::kRouteProtocol;

std::string sysctl_key(std::string_view family, std::string_view interface, std::string_view name) {
  return fmt::format("net/{}/conf/{}/{}", family, interface, name);
}

/// The way back to hosts that are not on the LAN itself.
constexpr std::uint32_t kHostsTable = registry::kGatewayTableBase;

std::uint32_t table_of(const Uplink& uplink) {
  return registry::kGatewayTableBase + uplink.index;
}

IpAddress loopback6() {
  std::array<std::uint8_t, 16> octets{};
  octets[15] = 1;
  return IpAddress::v6(octets);
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

kernel::Route unreachable(std::uint32_t table, const IpPrefix& to) {
  kernel::Route out;
  out.table = table;
  out.to = to;
  out.type = kernel::Route::Type::kUnreachable;
  out.metric = registry::kMetricUnreachable;
  out.protocol = kOurs;
  return out;
}

/// What an uplink is to one family.
struct Way {
  IpPrefix source;
  IpAddress next_hop;
  IpAddress router;
};

std::optional<Way> way_of(const Uplink& uplink, Family family) {
  if (family == Family::kIpv4)
    return uplink.has_ipv4()
               ? std::optional(Way{uplink.source_prefix, uplink.next_hop, uplink.router})
               : std::nullopt;
  if (!uplink.ipv6) return std::nullopt;
  return Way{uplink.ipv6->source_prefix, uplink.ipv6->next_hop, uplink.ipv6->router};
}

void add_default(std::vector<kernel::Route>& routes, std::uint32_t table, const Uplink& through,
                 Family family, std::uint32_t metric, const Observed& observed) {
  // The kernel passes over a link without carrier by itself; of silence beyond it, it knows
  // nothing.
  if (illness_of(through, observed) != nullptr) return;
  if (const auto way = way_of(through, family))
    add_route(routes, table, IpPrefix::any(family), observed.link(through.interface), way->next_hop,
              metric);
}

void add_routes(const Settings& settings, const Uplink& uplink, Family family,
                const Observed& observed, std::vector<kernel::Route>& routes) {
  if (!way_of(uplink, family)) return;
  add_default(routes, table_of(uplink), uplink, family, registry::kMetricUplink, observed);
  if (const Uplink* other = uplink.fail_open.empty() ? nullptr : settings.find(uplink.fail_open))
    add_default(routes, table_of(uplink), *other, family, registry::kMetricFailOpen, observed);
  routes.push_back(unreachable(table_of(uplink), IpPrefix::any(family)));
}

kernel::Rule make_rule(Family family, std::uint32_t priority, std::uint32_t table) {
  kernel::Rule rule;
  rule.priority = priority;
  rule.family = family;
  rule.table = table;
  rule.protocol = kOurs;
  return rule;
}

/// Whether the way to delegated prefixes is ours: who else delegates, or keeps the leases, makes
/// the routes too.
bool routes_delegated(const Settings& settings) {
  return settings.dhcp6.mode == DhcpMode::kKea && settings.dhcp.lease_database.type == "memfile";
}

/// What nobody has been given must not leave by an uplink and come back (RFC 7084 section 4.3).
void add_delegations(const Settings& settings, const Uplink& uplink, const Observed& observed,
                     std::vector<kernel::Route>& routes) {
  if (!routes_delegated(settings) || !uplink.ipv6 || !uplink.ipv6->delegated) return;
  for (const auto& [prefix, via] : observed.delegations)
    if (uplink.ipv6->delegated->contains(prefix.address()) &&
        uplink.ipv6->source_prefix.contains(via))
      add_route(routes, kHostsTable, prefix, observed.link(settings.lan), via,
                registry::kMetricUplink);
  routes.push_back(unreachable(kHostsTable, *uplink.ipv6->delegated));
}

/// Prefixes that the hosts of an uplink have addresses of.
std::vector<IpPrefix> sources_of(const Uplink& uplink, Family family) {
  std::vector<IpPrefix> out;
  if (const auto way = way_of(uplink, family)) out.push_back(way->source);
  if (family == Family::kIpv6 && uplink.ipv6 && uplink.ipv6->delegated)
    out.push_back(*uplink.ipv6->delegated);
  return out;
}

/// What comes from the LAN with a link-local source, or to a multicast group, is not touched by
/// these: the kernel forwards none of it, and what is for the gateway itself (Neighbour Discovery,
/// DHCPv6) is found in the local table before any rule of ours.
void add_rules(const Settings& settings, Family family, std::vector<kernel::Rule>& rules) {
  if (settings.base(family) == nullptr) return;  // left as it is
  const auto local = [&](const IpPrefix& prefix, std::uint32_t table) {
    auto rule = make_rule(family, registry::kGatewayRuleLocal, table);
    rule.to = prefix;
    rules.push_back(std::move(rule));
  };
  for (const auto& uplink : settings.uplinks) {
    if (const auto way = way_of(uplink, family))
      local(way->source,
            settings.via && family == Family::kIpv4 ? kHostsTable : kernel::kMainTable);
    if (family == Family::kIpv6 && uplink.ipv6 && uplink.ipv6->delegated)
      local(*uplink.ipv6->delegated, routes_delegated(settings) ? kHostsTable : kernel::kMainTable);
  }
  for (const auto& prefix : settings.local_prefixes)
    if (prefix.family() == family) local(prefix, kernel::kMainTable);
  for (const auto& uplink : settings.uplinks) {
    for (const auto& source : sources_of(uplink, family)) {
      auto rule = make_rule(family, registry::kGatewayRuleBase + uplink.index, table_of(uplink));
      rule.from = source;
      rule.input_interface = settings.lan;
      rules.push_back(std::move(rule));
    }
  }
  auto unknown = make_rule(family, registry::kGatewayRuleUnknown, 0);
  unknown.input_interface = settings.lan;
  unknown.action = kernel::Rule::Action::kBlackhole;
  rules.push_back(std::move(unknown));
}

/// Puts an address of ours on the LAN, but for one that the operator has put there already.
void add_address(const Observed& observed, unsigned lan, kernel::Address address,
                 std::vector<kernel::Address>& addresses) {
  const bool present = std::ranges::any_of(observed.addresses, [&](const auto& other) {
    return other.ifindex == lan && other.prefix.address() == address.prefix.address() &&
           other.protocol != kOurs;
  });
  if (present) return;
  address.ifindex = lan;
  address.protocol = kOurs;
  addresses.push_back(address);
}

/// The source of path `index`'s Router Advertisements. It looks like one end of a pair because Kea
/// opens a socket for every link-local address that it sees, and would answer each message once for
/// each of them: of a pair it sees the other end.
kernel::Address link_local_address(unsigned index) {
  kernel::Address out;
  out.prefix = IpPrefix::host(link_local_of(index));
  out.peer = loopback6();
  return out;
}

void add_addresses(const Settings& settings, const Observed& observed, unsigned lan,
                   std::vector<kernel::Address>& addresses) {
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    for (const auto& uplink : settings.uplinks) {
      const auto way = way_of(uplink, family);
      if (!way) continue;
      kernel::Address address;
      address.prefix = IpPrefix(way->router, way->source.length());
      add_address(observed, lan, address, addresses);
    }
  }
  // A LAN without any IPv6 has no use for advertisements, and perhaps a kernel without it.
  const bool speaks_ipv6 = std::ranges::any_of(observed.addresses, [&](const auto& address) {
    return address.ifindex == lan && address.prefix.family() == Family::kIpv6;
  });
  for (const auto& uplink : settings.uplinks)
    if (uplink.ipv6 || (settings.advertise.enabled && speaks_ipv6))
      add_address(observed, lan, link_local_address(uplink.index), addresses);
}

void add_sysctls_ipv4(std::string_view interface, bool uplink,
                      std::map<std::string, std::string>& out) {
  out[sysctl_key("ipv4", interface, "forwarding")] = "1";
  // Strict reverse-path filtering would ask the main table, which knows nothing of our uplinks.
  out[sysctl_key("ipv4", interface, "rp_filter")] = "2";
  if (uplink) out[sysctl_key("ipv4", interface, "ignore_routes_with_linkdown")] = "1";
}

void add_sysctls_ipv6(std::string_view interface, bool uplink,
                      std::map<std::string, std::string>& out) {
  // Makes it a router in the eyes of its neighbours; forwarding itself is asked for by the other
  // one (Linux 6.17; before that by that of all interfaces).
  out[sysctl_key("ipv6", interface, "forwarding")] = "1";
  out[sysctl_key("ipv6", interface, "force_forwarding")] = "1";
  if (!uplink) return;
  out[sysctl_key("ipv6", interface, "ignore_routes_with_linkdown")] = "1";
  // An uplink that has its address from the provider's advertisements keeps it: routers ignore
  // them otherwise.
  out[sysctl_key("ipv6", interface, "accept_ra")] = "2";
}

std::map<std::string, std::string> make_sysctls(const Settings& settings,
                                                const Observed& observed) {
  std::map<std::string, std::string> out;
  const auto owned = [&](std::string_view interface, bool ipv4, bool ipv6, bool uplink) {
    if (observed.link(interface) == nullptr) return;
    if (ipv4) add_sysctls_ipv4(interface, uplink, out);
    if (ipv6) add_sysctls_ipv6(interface, uplink, out);
  };
  owned(settings.lan, settings.base(Family::kIpv4) != nullptr,
        settings.base(Family::kIpv6) != nullptr, false);
  for (const auto& uplink : settings.uplinks)
    owned(uplink.interface, uplink.has_ipv4(), uplink.ipv6.has_value(), true);
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
  if (settings.routed && settings.base(Family::kIpv4) != nullptr &&
      std::ranges::none_of(observed.addresses, is_of_lan))
    return fmt::format("{} has no IPv4 address", settings.lan);
  return {};
}

/// Kea opens its sockets on link-local addresses, and cannot on one that is still under test
/// (RFC 4862 section 5.4). It does not see ours as such.
std::string dhcp6_problem(const Settings& settings, const Observed& observed, unsigned lan) {
  const bool ready = std::ranges::any_of(observed.addresses, [&](const auto& address) {
    return address.ifindex == lan && is_link_local(address.prefix.address()) &&
           !address.tentative && address.protocol != kOurs;
  });
  if (settings.dhcp6.mode != DhcpMode::kKea || ready) return {};
  return fmt::format("{} has no link-local IPv6 address", settings.lan);
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
  plan.dhcp6_problem = dhcp6_problem(settings, observed, plan.lan_ifindex);
  for (const Family family : {Family::kIpv4, Family::kIpv6})
    add_rules(settings, family, plan.network.rules);
  for (const auto& uplink : settings.uplinks) {
    if (settings.via && uplink.has_ipv4())
      add_route(plan.network.routes, kHostsTable, uplink.source_prefix, lan, *settings.via,
                registry::kMetricUplink);
    for (const Family family : {Family::kIpv4, Family::kIpv6})
      add_routes(settings, uplink, family, observed, plan.network.routes);
    add_delegations(settings, uplink, observed, plan.network.routes);
    plan.paths.push_back(decide_path(settings, uplink, observed));
  }
  add_probe_routes(settings, observed, plan.network);
  plan.sysctls = make_sysctls(settings, observed);
  plan.translation = make_translation(settings, observed.links);
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
