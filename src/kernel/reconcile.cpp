// SPDX-License-Identifier: MIT
#include "kernel/reconcile.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <ranges>

#include "base/registry.hpp"

namespace anabranch::kernel {
namespace {

constexpr seconds kLifetimeSlack{5};

/// Nothing means for ever.
bool close(const std::optional<seconds>& a, const std::optional<seconds>& b) {
  return a.has_value() == b.has_value() && (!a || std::chrono::abs(*a - *b) <= kLifetimeSlack);
}

std::optional<seconds> preferred(const Address& address) {
  return address.preferred ? address.preferred : address.valid;
}

bool deprecated(const Address& address) {
  return preferred(address) == seconds(0);
}

bool present(const Address& wanted, const Address& actual) {
  if (!wanted.same(actual) || actual.protocol != wanted.protocol) return false;
  return close(wanted.valid, actual.valid) && close(preferred(wanted), preferred(actual)) &&
         deprecated(wanted) == deprecated(actual);
}
bool present(const Route& wanted, const Route& actual) {
  return wanted == actual;
}
bool present(const Rule& wanted, const Rule& actual) {
  return wanted == actual;
}

bool same(const Address& a, const Address& b) {
  return a.same(b);
}
bool same(const Route& a, const Route& b) {
  return a == b;
}
bool same(const Rule& a, const Rule& b) {
  return a == b;
}

template <class T>
void compare_list(const std::vector<T>& desired, const std::vector<T>& actual, const Scope& scope,
                  std::vector<T>& add, std::vector<T>& remove) {
  for (const T& wanted : desired)
    if (std::ranges::none_of(actual, [&](const T& other) { return present(wanted, other); }))
      add.push_back(wanted);
  for (const T& found : actual)
    if (scope.owns(found) &&
        std::ranges::none_of(desired, [&](const T& wanted) { return same(wanted, found); }))
      remove.push_back(found);
}

void count(std::string& out, std::size_t number, std::string_view thing, std::string_view what) {
  if (number == 0) return;
  if (!out.empty()) out += ", ";
  out += std::to_string(number) + " " + std::string(thing);
  if (number != 1) out += thing.ends_with('s') ? "es" : "s";
  out += " " + std::string(what);
}

}  // namespace

bool Scope::owns(const Address& address) const {
  if (address.protocol != registry::kRouteProtocol) return false;
  return std::ranges::find(interfaces, address.ifindex) != interfaces.end() ||
         (address.ifindex == shared_interface &&
          address.prefix.length() == address.prefix.address().width());
}
bool Scope::owns(const Route& route) const {
  const auto in = [&](std::uint32_t first, std::uint32_t last) {
    return route.table >= first && route.table <= last;
  };
  return route.protocol == registry::kRouteProtocol &&
         (in(first_table, last_table) ||
          (first_further_table != 0 && in(first_further_table, last_further_table)));
}
bool Scope::owns(const Rule& rule) const {
  return rule.protocol == registry::kRouteProtocol && rule.priority >= first_priority &&
         rule.priority <= last_priority;
}

bool Difference::empty() const {
  const auto nothing = [](const NetworkState& s) {
    return s.addresses.empty() && s.routes.empty() && s.rules.empty();
  };
  return nothing(add) && nothing(remove) && renew.empty();
}

std::string Difference::text() const {
  std::string out;
  count(out, add.addresses.size() + renew.size(), "address", "set");
  count(out, add.routes.size(), "route", "set");
  count(out, add.rules.size(), "rule", "set");
  count(out, remove.rules.size(), "rule", "removed");
  count(out, remove.routes.size(), "route", "removed");
  count(out, remove.addresses.size(), "address", "removed");
  return out;
}

Difference compare(const NetworkState& desired, const NetworkState& actual, const Scope& scope) {
  Difference out;
  compare_list(desired.addresses, actual.addresses, scope, out.add.addresses, out.remove.addresses);
  compare_list(desired.routes, actual.routes, scope, out.add.routes, out.remove.routes);
  compare_list(desired.rules, actual.rules, scope, out.add.rules, out.remove.rules);
  const auto there = std::ranges::partition(out.add.addresses, [&](const Address& wanted) {
    return std::ranges::none_of(actual.addresses,
                                [&](const Address& other) { return same(wanted, other); });
  });
  out.renew.assign(there.begin(), there.end());
  out.add.addresses.erase(there.begin(), there.end());
  // A route that replaces one of the same table, prefix and metric has removed it already.
  std::erase_if(out.remove.routes, [&](const Route& old) {
    return std::ranges::any_of(out.add.routes, [&](const Route& fresh) {
      return fresh.table == old.table && fresh.to == old.to && fresh.metric == old.metric;
    });
  });
  return out;
}

Result<NetworkState> observe(Rtnetlink& netlink, const Scope& scope) {
  auto addresses = netlink.addresses();
  if (!addresses) return std::unexpected(addresses.error());
  auto routes = netlink.routes(scope.first_table, scope.last_table, registry::kRouteProtocol);
  if (!routes) return std::unexpected(routes.error());
  if (scope.first_further_table != 0) {
    const auto further = netlink.routes(scope.first_further_table, scope.last_further_table,
                                        registry::kRouteProtocol);
    if (!further) return std::unexpected(further.error());
    routes->insert(routes->end(), further->begin(), further->end());
  }
  auto rules = netlink.rules();
  if (!rules) return std::unexpected(rules.error());
  return NetworkState{*std::move(addresses), *std::move(routes), *std::move(rules)};
}

Result<Difference> reconcile(Rtnetlink& netlink, const NetworkState& desired, const Scope& scope) {
  const auto actual = observe(netlink, scope);
  if (!actual) return std::unexpected(actual.error());
  Difference difference = compare(desired, *actual, scope);
  std::optional<Error> first;
  const auto keep = [&](Result<void> done) {
    if (!done && !first) first = std::move(done).error();
  };
  for (const auto& address : difference.renew) keep(netlink.add(address));
  for (const auto& address : difference.add.addresses) keep(netlink.add(address));
  for (const auto& route : difference.add.routes) keep(netlink.add(route));
  for (const auto& rule : difference.add.rules) keep(netlink.add(rule));
  for (const auto& rule : std::views::reverse(difference.remove.rules)) keep(netlink.remove(rule));
  for (const auto& route : difference.remove.routes) keep(netlink.remove(route));
  for (const auto& address : difference.remove.addresses) keep(netlink.remove(address));
  if (first) return std::unexpected(*std::move(first));
  return difference;
}

}  // namespace anabranch::kernel
