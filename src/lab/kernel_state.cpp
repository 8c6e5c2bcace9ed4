// SPDX-License-Identifier: MIT
#include "lab/kernel_state.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "kernel/mptcp_pm.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::lab {
namespace {

using Names = std::map<unsigned, std::string>;

/// A link that was made again has another number and the same name.
std::string name_of(const Names& names, unsigned index) {
  const auto found = names.find(index);
  return found == names.end() ? "-" : found->second;
}

std::string line(const kernel::Route& route, const Names& names) {
  return fmt::format("route {} table {} {} via {} dev {} src {} metric {} proto {}",
                     route.to.text(), route.table, static_cast<int>(route.type),
                     route.via ? route.via->text() : "-", name_of(names, route.ifindex),
                     route.source ? route.source->text() : "-", route.metric, route.protocol);
}

std::string line(const kernel::Rule& rule) {
  return fmt::format("rule {} from {} to {} iif {} action {} table {} proto {}", rule.priority,
                     rule.from ? rule.from->text() : "all", rule.to ? rule.to->text() : "all",
                     rule.input_interface, static_cast<int>(rule.action), rule.table,
                     rule.protocol);
}

Result<KernelState> read_state() {
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  auto manager = kernel::MptcpPathManager::open();
  if (!manager) return std::unexpected(manager.error());
  const auto links = netlink->links();
  if (!links) return std::unexpected(links.error());
  const auto addresses = netlink->addresses();
  if (!addresses) return std::unexpected(addresses.error());
  const auto routes = netlink->all_routes();
  if (!routes) return std::unexpected(routes.error());
  const auto rules = netlink->rules();
  if (!rules) return std::unexpected(rules.error());
  const auto endpoints = manager->endpoints();
  if (!endpoints) return std::unexpected(endpoints.error());

  KernelState out;
  Names names;
  for (const auto& link : *links) {
    names[link.index] = link.name;
    out.insert(fmt::format("link {} {} {} {} {}", link.name, link.kind, link.mac.text(),
                           link.admin_up ? "up" : "down", link.alias));
  }
  for (const auto& address : *addresses)
    if (address.prefix.family() == Family::kIpv4)
      out.insert(
          fmt::format("address {} dev {}", address.prefix.text(), name_of(names, address.ifindex)));
  for (const auto& route : *routes)
    if (route.to.family() == Family::kIpv4) out.insert(line(route, names));
  for (const auto& rule : *rules)
    if (rule.family == Family::kIpv4) out.insert(line(rule));
  for (const auto& endpoint : *endpoints)
    out.insert(fmt::format("endpoint {} id {} dev {} flags {}", endpoint.address.text(),
                           endpoint.id, name_of(names, endpoint.ifindex), endpoint.flags));
  return out;
}

}  // namespace

Result<KernelState> kernel_state(const Network& network, std::string_view node) {
  Result<KernelState> out;
  ANABRANCH_TRY(network.inside(node, [&]() -> Result<void> {
    out = read_state();
    return {};
  }));
  return out;
}

std::string difference_text(const KernelState& before, const KernelState& after) {
  std::vector<std::string> gone;
  std::vector<std::string> added;
  std::ranges::set_difference(before, after, std::back_inserter(gone));
  std::ranges::set_difference(after, before, std::back_inserter(added));
  std::string out;
  for (const auto& line : gone) out += (out.empty() ? "- " : ", - ") + line;
  for (const auto& line : added) out += (out.empty() ? "+ " : ", + ") + line;
  return out;
}

}  // namespace anabranch::lab
