// SPDX-License-Identifier: MIT
#include "proxy/interception.hpp"

#include <nlohmann/json.hpp>

#include "base/registry.hpp"
#include "kernel/nft.hpp"
#include "kernel/reconcile.hpp"
#include "kernel/rtnetlink.hpp"
#include "proxy/interception_rules.hpp"

namespace anabranch::proxy {
namespace {

using kernel::Route;
using kernel::Rule;

kernel::Scope scope() {
  return {.first_table = registry::kCpeTable,
          .last_table = registry::kCpeTable,
          .first_priority = registry::kCpeRule,
          .last_priority = registry::kCpeRule,
          .interfaces = {}};
}

/// Whatever has the mark is for this machine.
kernel::NetworkState wanted(unsigned loopback) {
  kernel::NetworkState out;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    Rule rule;
    rule.priority = registry::kCpeRule;
    rule.family = family;
    rule.table = registry::kCpeTable;
    rule.protocol = registry::kRouteProtocol;
    rule.mark = registry::kCpeMark;
    out.rules.push_back(rule);
    Route route;
    route.table = registry::kCpeTable;
    route.to = IpPrefix::any(family);
    route.type = Route::Type::kLocal;
    route.ifindex = loopback;
    route.protocol = registry::kRouteProtocol;
    route.metric = family == Family::kIpv4 ? 0 : 1024;  // what the kernel makes of none
    out.routes.push_back(route);
  }
  return out;
}

Result<void> reconcile(bool present) {
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  const auto loopback = netlink->link("lo");
  if (!loopback) return std::unexpected(loopback.error());
  const auto done = kernel::reconcile(
      *netlink, present ? wanted(loopback->index) : kernel::NetworkState{}, scope());
  if (!done) return std::unexpected(done.error());
  return {};
}

}  // namespace

Result<void> Interception::start(const CpeSettings& settings, std::uint16_t port) {
  ANABRANCH_TRY(reconcile(true));
  ANABRANCH_TRY(kernel::apply_nft(no_interception_rules()));
  return kernel::apply_nft(interception_rules(settings, port));
}

Result<void> Interception::change(const CpeSettings& settings, std::uint16_t port) {
  return kernel::apply_nft(interception_rules(settings, port));
}

Result<void> Interception::stop() {
  const auto table = kernel::apply_nft(no_interception_rules());
  const auto routes = reconcile(false);
  return table ? routes : table;
}

Result<std::map<std::string, std::uint64_t>> Interception::counters() {
  const auto listed = kernel::list_nft(
      {"-j", "list", "counters", "table", "inet", std::string(registry::kCpeNftTable)});
  if (!listed) return std::unexpected(listed.error());
  const auto root = nlohmann::json::parse(*listed, nullptr, false);
  if (!root.is_object()) return fail("nft's list of counters is not understood");
  std::map<std::string, std::uint64_t> out;
  for (const auto& item : root.value("nftables", nlohmann::json::array())) {
    const auto counter = item.find("counter");
    if (counter == item.end()) continue;
    out[counter->value("name", std::string())] = counter->value("packets", std::uint64_t{0});
  }
  return out;
}

}  // namespace anabranch::proxy
