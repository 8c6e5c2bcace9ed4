// SPDX-License-Identifier: MIT
// The provisioning domains (RFC 8801) of one link that lead to paths: what Router Advertisements
// with EXT_ROUTE have said, until it ends. Pure; advertisements and time are arguments.
//
// A domain is known by its id, whatever the case, and the index of its path. Anybody on the link
// can send advertisements, so room is given to those who came first:
//
//   - a path has kDomainsPerPath domains at most, a domain so many prefixes, routes and resolvers;
//     further ones are refused. A domain that is no use any more, or never was, gives way to one
//     that is. One that is alive never does;
//   - one domain is in charge of a path: the one known longest that has been alive. It stays in
//     charge while its router's lifetime lasts, also withdrawn: another one undoes no withdrawal,
//     unless it is the same router that announces it;
//   - a domain has one router, the one that announced it. Another one may take it over when the
//     first one's lifetime has ended or it has withdrawn the domain.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/registry.hpp"
#include "base/units.hpp"
#include "wire/ext_route.hpp"
#include "wire/router_advertisement.hpp"

namespace anabranch::host {

struct Domain {
  struct Prefix {
    IpPrefix prefix;
    bool autonomous = false;        ///< addresses by SLAAC
    MonotonicTime on_link_until{};  ///< RFC 4861 section 6.3.4
    MonotonicTime valid_until{};    ///< of addresses (RFC 4862 section 5.5.3)
    MonotonicTime preferred_until{};
    bool operator==(const Prefix&) const = default;
  };
  struct Route {
    IpPrefix to;
    MonotonicTime until{};
    bool operator==(const Route&) const = default;
  };
  struct Resolver {
    IpAddress address;
    MonotonicTime until{};
    bool operator==(const Resolver&) const = default;
  };

  std::string id;          ///< lower case
  wire::ExtRoute route;    ///< the path it leads to
  IpAddress router;        ///< link-local
  bool withdrawn = false;  ///< router lifetime 0: the path is not to be used, in IPv4 neither
  MonotonicTime until{};   ///< of the router, or of the withdrawal
  bool lived = false;      ///< has had a router lifetime above 0, and has not ended since
  bool doubted = false;    ///< the link was away since it was heard
  bool managed = false;    ///< M: addresses by DHCPv6
  std::uint32_t mtu = 0;   ///< 0: not said
  std::vector<Prefix> prefixes = {};
  std::vector<Route> routes = {};
  std::vector<Resolver> resolvers = {};

  /// Addresses by SLAAC.
  bool has_autonomous() const { return std::ranges::any_of(prefixes, &Prefix::autonomous); }
  /// Addresses by DHCPv6: it says so, and has prefixes but none for SLAAC.
  bool takes_dhcp6() const { return managed && !prefixes.empty() && !has_autonomous(); }
  /// Its router forwards.
  bool alive(MonotonicTime now) const { return !withdrawn && now < until; }
  bool operator==(const Domain&) const = default;
};

class PvdTable {
 public:
  static constexpr std::size_t kDomainsPerPath = 4;
  static constexpr std::size_t kPrefixes = 4;   ///< of a domain
  static constexpr std::size_t kRoutes = 8;     ///< of a domain
  static constexpr std::size_t kResolvers = 4;  ///< of a domain
  static constexpr unsigned kLastIndex = registry::kMaxHostPaths;
  /// A withdrawal that nobody repeats: three times the longest interval of advertisements (RFC 4861
  /// section 6.2.1).
  static constexpr seconds kWithdrawalLasts{1800};

  enum class Outcome {
    kNotForUs,  ///< no domain in it that leads to a path
    kRefused,   ///< no room for another domain, or not that domain's router
    kHeard,     ///< nothing that paths are made of, but lifetimes
    kChanged,   ///< the domain in charge of a path, or something of it
  };

  /// An advertisement from the link-local `router`.
  Outcome receive(const wire::RouterAdvertisement& advertisement, const IpAddress& router,
                  MonotonicTime now);
  /// Drops what has ended.
  void expire(MonotonicTime now);
  /// When something changes without another advertisement; the latest time there is when nothing
  /// does.
  MonotonicTime next_change(MonotonicTime now) const;

  /// The link has been away: it may be another one.
  void doubt();
  /// Drops what has not been heard since doubt(). True when there was some.
  bool forget_doubted();
  void forget() { domains_.clear(); }
  /// The machine has slept: lifetimes have gone on.
  void slept(MonotonicClock::duration time);
  /// What an earlier process knew.
  void adopt(std::vector<Domain> domains);

  /// Those that have been alive for longest first.
  const std::vector<Domain>& domains() const { return domains_; }
  bool empty() const { return domains_.empty(); }
  /// The domain in charge of a path; null when none is known.
  const Domain* of_path(unsigned index) const;
  /// Paths with a domain, lowest first.
  std::vector<unsigned> indices() const;
  /// The most that a domain has said.
  unsigned count() const;
  /// As many paths as there are by what they say were heard, since doubt() when that was called.
  bool complete() const;
  bool withdrawn(unsigned index) const;
  /// Resolvers that the domain in charge of `index` announces and that of no other path does.
  std::vector<IpAddress> resolvers_of(unsigned index) const;

 private:
  bool make_room(unsigned index, MonotonicTime now);
  void follow_renaming(unsigned index, MonotonicTime now);
  std::vector<Domain> domains_;
};

}  // namespace anabranch::host
