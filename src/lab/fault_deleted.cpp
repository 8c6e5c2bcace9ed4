// SPDX-License-Identifier: MIT
#include <algorithm>

#include "base/registry.hpp"
#include "kernel/rtnetlink.hpp"
#include "lab/fault.hpp"

namespace anabranch::lab {
namespace {

using kernel::Rtnetlink;

const IpPrefix kPath2 = IpPrefix(IpAddress::v4(0x0a020000), 16);  // 10.2.0.0/16

/// Inside `node`, with a netlink socket of its own.
Result<void> by_hand(const Network& network, std::string_view node,
                     const std::function<Result<void>(Rtnetlink&)>& work) {
  return network.inside(node, [&]() -> Result<void> {
    auto netlink = Rtnetlink::open();
    if (!netlink) return std::unexpected(netlink.error());
    return work(*netlink);
  });
}

/// The rule that sends packets from path 2 to its table, the same idea at host and gateway.
template <typename Rules>
auto rule_of_path_2(const Rules& rules) {
  return std::ranges::find_if(rules, [](const kernel::Rule& rule) {
    return rule.protocol == registry::kRouteProtocol && rule.from &&
           kPath2.contains(rule.from->address());
  });
}

Result<void> delete_rule(Rtnetlink& netlink) {
  const auto rules = netlink.rules();
  if (!rules) return std::unexpected(rules.error());
  const auto rule = rule_of_path_2(*rules);
  return rule == rules->end() ? fail("path 2 has no rule") : netlink.remove(*rule);
}

/// The default route of path 2's table, the best where there are several.
Result<void> delete_route(Rtnetlink& netlink) {
  const auto rules = netlink.rules();
  if (!rules) return std::unexpected(rules.error());
  const auto rule = rule_of_path_2(*rules);
  if (rule == rules->end()) return fail("path 2 has no rule");
  auto routes = netlink.all_routes();
  if (!routes) return std::unexpected(routes.error());
  std::ranges::sort(*routes, {}, &kernel::Route::metric);
  const auto route = std::ranges::find_if(*routes, [&](const kernel::Route& candidate) {
    return candidate.table == rule->table && candidate.to.length() == 0;
  });
  return route == routes->end() ? fail("path 2 has no default route") : netlink.remove(*route);
}

Result<void> delete_address(Rtnetlink& netlink) {
  const auto addresses = netlink.addresses();
  if (!addresses) return std::unexpected(addresses.error());
  const auto address = std::ranges::find_if(*addresses, [](const kernel::Address& candidate) {
    return kPath2.contains(candidate.prefix.address());
  });
  return address == addresses->end() ? fail("path 2 has no address") : netlink.remove(*address);
}

Result<void> delete_macvlan(Rtnetlink& netlink) {
  const auto links = netlink.links();
  if (!links) return std::unexpected(links.error());
  const auto link = std::ranges::find(*links, "macvlan", &kernel::LinkInfo::kind);
  return link == links->end() ? fail("there is no macvlan") : netlink.delete_link(link->index);
}

Fault deletion(std::string name, std::string title, const std::string& node,
               Result<void> (*work)(Rtnetlink&)) {
  return {.name = std::move(name),
          .title = std::move(title),
          .strike = [node, work](Network& network) { return by_hand(network, node, work); }};
}

/// Without the way out of path 2, Linux takes the server to be on the wire and asks for its
/// Ethernet address, for three seconds. TCP does not repeat what waits for that, and then looks
/// again as late as its timer has grown: the repair is long done.
Fault waits_for_neighbour(Fault fault) {
  fault.settles = milliseconds(5500);
  return fault;
}

}  // namespace

std::vector<Fault> deleted_by_hand(const std::string& host) {
  return {
      waits_for_neighbour(
          deletion("host_rule_deleted", "rule of the host deleted", host, delete_rule)),
      deletion("host_route_deleted", "route of the host deleted", host, delete_route),
      waits_for_neighbour(
          deletion("host_address_deleted", "address of the host deleted", host, delete_address)),
      deletion("host_macvlan_deleted", "macvlan of the host deleted", host, delete_macvlan),
      deletion("gateway_rule_deleted", "rule of the gateway deleted", "gateway", delete_rule),
      deletion("gateway_route_deleted", "route of the gateway deleted", "gateway", delete_route)};
}

}  // namespace anabranch::lab
