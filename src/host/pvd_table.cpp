// SPDX-License-Identifier: MIT
#include "host/pvd_table.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

namespace anabranch::host {
namespace {

constexpr seconds kTwoHours{7200};
constexpr unsigned kIdentifierBits = 64;
/// RFC 8200 section 5: a link that carries IPv6 carries this.
constexpr std::uint32_t kLeastMtu = 1280;

std::string lowered(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

MonotonicTime after(MonotonicTime now, seconds lifetime) {
  return lifetime >= wire::kForever ? MonotonicTime::max() : now + lifetime;
}

/// What packets can be sent to beyond the link: 2000::/3, fc00::/7 and what may come; neither
/// link-local nor multicast, nor the block of the loopback and mapped addresses.
bool is_global(const IpAddress& address) {
  const auto octets = address.octets();
  if (address.is_v4() || octets[0] == 0xff || (octets[0] == 0xfe && (octets[1] & 0x80) != 0))
    return false;
  return std::ranges::any_of(octets.first(2), [](std::uint8_t octet) { return octet != 0; });
}

/// RFC 4862 section 5.5.3 for addresses, RFC 4861 section 6.3.4 for the link.
void take(std::vector<Domain::Prefix>& known, const wire::PrefixInformation& told,
          MonotonicTime now) {
  if (!is_global(told.prefix.network()) || told.preferred > told.valid) return;
  const auto prefix = told.prefix.without_host_bits();
  auto found = std::ranges::find(known, prefix, &Domain::Prefix::prefix);
  if (found == known.end()) {
    if (told.valid == seconds(0) || known.size() >= PvdTable::kPrefixes) return;
    known.push_back({.prefix = prefix});
    found = std::prev(known.end());
  }
  const auto valid = after(now, told.valid);
  if (told.on_link) found->on_link_until = valid;
  // Other lengths leave no room for an identifier.
  if (!told.autonomous || prefix.length() != kIdentifierBits) return;
  const bool fresh = !found->autonomous;
  if (fresh && told.valid == seconds(0)) return;
  found->autonomous = true;
  found->preferred_until = after(now, told.preferred);
  // Who is no router must not end an address at once.
  if (fresh || told.valid > kTwoHours || valid > found->valid_until)
    found->valid_until = valid;
  else if (found->valid_until > now + kTwoHours)
    found->valid_until = now + kTwoHours;
  found->preferred_until = std::min(found->preferred_until, found->valid_until);
}

/// An entry by its key with its end; one that has none any more goes.
template <class Entry, class Key>
void take(std::vector<Entry>& known, Key Entry::*key, const Key& told, MonotonicTime until,
          MonotonicTime now, std::size_t most) {
  const auto found = std::ranges::find(known, told, key);
  if (until <= now) {
    if (found != known.end()) known.erase(found);
  } else if (found != known.end()) {
    found->until = until;
  } else if (known.size() < most) {
    known.push_back({told, until});
  }
}

void take(Domain& domain, const wire::RouterAdvertisement& advertisement, MonotonicTime now) {
  const auto& header = advertisement.domain_header();
  const auto& options = advertisement.domain->options;
  domain.route = *options.ext_route;
  domain.withdrawn = header.lifetime == seconds(0);
  domain.until = now + (domain.withdrawn ? PvdTable::kWithdrawalLasts : header.lifetime);
  domain.lived = domain.lived || !domain.withdrawn;
  domain.doubted = false;
  domain.managed = header.managed;
  if (options.mtu && *options.mtu >= kLeastMtu) domain.mtu = *options.mtu;
  for (const auto& told : options.prefixes) take(domain.prefixes, told, now);
  for (const auto& told : options.routes)
    // The default route is the router's lifetime.
    if (told.prefix.length() > 0 && is_global(told.prefix.network()))
      take(domain.routes, &Domain::Route::to, told.prefix.without_host_bits(),
           after(now, told.lifetime), now, PvdTable::kRoutes);
  for (const auto& told : options.dns)
    for (const auto& address : told.addresses)
      if (is_global(address))
        take(domain.resolvers, &Domain::Resolver::address, address, after(now, told.lifetime), now,
             PvdTable::kResolvers);
}

/// Every time of a domain.
template <class Visitor>
void times(auto& domain, const Visitor& visit) {
  visit(domain.until);
  for (auto& prefix : domain.prefixes) {
    visit(prefix.on_link_until);
    visit(prefix.valid_until);
    visit(prefix.preferred_until);
  }
  for (auto& route : domain.routes) visit(route.until);
  for (auto& resolver : domain.resolvers) visit(resolver.until);
}

void drop_ended(Domain& domain, MonotonicTime now) {
  if (now >= domain.until) domain.withdrawn = domain.lived = false;
  std::erase_if(domain.prefixes, [&](const auto& prefix) {
    return prefix.valid_until <= now && prefix.on_link_until <= now;
  });
  for (auto& prefix : domain.prefixes)
    if (prefix.valid_until <= now) prefix.autonomous = false;
  std::erase_if(domain.routes, [&](const auto& route) { return route.until <= now; });
  std::erase_if(domain.resolvers, [&](const auto& resolver) { return resolver.until <= now; });
}

/// What paths are made of it: how long things last counts only as far as they do now.
Domain shape(Domain domain, MonotonicTime now) {
  drop_ended(domain, now);
  times(domain, [&](MonotonicTime& time) {
    time = time > now ? MonotonicTime::max() : MonotonicTime::min();
  });
  domain.doubted = false;
  return domain;
}

}  // namespace

PvdTable::Outcome PvdTable::receive(const wire::RouterAdvertisement& advertisement,
                                    const IpAddress& router, MonotonicTime now) {
  if (!advertisement.domain || !advertisement.domain->options.ext_route) return Outcome::kNotForUs;
  const auto index = advertisement.domain->options.ext_route->index;
  if (index == 0 || index > kLastIndex) return Outcome::kNotForUs;
  expire(now);
  const auto in_charge = [&] {
    const auto* domain = of_path(index);
    return domain == nullptr ? std::optional<Domain>() : shape(*domain, now);
  };
  const auto before = in_charge();
  const auto id = lowered(advertisement.domain->id);
  const auto found = std::ranges::find_if(domains_, [&](const Domain& domain) {
    return domain.route.index == index && domain.id == id;
  });
  if (found == domains_.end()) {
    if (!make_room(index, now)) return Outcome::kRefused;
    Domain fresh;
    fresh.id = id;
    fresh.router = router;
    take(fresh, advertisement, now);
    domains_.push_back(std::move(fresh));
    follow_renaming(index, now);
    return in_charge() == before ? Outcome::kHeard : Outcome::kChanged;
  }
  if (found->router != router) {
    const bool takes_over = advertisement.domain_header().lifetime > seconds(0);
    if (found->alive(now) || !takes_over) return Outcome::kRefused;
    found->router = router;
  }
  const bool lived = found->lived;
  take(*found, advertisement, now);
  // Those that were alive before it came first.
  if (!lived && found->lived) std::rotate(found, std::next(found), domains_.end());
  follow_renaming(index, now);
  return in_charge() == before ? Outcome::kHeard : Outcome::kChanged;
}

/// A router that has withdrawn a domain and goes on with another one of the same path has given it
/// another name; the withdrawal is its own to undo.
void PvdTable::follow_renaming(unsigned index, MonotonicTime now) {
  for (auto& old : domains_)
    if (old.route.index == index && old.withdrawn &&
        std::ranges::any_of(domains_, [&](const Domain& other) {
          return other.route.index == index && other.router == old.router && other.alive(now);
        }))
      old.lived = false;
}

/// A place among the domains of a path: a free one, or that of the first that nothing is lost with.
bool PvdTable::make_room(unsigned index, MonotonicTime now) {
  const auto same_path = [&](const Domain& domain) { return domain.route.index == index; };
  if (std::ranges::count_if(domains_, same_path) < static_cast<std::ptrdiff_t>(kDomainsPerPath))
    return true;
  const auto* in_charge = of_path(index);
  const auto useless = std::ranges::find_if(domains_, [&](const Domain& domain) {
    return same_path(domain) && !domain.alive(now) && (&domain != in_charge || !domain.lived);
  });
  if (useless == domains_.end()) return false;
  domains_.erase(useless);
  return true;
}

void PvdTable::expire(MonotonicTime now) {
  for (auto& domain : domains_) drop_ended(domain, now);
  std::erase_if(domains_, [&](const Domain& domain) {
    return now >= domain.until && domain.prefixes.empty();
  });
}

MonotonicTime PvdTable::next_change(MonotonicTime now) const {
  auto next = MonotonicTime::max();
  for (const auto& domain : domains_)
    times(domain, [&](MonotonicTime time) {
      if (time > now) next = std::min(next, time);
    });
  return next;
}

void PvdTable::doubt() {
  for (auto& domain : domains_) domain.doubted = true;
}

bool PvdTable::forget_doubted() {
  return std::erase_if(domains_, [](const Domain& domain) { return domain.doubted; }) > 0;
}

void PvdTable::slept(MonotonicClock::duration time) {
  for (auto& domain : domains_)
    times(domain, [&](MonotonicTime& end) {
      if (end != MonotonicTime::max() && end != MonotonicTime{}) end -= time;
    });
}

void PvdTable::adopt(std::vector<Domain> domains) {
  domains_.clear();
  for (auto& domain : domains) {
    const auto of_the_path = std::ranges::count_if(
        domains_, [&](const Domain& other) { return other.route.index == domain.route.index; });
    if (domain.route.index != 0 && domain.route.index <= kLastIndex &&
        of_the_path < static_cast<std::ptrdiff_t>(kDomainsPerPath)) {
      domain.prefixes.resize(std::min(domain.prefixes.size(), kPrefixes));
      domain.routes.resize(std::min(domain.routes.size(), kRoutes));
      domain.resolvers.resize(std::min(domain.resolvers.size(), kResolvers));
      domains_.push_back(std::move(domain));
    }
  }
}

const Domain* PvdTable::of_path(unsigned index) const {
  const Domain* first = nullptr;
  for (const auto& domain : domains_) {
    if (domain.route.index != index) continue;
    if (domain.lived) return &domain;
    if (first == nullptr) first = &domain;
  }
  return first;
}

std::vector<unsigned> PvdTable::indices() const {
  std::vector<unsigned> out;
  for (unsigned index = 1; index <= kLastIndex; ++index)
    if (of_path(index) != nullptr) out.push_back(index);
  return out;
}

unsigned PvdTable::count() const {
  unsigned out = 0;
  for (const auto& domain : domains_) out = std::max<unsigned>(out, domain.route.count);
  return out;
}

bool PvdTable::complete() const {
  std::set<unsigned> heard;
  unsigned most = 0;
  for (const auto& domain : domains_) {
    if (domain.doubted) continue;
    heard.insert(domain.route.index);
    most = std::max<unsigned>(most, domain.route.count);
  }
  return heard.size() >= std::min(most, kLastIndex);
}

bool PvdTable::withdrawn(unsigned index) const {
  const auto* domain = of_path(index);
  return domain != nullptr && domain->withdrawn;
}

std::vector<IpAddress> PvdTable::resolvers_of(unsigned index) const {
  std::vector<IpAddress> out;
  const auto* mine = of_path(index);
  if (mine == nullptr) return out;
  for (const auto& resolver : mine->resolvers)
    if (std::ranges::none_of(indices(), [&](unsigned other) {
          const auto& theirs = of_path(other)->resolvers;
          return other != index && std::ranges::find(theirs, resolver.address,
                                                     &Domain::Resolver::address) != theirs.end();
        }))
      out.push_back(resolver.address);
  return out;
}

}  // namespace anabranch::host
