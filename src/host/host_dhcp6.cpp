// SPDX-License-Identifier: MIT
// The paths of the host role whose IPv6 address comes by DHCPv6: those whose domain says so (M) and
// has prefixes, none of which is for SLAAC. A leased address counts while a prefix of the domain
// contains it (RFC 8801 section 3.4.1).
#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "host/host_role.hpp"

namespace anabranch::host {

void Host::start_path6(unsigned index, const kernel::LinkInfo& link, MonotonicTime now) {
  const Path6Set::Identity identity{
      link_->mac, duid_, random(),
      [this](unsigned path, const IpAddress& address) { return may_have(path, address); }};
  paths6_.start(identity, index, link, link.index != link_->index, now);
}

/// What the kernel has told of addresses last, for the clients.
void Host::observe_paths6(MonotonicTime now) {
  if (auto done = paths6_.observe(operational(), all_ipv6_, now); !done)
    log::warning("{}", done.error().text());
}

bool Host::may_have(unsigned index, const IpAddress& address) const {
  const auto* domain = domains_.table().of_path(index);
  const bool taken = own_addresses_.contains(address) ||
                     std::ranges::any_of(slaac_.addresses(), [&](const auto& other) {
                       return other.chosen.address == address;
                     });
  return !taken && domain != nullptr &&
         std::ranges::any_of(domain->prefixes,
                             [&](const auto& prefix) { return prefix.prefix.contains(address); });
}

/// The address of the path's lease and the resolvers that come with it, if there are any.
void Host::add_lease6(const Domain& domain, Ipv6PathFacts& facts, MonotonicTime now) const {
  const auto* path = paths6_.find(facts.index);
  if (path == nullptr || !path->client().lease()) return;
  const auto& lease = *path->client().lease();
  const auto prefix = std::ranges::find_if(
      domain.prefixes, [&](const auto& entry) { return entry.prefix.contains(lease.address); });
  if (prefix == domain.prefixes.end()) return;
  facts.addresses.push_back({IpPrefix(lease.address, prefix->prefix.length()),
                             paths6_.ready(facts.index), lease.remaining(now),
                             lease.remaining_preferred(now)});
  for (const auto& resolver : lease.resolvers) {
    const auto& table = domains_.table();
    const bool elsewhere = std::ranges::any_of(table.indices(), [&](unsigned other) {
      const auto& known = table.of_path(other)->resolvers;
      return other != facts.index &&
             std::ranges::find(known, resolver, &Domain::Resolver::address) != known.end();
    });
    const bool leased_elsewhere = std::ranges::any_of(paths6_.leases(), [&](const auto& other) {
      return other.route.index != facts.index &&
             std::ranges::find(other.resolvers, resolver) != other.resolvers.end();
    });
    const bool known = std::ranges::find(facts.resolvers, resolver) != facts.resolvers.end();
    if (!elsewhere && !leased_elsewhere && !known) facts.resolvers.push_back(resolver);
  }
}

PathState Host::state_without_address(unsigned index) const {
  const auto* path = paths6_.find(index);
  if (path == nullptr) return PathState::kDuplicate;
  if (!operational()) return PathState::kDown;
  return path->client().unanswered() ? PathState::kNoOffer : PathState::kAcquiring;
}

void Host::path6_changed(Path6& path, Change change) {
  const auto index = path.index();
  const auto& lease = path.client().lease();
  lease_counts_.note(index, Family::kIpv6, change);
  switch (change) {
    case Change::kNone:
      break;
    case Change::kObtained:
    case Change::kChanged:
      log::info("path {}: {} by DHCPv6 on {}{}", index, lease->address.text(),
                path.interface().name,
                lease->valid ? fmt::format(", for {}", duration_text(*lease->valid)) : "");
      break;
    case Change::kRenewed:
      log::debug("path {}: {} renewed", index, lease->address.text());
      refresh_.push_back(lease->address);
      break;
    case Change::kLost:
      log::warning("path {}: the DHCPv6 lease has ended; the address is taken down", index);
      break;
    case Change::kTaken:  // the path has said it
      lease_counts_.conflict(index);
      break;
  }
  if (change != Change::kNone) save_state();
  schedule_sync();
}

}  // namespace anabranch::host
