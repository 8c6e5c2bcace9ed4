// SPDX-License-Identifier: MIT
#include <fmt/core.h>

#include "base/address_scope.hpp"
#include "paths/explain_judges.hpp"

namespace anabranch::paths {
namespace {

using enum ExplainCode;

constexpr unsigned kStrict = 1;

std::string interface_name(const MachineFacts& machine, unsigned ifindex) {
  for (const auto& address : machine.addresses)
    if (address.ifindex == ifindex) return address.interface;
  return fmt::format("interface {}", ifindex);
}

/// A subflow of the daemon, or of an endpoint with `dev`, is bound to the interface of its address;
/// the first of a connection is not, nor one that the peer opens.
bool is_bound(const PairCase& pair) {
  if (pair.subject.server_side) return false;
  if (pair.is_new() && pair.is_initial_local()) return false;
  if (pair.subject.manager == Manager::kDaemon) return true;
  if (pair.subject.manager == Manager::kNobody) return false;
  for (const auto& endpoint : pair.facts.machine.endpoints)
    if (endpoint.address == pair.local.address) return endpoint.ifindex != 0;
  return false;
}

}  // namespace

std::optional<Finding> judge_family(const PairCase& pair) {
  if (pair.local.address.family() == pair.remote.endpoint.address.family()) return std::nullopt;
  return Finding{kFamilyMismatch};
}

std::optional<Finding> judge_address(const PairCase& pair) {
  const auto& local = pair.local;
  if (!local.admin_up) return Finding{kLinkDown, local.interface + " is down"};
  if (!local.carrier) return Finding{kLinkDown, local.interface + " has no carrier"};
  if (!local.unusable.empty())
    return Finding{kAddressNotUsable,
                   fmt::format("{} cannot be a source: {}", local.address.text(), local.unusable)};
  if (is_link_local(local.address) && !is_link_local(pair.remote.endpoint.address))
    return Finding{kAddressNotUsable,
                   local.address.text() + " is link-local and reaches its own link only"};
  return std::nullopt;
}

std::optional<Finding> judge_denied(const PairCase& pair) {
  if (pair.subject.manager != Manager::kDaemon) return std::nullopt;
  if (pair.path != nullptr && !pair.path->usable && pair.path->reason == "denied")
    return Finding{kInterfaceDenied, fmt::format("the configuration of the path manager denies {}",
                                                 pair.local.interface)};
  const auto* rule = rule_of(pair);
  if (rule == nullptr || !rule->deny) return std::nullopt;
  return Finding{kRuleDenied,
                 fmt::format("the rule \"{}\" denies connections to {} by {}", rule->name,
                             pair.subject.remote.text(), pair.local.interface)};
}

/// Concerns the start of a connection: one that speaks MPTCP already is not touched.
std::optional<Finding> judge_mptcp(const PairCase& pair) {
  if (!pair.is_new() && !pair.subject.plain_tcp) return std::nullopt;
  const auto& machine = pair.facts.machine;
  if (!machine.mptcp_present) return Finding{kMptcpMissing};
  if (!machine.mptcp_enabled) return Finding{kMptcpDisabled};
  if (machine.blackholed)
    return Finding{
        kMptcpBlackholed,
        fmt::format("blackhole detection keeps MPTCP off for new connections of this machine now "
                    "(for {} the first time, longer each further time)",
                    duration_text(machine.blackhole_timeout))};
  return std::nullopt;
}

/// Packets from the local address have to leave by its interface, and answers to get in there.
std::optional<Finding> judge_way(const PairCase& pair) {
  if (pair.way == nullptr || pair.local.loopback_interface) return std::nullopt;
  const auto& way = *pair.way;
  const auto& local = pair.local;
  const auto to = pair.remote.endpoint.address.text();
  const auto from = local.address.text();
  if (way.to_ourselves) return std::nullopt;
  const bool right = way.ifindex == local.ifindex;
  // What the peer opened may be answered by another interface than it came in at.
  const bool any_will_do = pair.subject.server_side && way.ifindex.has_value();
  if (!right && !any_will_do && !(is_bound(pair) && way.bound)) {
    const auto where =
        way.ifindex ? fmt::format("leave by {} instead of {}",
                                  interface_name(pair.facts.machine, *way.ifindex), local.interface)
                    : fmt::format("do not leave ({})", way.why_not);
    if (way.table)
      return Finding{kSourceRuleMissing,
                     fmt::format("packets from {} to {} {}: table {} has the route by {}, but no "
                                 "rule leads packets from {} there",
                                 from, to, where, *way.table, local.interface, from)};
    return Finding{kNoRoute, fmt::format("no table has a route to {} by {}; packets from {} {}", to,
                                         local.interface, from, where)};
  }
  // What the kernel asks of an arriving packet: would I answer by the interface it came in?
  if (local.rp_filter == kStrict && !right)
    return Finding{
        kRpFilterStrict,
        fmt::format("answers from {} arrive on {}, whose rp_filter is strict (1), while "
                    "the route back {}: the kernel drops them",
                    to, local.interface,
                    way.ifindex ? "is by " + interface_name(pair.facts.machine, *way.ifindex)
                                : "is missing")};
  return std::nullopt;
}

}  // namespace anabranch::paths
