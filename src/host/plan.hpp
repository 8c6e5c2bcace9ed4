// SPDX-License-Identifier: MIT
// From what the host knows (physical interface, number of paths, leases) to what its kernel should
// hold. Pure functions; apply.hpp makes it so.
//
// Each further path is an address (of its lease, on a macvlan or on the physical interface itself,
// see attachment.hpp), a table that leads out through that lease's router, and a rule that sends
// packets from the address there. The main table, its default route and the physical interface's
// own addresses stay as whoever manages them left them: a program that knows nothing of paths goes
// on over the first one.
//
// The same in IPv6 (plan_ipv6.cpp), from what the path's provisioning domain says: an address in
// its prefix, the same number of table and rule.
//
// An address on the physical interface is a /32 without a route of its own. With the length of its
// subnet the kernel could make it the primary or the secondary of an address that somebody else
// sets there, and taking away a primary takes its secondaries away.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "host/lease.hpp"
#include "kernel/mptcp_pm.hpp"
#include "kernel/reconcile.hpp"
#include "kernel/rtnetlink.hpp"
#include "wire/ext_route.hpp"

namespace anabranch::host {

struct Macvlan {
  unsigned index = 0;  ///< of the path
  std::string name;
  std::string alias;
  MacAddress mac;
};

/// "anab4p2": fits the 15 characters of an interface name for every parent.
std::string macvlan_name(unsigned parent_ifindex, unsigned index);
/// "anabranch path 2 of eth0": with the name, what makes the interface ours.
std::string macvlan_alias(std::string_view parent, unsigned index);
bool is_our_macvlan(const kernel::LinkInfo& link, unsigned parent_ifindex);
/// Locally administered, the same after every restart: servers and switches see one client.
/// Two hosts with one Ethernet address, as careless clones have, still differ by their DUID.
MacAddress macvlan_mac(const MacAddress& parent, std::span<const std::uint8_t> duid,
                       unsigned index);
/// Identity association of path `index`; 0 is the discovery's. Stable over reboots.
std::uint32_t path_iaid(const MacAddress& parent, unsigned index);

/// What a path came to, as far as choosing indices goes.
struct PathProgress {
  unsigned index = 0;
  bool leased = false;
};

/// The further paths to have: every index of 1..count but the interface's own, no more than
/// `max_paths` paths with it. With an unknown count (0) the next index is tried once the one before
/// has a lease, until one is not offered. A path with a lease stays until the lease ends.
std::vector<unsigned> wanted_indices(const wire::ExtRoute& discovered, unsigned max_paths,
                                     std::span<const PathProgress> progress);

struct PathFacts {
  unsigned index = 0;
  unsigned ifindex = 0;  ///< of its macvlan, or of the physical interface
  Lease lease;
};

/// An IPv6 address of a path, however it came to it.
struct Ipv6Address {
  IpPrefix address;                  ///< with the length of the prefix it lies in
  bool ready = false;                ///< known to be free (RFC 4862 section 5.4)
  std::optional<seconds> valid;      ///< nothing: for ever
  std::optional<seconds> preferred;  ///< 0: deprecated
};

/// A further path's IPv6, as its provisioning domain is now.
struct Ipv6PathFacts {
  unsigned index = 0;
  unsigned ifindex = 0;  ///< of its macvlan, or of the physical interface
  std::vector<Ipv6Address> addresses;
  std::optional<IpAddress> router;  ///< nothing: no default route
  std::vector<IpPrefix> on_link;
  std::vector<IpPrefix> routes;      ///< by that router
  std::vector<IpAddress> resolvers;  ///< that are reached by this path only
  std::uint32_t mtu = 0;             ///< 0: the interface's

  /// What connections use: the first address that is not deprecated, or else the first that is
  /// ready; nothing without a router.
  const Ipv6Address* usable() const;
};

/// Endpoints that the kernel's path manager holds.
inline constexpr unsigned kMostEndpoints = 8;
/// Ids of IPv6 endpoints: above those of the IPv4 ones, which are the paths' indices.
inline constexpr unsigned kIpv6EndpointIds = 100;

struct HostFacts {
  unsigned ifindex = 0;  ///< of the physical interface
  std::optional<IpAddress> address;
  std::uint8_t index = 0;  ///< route index of that address
  unsigned paths = 0;      ///< how many are wanted, the interface's own included
  std::vector<PathFacts> leased;
  std::vector<unsigned> macvlans;     ///< interface numbers of all of ours on this interface
  std::vector<Ipv6PathFacts> ipv6;    ///< of further paths
  std::optional<IpAddress> own_ipv6;  ///< of the physical interface, in the prefix of its path
  std::optional<IpAddress> own_ipv6_router;  ///< that its path's domain names
  std::vector<unsigned> withdrawn;           ///< paths that the network has withdrawn
  unsigned endpoint_room = kMostEndpoints;
};

struct Plan {
  kernel::NetworkState network;
  kernel::Scope scope;
  std::vector<kernel::MptcpEndpoint> endpoints;
  std::uint32_t subflows = 0;  ///< least limit of extra subflows a connection
};

Plan plan(const HostFacts& facts, MonotonicTime now);
/// The part of IPv6: addresses, routes and rules of further paths, and the way of the interface's
/// own address to its own router.
void plan_ipv6(const HostFacts& facts, kernel::NetworkState& out);
/// Endpoints of the paths that are not withdrawn. Where the kernel has no room for both families of
/// all, each path gets one first, IPv4 before IPv6.
std::vector<kernel::MptcpEndpoint> plan_endpoints(const HostFacts& facts);
/// What is ours on the physical interface `ifindex` and its macvlans.
kernel::Scope scope_of(unsigned ifindex, std::vector<unsigned> macvlans);
/// Of `addresses`, those of ours that lie on the physical interface itself.
std::vector<IpAddress> shared_addresses(std::span<const kernel::Address> addresses,
                                        unsigned ifindex);

struct EndpointChanges {
  std::vector<kernel::MptcpEndpoint> add;
  std::vector<kernel::MptcpEndpoint> remove;
};

/// `ours` are the addresses whose endpoints we made. An operator's endpoint is never removed, and
/// serves when it has the address we want.
EndpointChanges compare_endpoints(std::span<const kernel::MptcpEndpoint> desired,
                                  std::span<const kernel::MptcpEndpoint> actual,
                                  std::span<const IpAddress> ours);

}  // namespace anabranch::host
