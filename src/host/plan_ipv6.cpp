// SPDX-License-Identifier: MIT
// IPv6 of further paths: what plan.hpp says of IPv4, from provisioning domains instead of leases.
//
// The rule "from an address of the path" comes with the address being ready; a tentative one cannot
// be a source. A resolver that one path's domain alone announces is reached by that path, whatever
// the packet's source is: programs ask resolvers without choosing a source, and an uplink's
// resolver often answers nobody else. Those rules come behind the paths' own, so that a source that
// is an address of a path decides first.
//
// The interface's own address keeps the routes of the main table, but for the default one: another
// router on the link may have become that, and would not know what to do with a source of this path
// (RFC 8028 section 3.1).
#include <algorithm>

#include "base/registry.hpp"
#include "host/plan.hpp"

namespace anabranch::host {
namespace {

/// IPv6 routes have one in any case; this is the kernel's own choice.
constexpr std::uint32_t kMetric = 1024;
/// Before and behind the rules of the paths, 1..8, in the interface's ten priorities.
constexpr unsigned kMainSlot = 0;
constexpr unsigned kResolverSlot = 9;

class PathPlan {
 public:
  PathPlan(const HostFacts& facts, const Ipv6PathFacts& path, kernel::NetworkState& out)
      : facts_(facts), path_(path), out_(out) {
    slot_ = registry::host_slot(facts.ifindex, path.index);
  }

  void add_address(const Ipv6Address& address) {
    const bool shared = path_.ifindex == facts_.ifindex;
    kernel::Address out;
    out.ifindex = path_.ifindex;
    out.prefix = shared ? IpPrefix::host(address.address.address()) : address.address;
    out.prefix_route = false;
    out.protocol = registry::kRouteProtocol;
    // On the interface itself it would be one more source to choose from; the kernel chooses no
    // deprecated one (RFC 6724 rule 3), and whoever binds to it may.
    if (shared) out.preferred = seconds(0);
    // Without an end at first: the kernel keeps such an address when it is a duplicate, so that we
    // see it.
    out.detect_duplicates = !address.ready;
    if (address.ready) {
      out.valid = address.valid;
      if (!shared) out.preferred = address.preferred;
    }
    out_.addresses.push_back(out);
  }

  void add_route(const IpPrefix& to, std::optional<IpAddress> via, const IpAddress& source) {
    kernel::Route out;
    out.table = registry::kHostTableBase + slot_;
    out.to = to;
    out.via = via;
    out.ifindex = path_.ifindex;
    out.source = source;
    out.metric = kMetric;
    out.protocol = registry::kRouteProtocol;
    out.mtu = path_.mtu;
    const bool known = std::ranges::any_of(out_.routes, [&](const kernel::Route& other) {
      return other.table == out.table && other.to == out.to;
    });
    if (!known) out_.routes.push_back(std::move(out));
  }

  void add_rule(std::uint32_t priority, std::optional<IpPrefix> from, std::optional<IpPrefix> to) {
    kernel::Rule out;
    out.priority = priority;
    out.family = Family::kIpv6;
    out.from = from;
    out.to = to;
    out.table = registry::kHostTableBase + slot_;
    out.protocol = registry::kRouteProtocol;
    out_.rules.push_back(std::move(out));
  }

  void add() {
    for (const auto& address : path_.addresses) {
      add_address(address);
      if (!address.ready) continue;
      const auto source = address.address.address();
      add_rule(registry::kHostRuleBase + slot_, IpPrefix::host(source), std::nullopt);
      for (const auto& prefix : path_.on_link)
        if (prefix.contains(source)) add_route(prefix, std::nullopt, source);
    }
    const auto* usable = path_.usable();
    if (usable == nullptr) return;
    const auto source = usable->address.address();
    for (const auto& prefix : path_.on_link) add_route(prefix, std::nullopt, source);
    for (const auto& prefix : path_.routes) add_route(prefix, path_.router, source);
    add_route(IpPrefix::any(Family::kIpv6), path_.router, source);
    if (std::ranges::find(facts_.withdrawn, path_.index) != facts_.withdrawn.end()) return;
    for (const auto& resolver : path_.resolvers)
      add_rule(registry::kHostRuleBase + registry::host_slot(facts_.ifindex, kResolverSlot),
               std::nullopt, IpPrefix::host(resolver));
  }

 private:
  const HostFacts& facts_;
  const Ipv6PathFacts& path_;
  kernel::NetworkState& out_;
  std::uint32_t slot_ = 0;
};

/// Two rules: the main table without its default route, then the router of the path.
void add_own(const HostFacts& facts, kernel::NetworkState& out) {
  if (!facts.own_ipv6 || !facts.own_ipv6_router) return;
  const auto slot = registry::host_slot(facts.ifindex, facts.index);
  kernel::Route route;
  route.table = registry::kHostTableBase + slot;
  route.to = IpPrefix::any(Family::kIpv6);
  route.via = facts.own_ipv6_router;
  route.ifindex = facts.ifindex;
  route.metric = kMetric;
  route.protocol = registry::kRouteProtocol;
  kernel::Rule rule;
  rule.priority = registry::kHostRuleBase + registry::host_slot(facts.ifindex, kMainSlot);
  rule.family = Family::kIpv6;
  rule.from = IpPrefix::host(*facts.own_ipv6);
  rule.table = kernel::kMainTable;
  rule.suppress_prefix_length = 0;
  rule.protocol = registry::kRouteProtocol;
  out.rules.push_back(rule);
  rule.priority = registry::kHostRuleBase + slot;
  rule.table = route.table;
  rule.suppress_prefix_length.reset();
  out.rules.push_back(std::move(rule));
  out.routes.push_back(std::move(route));
}

}  // namespace

const Ipv6Address* Ipv6PathFacts::usable() const {
  if (!router) return nullptr;
  const Ipv6Address* out = nullptr;
  for (const auto& address : addresses) {
    if (!address.ready) continue;
    if (address.preferred != seconds(0)) return &address;
    if (out == nullptr) out = &address;
  }
  return out;
}

void plan_ipv6(const HostFacts& facts, kernel::NetworkState& out) {
  for (const auto& path : facts.ipv6) PathPlan(facts, path, out).add();
  add_own(facts, out);
}

}  // namespace anabranch::host
