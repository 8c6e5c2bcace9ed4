// SPDX-License-Identifier: MIT
#include "gateway/leftovers.hpp"

#include <algorithm>
#include <utility>

namespace anabranch::gateway {
namespace {

MonotonicTime after(MonotonicTime now, seconds lifetime) {
  return lifetime >= wire::kForever ? MonotonicTime::max() : now + lifetime;
}

bool has_resolver(const wire::RouterOptions& options, const IpAddress& address) {
  return std::ranges::any_of(options.dns, [&](const wire::DnsServers& servers) {
    return std::ranges::find(servers.addresses, address) != servers.addresses.end();
  });
}

/// Whether `options` have something about that which `one` is about.
bool has(const wire::RouterOptions& options, const wire::RouterOptions& one) {
  const auto among = [](const auto& entries, const auto& wanted) {
    return std::ranges::any_of(entries,
                               [&](const auto& entry) { return entry.prefix == wanted.prefix; });
  };
  for (const auto& prefix : one.prefixes)
    if (among(options.prefixes, prefix)) return true;
  for (const auto& route : one.routes)
    if (among(options.routes, route)) return true;
  for (const auto& servers : one.dns)
    for (const auto& address : servers.addresses)
      if (has_resolver(options, address)) return true;
  return false;
}

/// Each prefix, route and resolver of `options` by itself, with the lifetime that it had.
std::vector<std::pair<wire::RouterOptions, seconds>> pieces(const wire::RouterOptions& options) {
  std::vector<std::pair<wire::RouterOptions, seconds>> out;
  for (auto prefix : options.prefixes) {
    const auto lifetime = std::exchange(prefix.valid, seconds(0));
    prefix.preferred = seconds(0);
    out.emplace_back().first.prefixes = {prefix};
    out.back().second = lifetime;
  }
  for (auto route : options.routes) {
    const auto lifetime = std::exchange(route.lifetime, seconds(0));
    out.emplace_back().first.routes = {route};
    out.back().second = lifetime;
  }
  for (const auto& servers : options.dns)
    for (const auto& address : servers.addresses) {
      out.emplace_back().first.dns = {{seconds(0), {address}}};
      out.back().second = servers.lifetime;
    }
  return out;
}

template <class Entry>
void put_before(std::vector<Entry>& entries, const std::vector<Entry>& more) {
  entries.insert(entries.begin(), more.begin(), more.end());
}

}  // namespace

void Leftovers::note(const PathAdvertisement& old, const PathAdvertisement& next,
                     MonotonicTime now) {
  const auto index = next.index;
  std::erase_if(options_, [&](const Option& one) { return one.until <= now; });
  std::erase_if(domains_, [&](const Domain& one) { return one.until <= now; });
  note(index, false, old.message.options, next.message.options, now);
  const auto& before = old.message.domain;
  const auto& domain = next.message.domain;
  if (!before || !domain) return;
  std::erase_if(domains_, [&](const Domain& one) {
    return one.index == index && one.domain.id == domain->id;
  });
  if (before->id == domain->id) return note(index, true, before->options, domain->options, now);
  // All of it goes with its name.
  std::erase_if(options_, [&](const Option& one) { return one.index == index && one.inside; });
  const auto promised = old.message.domain_header().lifetime;
  if (promised > seconds(0))
    domains_.push_back({index, *withdrawn(old).message.domain, after(now, promised)});
  if (domains_.size() > kMost) domains_.erase(domains_.begin());
}

void Leftovers::note(unsigned index, bool inside, const wire::RouterOptions& old,
                     const wire::RouterOptions& next, MonotonicTime now) {
  std::erase_if(options_, [&](const Option& one) {
    return one.index == index && one.inside == inside && has(next, one.option);
  });
  for (auto& [piece, lifetime] : pieces(old))
    if (lifetime > seconds(0) && !has(next, piece))
      add({index, inside, std::move(piece), after(now, lifetime)});
}

void Leftovers::add(Option option) {
  const auto same_place = [&](const Option& one) {
    return one.index == option.index && one.inside == option.inside;
  };
  if (std::ranges::count_if(options_, same_place) >= static_cast<std::ptrdiff_t>(kMost))
    options_.erase(std::ranges::find_if(options_, same_place));
  options_.push_back(std::move(option));
}

void Leftovers::forget(unsigned index) {
  std::erase_if(options_, [&](const Option& one) { return one.index == index; });
  std::erase_if(domains_, [&](const Domain& one) { return one.index == index; });
}

/// Before what is there: who has little room drops the old first.
void Leftovers::put_into(wire::RouterOptions& options, unsigned index, bool inside,
                         MonotonicTime now) const {
  for (const auto& one : options_) {
    if (one.index != index || one.inside != inside || one.until <= now) continue;
    put_before(options.prefixes, one.option.prefixes);
    put_before(options.routes, one.option.routes);
    put_before(options.dns, one.option.dns);
  }
}

PathAdvertisement Leftovers::with(PathAdvertisement advertisement, MonotonicTime now) const {
  auto& message = advertisement.message;
  put_into(message.options, advertisement.index, false, now);
  if (message.domain) put_into(message.domain->options, advertisement.index, true, now);
  return advertisement;
}

std::vector<PathAdvertisement> Leftovers::farewells(const PathAdvertisement& advertisement,
                                                    MonotonicTime now) const {
  std::vector<PathAdvertisement> out;
  for (const auto& one : domains_) {
    if (one.index != advertisement.index || one.until <= now) continue;
    out.push_back(advertisement);
    out.back().message.domain = one.domain;
  }
  return out;
}

}  // namespace anabranch::gateway
