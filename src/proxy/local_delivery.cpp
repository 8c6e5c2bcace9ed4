// SPDX-License-Identifier: MIT
#include "proxy/local_delivery.hpp"

#include "base/registry.hpp"
#include "kernel/reconcile.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::proxy {
namespace {

/// What the kernel makes of an IPv6 route without a metric.
constexpr std::uint32_t kIpv6Metric = 1024;

kernel::NetworkState wanted(const LocalDelivery& delivery, unsigned loopback) {
  kernel::NetworkState out;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    kernel::Rule rule;
    rule.priority = delivery.rule;
    rule.family = family;
    rule.table = delivery.table;
    rule.protocol = registry::kRouteProtocol;
    rule.mark = delivery.mark;
    out.rules.push_back(rule);
    kernel::Route route;
    route.table = delivery.table;
    route.to = IpPrefix::any(family);
    route.type = kernel::Route::Type::kLocal;
    route.ifindex = loopback;
    route.protocol = registry::kRouteProtocol;
    route.metric = family == Family::kIpv4 ? 0 : kIpv6Metric;
    out.routes.push_back(route);
  }
  return out;
}

Result<void> apply(const LocalDelivery& delivery, bool present) {
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto loopback = netlink->link("lo");
  if (!loopback) return std::unexpected(loopback.error());
  const kernel::Scope scope{.first_table = delivery.table,
                            .last_table = delivery.table,
                            .first_priority = delivery.rule,
                            .last_priority = delivery.rule,
                            .interfaces = {}};
  const auto state = present ? wanted(delivery, loopback->index) : kernel::NetworkState{};
  const auto done = kernel::reconcile(*netlink, state, scope);
  if (!done) return std::unexpected(done.error());
  return {};
}

}  // namespace

Result<void> LocalDelivery::add() const {
  return apply(*this, true);
}

Result<void> LocalDelivery::remove() const {
  return apply(*this, false);
}

}  // namespace anabranch::proxy
