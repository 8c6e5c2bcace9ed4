// SPDX-License-Identifier: MIT
#include "host/plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/registry.hpp"

namespace anabranch::host {
namespace {

using kernel::MptcpEndpoint;

std::uint64_t fnv1a(std::span<const std::uint8_t> octets, std::uint64_t hash) {
  for (const auto octet : octets) hash = (hash ^ octet) * 0x100000001b3u;
  return hash;
}

std::uint64_t hash_of(const MacAddress& mac, unsigned index) {
  const std::uint8_t last[] = {static_cast<std::uint8_t>(index)};
  return fnv1a(last, fnv1a(mac.octets, 0xcbf29ce484222325u));
}

kernel::Route in_table(std::uint32_t table, const PathFacts& path, const IpPrefix& to,
                       std::optional<IpAddress> via) {
  kernel::Route out;
  out.table = table;
  out.to = to;
  out.via = via;
  out.ifindex = path.ifindex;
  out.source = path.lease.address.address();
  // A router outside the subnet, as with /32 leases, is on the link all the same.
  out.onlink = via && !path.lease.address.contains(*via);
  out.protocol = registry::kRouteProtocol;
  return out;
}

void add_routes(std::vector<kernel::Route>& out, std::uint32_t table, const PathFacts& path) {
  const auto& lease = path.lease;
  if (lease.address.length() < lease.address.address().width())
    out.push_back(in_table(table, path, lease.address.without_host_bits(), std::nullopt));
  for (const auto& route : lease.routes) {
    const bool known = std::ranges::any_of(
        out, [&](const auto& other) { return other.table == table && other.to == route.to; });
    if (!known) out.push_back(in_table(table, path, route.to, route.via));
  }
}

}  // namespace

std::string macvlan_name(unsigned parent_ifindex, unsigned index) {
  return fmt::format("{}{}p{}", registry::kMacvlanPrefix, parent_ifindex, index);
}

std::string macvlan_alias(std::string_view parent, unsigned index) {
  return fmt::format("anabranch path {} of {}", index, parent);
}

bool is_our_macvlan(const kernel::LinkInfo& link, unsigned parent_ifindex) {
  return link.kind == "macvlan" && link.parent == parent_ifindex &&
         link.name.starts_with(registry::kMacvlanPrefix) &&
         link.alias.starts_with("anabranch path ");
}

MacAddress macvlan_mac(const MacAddress& parent, std::span<const std::uint8_t> duid,
                       unsigned index) {
  const std::uint64_t hash = fnv1a(duid, hash_of(parent, index));
  MacAddress out;
  for (std::size_t i = 0; i < out.octets.size(); ++i)
    out.octets[i] = static_cast<std::uint8_t>(hash >> (8 * i));
  out.octets[0] = static_cast<std::uint8_t>((out.octets[0] & 0xfc) | 0x02);
  return out;
}

std::uint32_t path_iaid(const MacAddress& parent, unsigned index) {
  return (static_cast<std::uint32_t>(hash_of(parent, 0)) & 0xfffffff0u) + index;
}

std::vector<unsigned> wanted_indices(const wire::ExtRoute& discovered, unsigned max_paths,
                                     std::span<const PathProgress> progress) {
  const auto progress_of = [&](unsigned index) {
    const auto found = std::ranges::find(progress, index, &PathProgress::index);
    return found == progress.end() ? PathProgress{index, false} : *found;
  };
  const unsigned room = max_paths - 1;
  std::vector<unsigned> out;
  const unsigned last = discovered.count != 0 ? discovered.count : 255;
  for (unsigned index = 1; index <= last && out.size() < room; ++index) {
    if (index == discovered.index) continue;
    out.push_back(index);
    if (discovered.count == 0 && !progress_of(index).leased) break;
  }
  for (const auto& path : progress)
    if (path.leased && out.size() < room && std::ranges::find(out, path.index) == out.end())
      out.push_back(path.index);
  std::ranges::sort(out);
  return out;
}

kernel::Scope scope_of(unsigned ifindex, std::vector<unsigned> macvlans) {
  const std::uint32_t first = registry::host_slot(ifindex, 0);
  const std::uint32_t last = first + 9;
  return {registry::kHostTableBase + first,
          registry::kHostTableBase + last,
          registry::kHostRuleBase + first,
          registry::kHostRuleBase + last,
          std::move(macvlans),
          ifindex};
}

std::vector<IpAddress> shared_addresses(std::span<const kernel::Address> addresses,
                                        unsigned ifindex) {
  const auto scope = scope_of(ifindex, {});
  std::vector<IpAddress> out;
  for (const auto& address : addresses)
    if (scope.owns(address)) out.push_back(address.prefix.address());
  return out;
}

Plan plan(const HostFacts& facts, MonotonicTime now) {
  Plan out;
  out.scope = scope_of(facts.ifindex, facts.macvlans);
  out.subflows = facts.paths;
  for (const PathFacts& path : facts.leased) {
    const auto slot = registry::host_slot(facts.ifindex, path.index);
    const IpAddress address = path.lease.address.address();
    const bool shared = path.ifindex == facts.ifindex;
    out.network.addresses.push_back({path.ifindex,
                                     shared ? IpPrefix::host(address) : path.lease.address, false,
                                     registry::kRouteProtocol, path.lease.remaining(now)});
    add_routes(out.network.routes, registry::kHostTableBase + slot, path);
    kernel::Rule rule;
    rule.priority = registry::kHostRuleBase + slot;
    rule.from = IpPrefix::host(address);
    rule.table = registry::kHostTableBase + slot;
    rule.protocol = registry::kRouteProtocol;
    out.network.rules.push_back(std::move(rule));
  }
  plan_ipv6(facts, out.network);
  out.endpoints = plan_endpoints(facts);
  return out;
}

std::vector<MptcpEndpoint> plan_endpoints(const HostFacts& facts) {
  std::vector<MptcpEndpoint> out;
  const auto add = [&](unsigned index, unsigned id, const IpAddress& address, unsigned ifindex) {
    if (std::ranges::find(facts.withdrawn, index) != facts.withdrawn.end()) return;
    out.push_back({static_cast<std::uint8_t>(id), address, 0, MptcpEndpoint::kSubflow, ifindex});
  };
  if (facts.address) add(facts.index, facts.index, *facts.address, facts.ifindex);
  for (const auto& path : facts.leased)
    add(path.index, path.index, path.lease.address.address(), path.ifindex);
  const auto first_of_ipv6 = out.size();
  if (facts.own_ipv6)
    add(facts.index, kIpv6EndpointIds + facts.index, *facts.own_ipv6, facts.ifindex);
  for (const auto& path : facts.ipv6)
    if (const auto* address = path.usable())
      add(path.index, kIpv6EndpointIds + path.index, address->address.address(), path.ifindex);
  // Paths that have no other endpoint come first.
  std::ranges::stable_partition(
      out.begin() + static_cast<std::ptrdiff_t>(first_of_ipv6), out.end(),
      [&](const MptcpEndpoint& endpoint) {
        return std::none_of(
            out.begin(), out.begin() + static_cast<std::ptrdiff_t>(first_of_ipv6),
            [&](const MptcpEndpoint& other) { return other.id + kIpv6EndpointIds == endpoint.id; });
      });
  if (out.size() > facts.endpoint_room) out.resize(facts.endpoint_room);
  return out;
}

EndpointChanges compare_endpoints(std::span<const MptcpEndpoint> desired,
                                  std::span<const MptcpEndpoint> actual,
                                  std::span<const IpAddress> ours) {
  const auto is_ours = [&](const MptcpEndpoint& endpoint) {
    return std::ranges::find(ours, endpoint.address) != ours.end();
  };
  // The id is left out: the kernel gives another when the one we ask for is taken.
  const auto serves = [&](const MptcpEndpoint& found, const MptcpEndpoint& wanted) {
    return found.address == wanted.address &&
           (!is_ours(found) || (found.ifindex == wanted.ifindex && found.flags == wanted.flags));
  };
  EndpointChanges out;
  for (const auto& wanted : desired)
    if (std::ranges::none_of(actual, [&](const auto& found) { return serves(found, wanted); }))
      out.add.push_back(wanted);
  for (const auto& found : actual)
    if (is_ours(found) &&
        std::ranges::none_of(desired, [&](const auto& wanted) { return serves(found, wanted); }))
      out.remove.push_back(found);
  return out;
}

}  // namespace anabranch::host
