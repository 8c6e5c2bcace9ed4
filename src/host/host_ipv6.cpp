// SPDX-License-Identifier: MIT
// IPv6 of the host role: what the provisioning domains of the link ask of paths and of the kernel.
//
// An address of a path comes from a prefix of its domain by SLAAC. Where a domain has its addresses
// given by DHCPv6 it comes from there (host_dhcp6.cpp).
#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "host/apply.hpp"
#include "host/host_role.hpp"

namespace anabranch::host {
namespace {

/// Lifetimes that have grown, and the state file, can wait.
constexpr seconds kSlowly{1};
/// Lifetimes below this are set anew with every advertisement; the reconciler leaves small
/// differences alone.
constexpr seconds kShort{60};

std::optional<seconds> left(MonotonicTime until, MonotonicTime now) {
  if (until == MonotonicTime::max()) return std::nullopt;
  return std::max(seconds(0), std::chrono::ceil<seconds>(until - now));
}

}  // namespace

void Host::domains_heard(bool changed) {
  const auto now = MonotonicClock::now();
  refresh_ipv6(now);
  save_soon();
  if (changed) {
    const auto pending = sync_later_ ? std::optional(sync_at_) : std::nullopt;
    if (const auto due = follow_pace_.heard(now, pending)) schedule_sync(*due - now);
  } else if (!sync_later_ || now + kSlowly < sync_at_) {
    schedule_sync(kSlowly);
  }
}

void Host::save_soon() {
  if (!save_later_)
    save_later_ = loop_.after(kSlowly, [this] {
      save_later_.reset();
      save_state();
    });
}

void Host::refresh_ipv6(MonotonicTime now) {
  const auto is_short = [](const std::optional<seconds>& time) { return time && *time < kShort; };
  for (const auto& path : ipv6_facts(now))
    for (const auto& held : path.addresses) {
      const auto address = held.address.address();
      if (held.ready && (is_short(held.valid) || is_short(held.preferred)) &&
          std::ranges::find(refresh_, address) == refresh_.end())
        refresh_.push_back(address);
    }
}

void Host::observe_ipv6(const InterfaceView& view, MonotonicTime now) {
  own_ipv6_ = view.own_ipv6;
  all_ipv6_ = view.all_ipv6;
  our_ipv6_ = view.our_ipv6;
  // The kernel has taken the addresses with the interface; whoever has them by then keeps them.
  if (!link_->admin_up) {
    slaac_.restart();
    paths6_.addresses_are_gone();
  }
  follow_duplicates();
  observe_paths6(now);
  domains_.begin(link_->mac, view.link_local(), now);
}

/// What the kernel has found out about addresses of ours.
void Host::follow_duplicates() {
  for (const auto& conflict : slaac_.observe(our_ipv6_)) {
    lease_counts_.conflict(conflict.place.path);
    if (!conflict_lines_.allow(MonotonicClock::now())) continue;
    log::warning("path {}: somebody on {} has {}; {}{}", conflict.place.path, interface_,
                 conflict.taken.text(),
                 conflict.next ? "trying " + conflict.next->text()
                               : "no further address is tried in " + conflict.place.prefix.text(),
                 conflict_lines_.remark());
  }
  if (slaac_.take_changed()) save_soon();
}

void Host::forget_domains() {
  domains_.forget();
  ipv6_links_.clear();
  paths6_.stop_all();
  paths6_.forget_adopted();
  said_.clear();
}

void Host::adopt_domains() {
  domains_.adopt(state_.domains);
  paths6_.adopt(state_.leases6);
  for (const auto& address : state_.ipv6)
    slaac_.adopt(address.place, address.counter, address.conflicts);
}

/// The index of the interface's own path: as DHCP says; else of the domain that its address lies
/// in; else the lowest there is. 0: there is none.
unsigned Host::own_index() const {
  if (support_ == Support::kYes) return state_.discovered.index;
  const auto& table = domains_.table();
  const auto indices = table.indices();
  for (const unsigned index : indices)
    for (const auto& prefix : table.of_path(index)->prefixes)
      for (const auto& own : own_ipv6_)
        if (prefix.prefix.contains(own.prefix.address())) return index;
  return indices.empty() ? 0 : indices.front();
}

/// Further paths that have IPv6, as many as there is room for beside those that DHCP tells of.
std::vector<unsigned> Host::ipv6_paths() const {
  const auto known = wanted();
  const auto& table = domains_.table();
  auto room =
      settings_.max_paths - 1 - std::min<std::size_t>(known.size(), settings_.max_paths - 1);
  std::vector<unsigned> out;
  for (const unsigned index : table.indices()) {
    const auto& domain = *table.of_path(index);
    if (index == own_index() || (!domain.has_autonomous() && !domain.takes_dhcp6())) continue;
    const bool by_dhcp = std::ranges::find(known, index) != known.end();
    if (!by_dhcp && room == 0) continue;
    if (!by_dhcp) --room;
    out.push_back(index);
  }
  return out;
}

/// Brings the interfaces to the paths that have IPv6, and the list of addresses to their prefixes.
Result<void> Host::sync_ipv6(MonotonicTime now) {
  const auto indices = ipv6_paths();
  std::erase_if(ipv6_links_, [&](const auto& entry) {
    return std::ranges::find(indices, entry.first) == indices.end();
  });
  std::vector<Slaac::Place> places;
  std::vector<unsigned> by_dhcp6;
  Result<void> first;
  for (const unsigned index : indices) {
    const auto& domain = *domains_.table().of_path(index);
    for (const auto& prefix : domain.prefixes)
      if (prefix.autonomous && prefix.valid_until > now)
        places.push_back({index, domain.id, prefix.prefix});
    const auto link = link_for(index);
    auto done = link ? Result<void>() : Result<void>(std::unexpected(link.error()));
    if (done && link->index != link_->index) done = enable_ipv6(link->name);
    if (done)
      ipv6_links_[index] = link->index;
    else if (first)
      first = std::move(done);
    if (!domain.takes_dhcp6()) continue;
    by_dhcp6.push_back(index);
    if (link) start_path6(index, *link, now);
  }
  paths6_.keep_only(by_dhcp6);
  if (!by_dhcp6.empty()) observe_paths6(now);
  slaac_.want(places);
  // Those of an earlier process are there already.
  follow_duplicates();
  return first;
}

std::vector<Ipv6PathFacts> Host::ipv6_facts(MonotonicTime now) const {
  std::vector<Ipv6PathFacts> out;
  for (const auto& [index, ifindex] : ipv6_links_) {
    const auto* domain = domains_.table().of_path(index);
    if (domain == nullptr) continue;
    Ipv6PathFacts facts;
    facts.index = index;
    facts.ifindex = ifindex;
    // While it is withdrawn all stays in place, so that the path can come back at once.
    if (now < domain->until) facts.router = domain->router;
    if (link_ && domain->mtu <= link_->mtu) facts.mtu = domain->mtu;
    for (const auto& prefix : domain->prefixes) {
      if (prefix.on_link_until > now) facts.on_link.push_back(prefix.prefix);
      const auto* held = slaac_.at({index, domain->id, prefix.prefix});
      if (held == nullptr || held->state == Slaac::Address::State::kGivenUp ||
          prefix.valid_until <= now)
        continue;
      facts.addresses.push_back({IpPrefix(held->chosen.address, prefix.prefix.length()),
                                 held->state == Slaac::Address::State::kReady,
                                 left(prefix.valid_until, now), left(prefix.preferred_until, now)});
    }
    for (const auto& route : domain->routes)
      if (route.until > now) facts.routes.push_back(route.to);
    facts.resolvers = domains_.table().resolvers_of(index);
    add_lease6(*domain, facts, now);
    out.push_back(std::move(facts));
  }
  return out;
}

/// The address that somebody else gave the interface in a prefix of its own path: the one that
/// lasts longest in preference to those for privacy.
std::optional<IpAddress> Host::own_ipv6() const {
  const auto* domain = domains_.table().of_path(own_index());
  if (domain == nullptr) return std::nullopt;
  const kernel::Address* best = nullptr;
  const auto rank = [](const kernel::Address& one) {
    return std::pair(one.deprecated, one.temporary);
  };
  for (const auto& own : own_ipv6_)
    if (!own.tentative &&
        std::ranges::any_of(
            domain->prefixes,
            [&](const auto& prefix) { return prefix.prefix.contains(own.prefix.address()); }) &&
        (best == nullptr || rank(own) < rank(*best)))
      best = &own;
  return best == nullptr ? std::nullopt : std::optional(best->prefix.address());
}

void Host::report_ipv6(Report& out, MonotonicTime now) const {
  const auto& table = domains_.table();
  const auto own = own_index();
  if (const auto address = own_ipv6()) {
    ReportedPath entry;
    entry.index = own;
    entry.family = Family::kIpv6;
    entry.address = address;
    entry.interface = interface_;
    entry.state = operational() ? PathState::kUp : PathState::kDown;
    entry.router = table.of_path(own)->router;
    out.paths.push_back(std::move(entry));
  }
  for (const auto& facts : ipv6_facts(now)) {
    const auto* usable = facts.usable();
    ReportedPath entry;
    entry.index = facts.index;
    entry.family = Family::kIpv6;
    entry.interface =
        facts.ifindex == link_->index ? interface_ : macvlan_name(link_->index, facts.index);
    for (const auto& held : facts.addresses) {
      entry.address = held.address.address();
      entry.router = facts.router;
      entry.lease = held.valid;
      const bool there = held.ready && in_place(*entry.address);
      if (!operational() || (there && usable == nullptr))
        entry.state = PathState::kDown;
      else if (!there)
        entry.state = PathState::kAcquiring;
      else
        entry.state = &held == usable ? PathState::kUp : PathState::kDeprecated;
      out.paths.push_back(entry);
    }
    if (facts.addresses.empty()) {
      entry.state = state_without_address(facts.index);
      out.paths.push_back(std::move(entry));
    }
  }
  for (auto& path : out.paths) {
    if (const auto* client = paths6_.find(path.index);
        client != nullptr && path.family == Family::kIpv6)
      path.ignored = client->ignored();
    const auto* domain = table.of_path(path.index);
    if (domain == nullptr) continue;
    path.domain = domain->id;
    if (domain->withdrawn && path.state == PathState::kUp) path.state = PathState::kWithdrawn;
  }
}

/// What has become of the paths' domains, a line for each change.
void Host::say_domains(MonotonicTime now) {
  if (now < quiet_until_) return;
  std::map<unsigned, std::string> lines;
  const auto& table = domains_.table();
  for (const unsigned index : table.indices())
    lines[index] =
        fmt::format("path {}: the network has {} it ({})", index,
                    table.withdrawn(index) ? "withdrawn" : "announced", table.of_path(index)->id);
  for (const auto& path : ipv6_facts(now))
    if (const auto* held = path.usable(); held != nullptr && !table.withdrawn(path.index))
      lines[path.index] =
          fmt::format("path {}: {} in {} via {}", path.index, held->address.address().text(),
                      table.of_path(path.index)->id, path.router->text());
  const auto say = [&](const std::string& line) {
    if (domain_lines_.allow(now)) log::info("{}{}", line, domain_lines_.remark());
  };
  for (const auto& [index, line] : lines)
    if (said_[index] != line) {
      say(line);
      quiet_until_ = now + kSlowly;
    }
  for (const auto& [index, line] : said_)
    if (!lines.contains(index)) say(fmt::format("path {}: its domain has ended", index));
  said_ = std::move(lines);
}

}  // namespace anabranch::host
