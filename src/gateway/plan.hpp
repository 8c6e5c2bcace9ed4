// SPDX-License-Identifier: MIT
// The decision of the gateway, as one pure function: from what the operator wants and what the
// links are like now to the state the kernel should be in.
//
//   priority  900   to <a local prefix>                   lookup main, or 17300
//   priority 1000+k from <source prefix k> iif <lan>      lookup 17300+k
//   priority 1900   iif <lan>                             blackhole      (BCP 38)
//
//   table 17300     <source prefix k> via <the router towards the hosts>   only with [lan] via
//                   <delegated prefix> via <who has it>   with our own DHCPv6 server
//                   unreachable <the rest of `delegated`> metric 4000
//   table 17300+k   default via <next hop k>         metric 100     while uplink k is set up and
//                                                                    nothing is known against it
//                   default via <next hop of another> metric 2000    only with fail_open
//                   unreachable default              metric 4000
//
// The same for IPv4 and for IPv6, each where some uplink has it; a family that none has is left as
// it is. A lost carrier needs no change of routes: with ignore_routes_with_linkdown the kernel
// passes over the first line by itself, in the same instant. There is nothing here about
// connections: the source address alone chooses the uplink (draft-wr-mptcp-single-homed). What
// probes of an uplink's health need comes from probe_routes.hpp.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/delegations.hpp"
#include "gateway/settings.hpp"
#include "gateway/translation.hpp"
#include "kernel/reconcile.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::gateway {

/// What is known of an uplink beyond its interface.
struct UplinkHealth {
  bool works = true;
  std::string why = {};  ///< it does not: "no answer from icmp:198.51.100.1 for 1.4 s"
  std::optional<nanoseconds> rtt = std::nullopt;  ///< of the last answer
  double loss = 0;                                ///< of the last 100 probes, 0..1
};

struct Observed {
  std::vector<kernel::LinkInfo> links;
  std::vector<kernel::Address> addresses;
  std::map<std::string, UplinkHealth, std::less<>> health = {};  ///< by uplink; missing: works
  std::vector<Delegation> delegations = {};                      ///< of our own DHCPv6 server

  const kernel::LinkInfo* link(std::string_view name) const;
};

enum class PathState {
  kUp,
  kFailOpen,  ///< the uplink is down, another one carries its hosts
  kDown,      ///< hosts get ICMP unreachable
};
std::string_view path_state_name(PathState state);

struct PathPlan {
  std::string name;
  unsigned index = 0;
  PathState state = PathState::kDown;
  std::string why;  ///< empty when up
};

struct Plan {
  kernel::NetworkState network;
  /// Keys with slashes; only of interfaces that exist. For what not every kernel has, and for
  /// accept_ra where it is 0, see machine.cpp.
  std::map<std::string, std::string> sysctls;
  Translation translation;
  std::vector<PathPlan> paths;  ///< as settings.uplinks
  /// Why hosts cannot be served on the LAN yet; empty when they can.
  std::string lan_problem;
  /// Why our DHCPv6 server cannot begin although the LAN is well; empty when it can.
  std::string dhcp6_problem;
  unsigned lan_ifindex = 0;
};

Plan make_plan(const Settings& settings, const Observed& observed);

/// The part of the machine that belongs to the gateway, given its LAN interfaces.
kernel::Scope scope_of(std::vector<unsigned> lan_interfaces);

}  // namespace anabranch::gateway
