// SPDX-License-Identifier: MIT
#include "paths/first_route.hpp"

#include <algorithm>
#include <array>

#include <netinet/in.h>

#include "base/log.hpp"
#include "base/registry.hpp"

namespace anabranch::paths {
namespace {

using kernel::Route;
using kernel::Rule;

constexpr std::uint32_t kDefaultTable = 253;
/// Metric of an IPv6 route that is given none.
constexpr std::uint32_t kIpv6Metric = 1024;

bool ordinary_table(std::uint32_t table) {
  return table == kernel::kMainTable || table == kDefaultTable;
}

constexpr std::uint32_t table_of(unsigned slot) {
  return registry::kPathsTableBase + slot;
}

kernel::Scope everything() {
  return {.first_table = registry::kPathsTableBase,
          .last_table = registry::kPathsTableBase + registry::kPathsSlots - 1,
          .first_priority = registry::kPathsRuleSource,
          .last_priority = registry::kPathsRulePrefer,
          .interfaces = {}};
}

Rule rule(Family family, std::uint32_t priority, std::optional<IpPrefix> from, Rule::Action action,
          std::uint32_t table = 0) {
  Rule out;
  out.priority = priority;
  out.family = family;
  out.from = from;
  out.input_interface = "lo";
  out.action = action;
  out.table = table;
  out.protocol = registry::kRouteProtocol;
  out.ip_protocol = IPPROTO_TCP;
  return out;
}

Route route_of(const Path& path, std::uint32_t table) {
  const Family family = path.address.family();
  const bool v4 = family == Family::kIpv4;
  Route out;
  out.table = table;
  out.to = IpPrefix::any(family);
  out.via = path.router;
  out.ifindex = path.ifindex;
  out.source = path.address;
  out.metric = v4 ? 0 : kIpv6Metric;
  // The router of a host address lies outside of every prefix.
  out.onlink = v4 && path.router.has_value();
  out.protocol = registry::kRouteProtocol;
  return out;
}

/// What the main table knows better than by its default route, then ours.
void add_lookups(std::vector<Rule>& rules, Family family, std::uint32_t priority,
                 std::optional<IpPrefix> from, std::uint32_t table) {
  rules.push_back(rule(family, priority, from, Rule::Action::kLookup, kernel::kMainTable));
  rules.back().suppress_prefix_length = 0;
  rules.push_back(rule(family, priority, from, Rule::Action::kLookup, table));
}

void add_preference(std::vector<Rule>& rules, Family family, std::uint32_t table) {
  const std::uint32_t priority = registry::kPathsRulePrefer;
  if (family == Family::kIpv4)
    return add_lookups(rules, family, priority, IpPrefix::host(IpAddress()), table);
  const std::array<std::uint8_t, 16> lower{};
  std::array<std::uint8_t, 16> upper{};
  upper[0] = 0x80;
  for (const auto& half : {lower, upper}) {
    rules.push_back(rule(family, priority, IpPrefix(IpAddress::v6(half), 1), Rule::Action::kGoto));
    rules.back().go_to = registry::kMainRule;
  }
  add_lookups(rules, family, priority, std::nullopt, table);
}

auto slot_of(const ChosenPaths& chosen, const IpAddress& address) {
  return std::ranges::find_if(
      chosen, [&](const auto& entry) { return entry.second.path.address == address; });
}

Result<void> reconcile_with(const ChosenPaths& chosen) {
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  if (auto done = kernel::reconcile(*netlink, first_route_state(chosen, {}), everything()); !done)
    return std::unexpected(done.error());
  return {};
}

}  // namespace

kernel::NetworkState first_route_state(const ChosenPaths& chosen,
                                       const std::map<Family, IpAddress>& preferred) {
  kernel::NetworkState out;
  for (const auto& [slot, entry] : chosen) {
    // The kernel takes no route over an interface that is down. Without it the rule does nothing.
    if (entry.path.usable) out.routes.push_back(route_of(entry.path, table_of(slot)));
    if (entry.source_rule)
      add_lookups(out.rules, entry.path.address.family(), registry::kPathsRuleSource,
                  IpPrefix::host(entry.path.address), table_of(slot));
  }
  for (const auto& [family, address] : preferred)
    if (const auto found = slot_of(chosen, address); found != chosen.end())
      add_preference(out.rules, family, table_of(found->first));
  return out;
}

ChosenPaths chosen_paths(const kernel::NetworkState& state) {
  ChosenPaths out;
  for (const auto& found : state.routes) {
    if (!everything().owns(found) || !found.source) continue;
    Path path;
    path.address = *found.source;
    path.ifindex = found.ifindex;
    path.router = found.via;
    out.emplace(found.table - registry::kPathsTableBase, ChosenPath{std::move(path), false});
  }
  for (const auto& found : state.rules) {
    const unsigned slot = found.table - registry::kPathsTableBase;
    if (!everything().owns(found) || found.priority != registry::kPathsRuleSource || !found.from ||
        found.suppress_prefix_length || slot >= registry::kPathsSlots)
      continue;
    const auto [entry, alone] = out.try_emplace(slot);
    entry->second.source_rule = true;
    if (!alone) continue;
    entry->second.path.address = found.from->address();
    entry->second.path.usable = false;
  }
  return out;
}

Result<FirstRoute> FirstRoute::open() {
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  FirstRoute out(*std::move(netlink));
  const auto state = kernel::observe(out.netlink_, everything());
  if (!state) return std::unexpected(state.error());
  out.chosen_ = chosen_paths(*state);
  ANABRANCH_TRY(out.apply());
  return out;
}

Result<void> FirstRoute::prefer(Family family, const std::optional<Path>& path) {
  if (path)
    wanted_.insert_or_assign(family, *path);
  else
    wanted_.erase(family);
  return apply();
}

Result<void> FirstRoute::follow(const std::vector<Path>& paths) {
  const auto renew = [&](Path& known) {
    const auto found = std::ranges::find(paths, known.address, &Path::address);
    if (found == paths.end() || !found->usable)
      known.usable = false;
    else
      known = *found;
  };
  for (auto& [slot, entry] : chosen_) renew(entry.path);
  for (auto& [family, path] : wanted_) renew(path);
  return chosen_.empty() && wanted_.empty() ? Result<void>{} : apply();
}

/// Whether the path differs from where the machine's routes lead, and they are what decides.
bool FirstRoute::may_prefer(const Path& path) {
  const auto ordinary = netlink_.default_route(path.address.family(), std::nullopt, 0);
  if (!ordinary) return true;
  return ordinary_table(ordinary->table) &&
         (ordinary->ifindex != path.ifindex || ordinary->source != path.address);
}

/// Our own rules are for TCP and do not count here.
bool FirstRoute::needs_source_rule(const Path& path) {
  const auto route = netlink_.default_route(path.address.family(), path.address, 0);
  return !route || ordinary_table(route->table);
}

bool FirstRoute::take_slot(const Path& path) {
  if (const auto found = slot_of(chosen_, path.address); found != chosen_.end()) {
    chosen_.at(found->first).path = path;
    return true;
  }
  for (unsigned slot = 0; slot < registry::kPathsSlots; ++slot)
    if (chosen_.try_emplace(slot, ChosenPath{path}).second) return true;
  return false;
}

Result<void> FirstRoute::apply() {
  const auto addresses = netlink_.addresses();
  if (!addresses) return std::unexpected(addresses.error());
  std::erase_if(chosen_, [&](const auto& entry) {
    return std::ranges::none_of(*addresses, [&](const kernel::Address& address) {
      return address.prefix.address() == entry.second.path.address;
    });
  });
  std::map<Family, IpAddress> preferred;
  for (const auto& [family, path] : wanted_)
    if (path.usable && may_prefer(path) && take_slot(path)) preferred[family] = path.address;
  for (auto& [slot, entry] : chosen_)
    if (entry.path.usable) entry.source_rule = needs_source_rule(entry.path);
  const auto done =
      kernel::reconcile(netlink_, first_route_state(chosen_, preferred), everything());
  if (!done) return std::unexpected(done.error());
  if (!done->empty()) log::debug("route of new connections: {}", done->text());
  return {};
}

Result<void> FirstRoute::withdraw() {
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto state = kernel::observe(*netlink, everything());
  if (!state) return std::unexpected(state.error());
  return reconcile_with(chosen_paths(*state));
}

Result<void> FirstRoute::remove() {
  return reconcile_with({});
}

}  // namespace anabranch::paths
