// SPDX-License-Identifier: MIT
// What the gateway's Router Advertisements say: one for each path, from the path's own link-local
// address, with one provisioning domain (RFC 8801) that leads to it.
//
//   outside of the domain                    inside, for hosts that know domains
//   one path   router, prefix, resolvers     its header: router while the path works
//   others     router lifetime 0             prefix, resolvers, EXT_ROUTE (index, count)
//
// Hosts that know nothing of domains skip them with all that is inside (RFC 8801 section 3.3), and
// see one router with one prefix: that of the lowest path with IPv6 that works. When that is
// another one than before, the prefix that they had is deprecated outside, too. A path that does
// not work has router lifetime 0 inside and its prefix is deprecated; EXT_ROUTE stays, so that
// hosts know which path it is about, in IPv4 too. A path without IPv6 is told in the same way, with
// a router lifetime that says nothing but that it works.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "gateway/plan.hpp"
#include "gateway/settings.hpp"
#include "wire/router_advertisement.hpp"

namespace anabranch::gateway {

/// The source of what is told of path `index`: fe80::616e:6162:0:<index>.
IpAddress link_local_of(unsigned index);

struct PathAdvertisement {
  unsigned index = 0;
  IpAddress source;
  wire::RouterAdvertisement message;

  bool operator==(const PathAdvertisement&) const = default;
};

/// The path of hosts that know nothing of domains: the lowest with IPv6 that works or fails open,
/// else the lowest with IPv6. Nothing when there is none.
std::optional<unsigned> path_without_domains(const Settings& settings,
                                             const std::vector<PathPlan>& paths);

/// What is to be told now, in the order of the paths. `paths` are those of the plan, `lan` is the
/// hardware address of the LAN's interface; `former` are paths that hosts without domains may have
/// addresses of, beside the lowest (former_paths.hpp). Nothing when the operator wants none, or
/// when the hosts are not on the LAN.
std::vector<PathAdvertisement> make_advertisements(const Settings& settings,
                                                   const std::vector<PathPlan>& paths,
                                                   const MacAddress& lan,
                                                   const std::set<unsigned>& former);

/// The same while a plan made of `observed` holds. Nothing without a LAN, nor on one without any
/// IPv6 when no uplink has it: nobody listens there, and the kernel may lack it.
std::vector<PathAdvertisement> make_advertisements(const Settings& settings, const Plan& plan,
                                                   const Observed& observed,
                                                   const std::set<unsigned>& former);

/// The last word of a path that is given up: no router any more and nothing of it valid (RFC 4861
/// section 6.2.5, RFC 9096 section 3.1).
PathAdvertisement withdrawn(PathAdvertisement advertisement);

}  // namespace anabranch::gateway
