// SPDX-License-Identifier: MIT
#include "gateway/plan.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace anabranch::gateway {
namespace {

constexpr std::uint8_t kOurs = registry::kRouteProtocol;

std::string sysctl_key(std::string_view interface, std::string_view name) {
  return fmt::format("net/ipv4/conf/{}/{}", interface, name);
}

std::uint32_t table_of(const Uplink& uplink) {
  return registry::kGatewayTableBase + uplink.index;
}

/// Empty when the uplink can carry packets.
std::string problem_of(const Uplink& uplink, const Observed& observed) {
  const auto* link = observed.link(uplink.interface);
  if (link == nullptr) return fmt::format("there is no interface {}", uplink.interface);
  if (!link->admin_up) return fmt::format("{} is set down", uplink.interface);
  if (!link->carrier) return fmt::format("{} has no carrier", uplink.interface);
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
void add_default(std::vector<kernel::Route>& routes, std::uint32_t table, const Uplink& through,
                 std::uint32_t metric, const Observed& observed) {
  const auto* link = observed.link(through.interface);
  // The kernel takes no route over an interface that is set down, and drops those it has.
  if (link == nullptr || !link->admin_up) return;
  kernel::Route route;
  route.table = table;
  route.to = IpPrefix::any(Family::kIpv4);
  route.via = through.next_hop;
  route.ifindex = link->index;
  route.metric = metric;
  route.onlink = true;
  route.protocol = kOurs;
  routes.push_back(std::move(route));
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
  const auto local = [&](const IpPrefix& prefix) {
    kernel::Rule rule;
    rule.priority = registry::kGatewayRuleLocal;
    rule.to = prefix;
    rule.table = kernel::kMainTable;
    rule.protocol = kOurs;
    rules.push_back(std::move(rule));
  };
  for (const auto& uplink : settings.uplinks) local(uplink.source_prefix);
  for (const auto& prefix : settings.local_prefixes) local(prefix);
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

/// Sources that leave through `uplink`, its own first.
std::string sources_through(const Settings& settings, const Uplink& uplink) {
  std::string out = uplink.source_prefix.text();
  for (const auto& other : settings.uplinks)
    if (other.fail_open == uplink.name) out += ", " + other.source_prefix.text();
  return out;
}

std::string make_nft(const Settings& settings) {
  std::string out;
  std::string in;
  for (const auto& uplink : settings.uplinks) {
    if (uplink.nat == Nat::kMasquerade) {
      out += fmt::format("    oifname \"{}\" ip saddr {{ {} }} masquerade\n", uplink.interface,
                         sources_through(settings, uplink));
    } else if (uplink.nat == Nat::kPrefix && uplink.external_prefix) {
      out += fmt::format("    oifname \"{}\" snat ip prefix to ip saddr map {{ {} : {} }}\n",
                         uplink.interface, uplink.source_prefix.text(),
                         uplink.external_prefix->text());
      in += fmt::format("    iifname \"{}\" dnat ip prefix to ip daddr map {{ {} : {} }}\n",
                        uplink.interface, uplink.external_prefix->text(),
                        uplink.source_prefix.text());
    }
  }
  if (out.empty()) return {};
  std::string text = fmt::format(
      "table ip {} {{\n"
      "  chain postrouting {{\n    type nat hook postrouting priority srcnat; policy accept;\n{}  "
      "}}\n",
      registry::kGatewayNftTable, out);
  if (!in.empty())
    text += fmt::format(
        "  chain prerouting {{\n    type nat hook prerouting priority dstnat; policy accept;\n{}  "
        "}}\n",
        in);
  return text + "}\n";
}

/// Whether DHCP can be served there once the plan is applied, which puts the addresses where they
/// belong.
std::string lan_problem(const Settings& settings, const kernel::LinkInfo* lan) {
  if (lan == nullptr) return fmt::format("there is no interface {}", settings.lan);
  if (!lan->admin_up) return fmt::format("{} is set down", settings.lan);
  if (!lan->carrier) return fmt::format("{} has no carrier", settings.lan);
  // Kea opens its sockets on interfaces that run, and looks again much later.
  if (!lan->running) return fmt::format("{} does not run yet", settings.lan);
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
    add_addresses(settings, observed, lan->index, plan.network.addresses);
  }
  plan.lan_problem = lan_problem(settings, lan);
  plan.network.rules = make_rules(settings);
  for (const auto& uplink : settings.uplinks) {
    add_routes(settings, uplink, observed, plan.network.routes);
    plan.paths.push_back(decide_path(settings, uplink, observed));
  }
  plan.sysctls = make_sysctls(settings, observed);
  plan.nft = make_nft(settings);
  return plan;
}

kernel::Scope scope_of(std::vector<unsigned> lan_interfaces) {
  return {registry::kGatewayTableBase + 1, registry::kGatewayTableBase + registry::kMaxUplinks,
          registry::kGatewayRuleLocal, registry::kGatewayRuleUnknown, std::move(lan_interfaces)};
}

}  // namespace anabranch::gateway
