// SPDX-License-Identifier: MIT
// The first SYN of a new connection leaves by the path we choose.
//
// A connection that names no source address takes the machine's ordinary default route. Just before
// the main table is asked, rules of ours send it to a table with one default route, over the chosen
// path and with its address as the source:
//
//   32740  from all iif lo ipproto tcp              lookup main suppress_prefixlength 0
//   32741  (IPv4) from 0.0.0.0 iif lo ipproto tcp   lookup TABLE
//          (IPv6) from ::/1, from 8000::/1          goto 32766,  from all lookup TABLE
//
// The first lets every more specific route of the main table win, as always. The others match only
// what has no source address yet, so everything that has chosen one goes where it went: running
// connections, answers to clients, forwarded packets. Only TCP is moved: a UDP socket without an
// address chooses anew with each datagram, and its conversations would break.
//
// A connection made that way has the path's address, and must stay on its path when we choose
// another. So each address once chosen keeps its table and a rule of its own, "from ADDRESS lookup
// TABLE", until it vanishes or `paths cleanup`. Source rules of the administrator and of the `host`
// role come before them.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "kernel/reconcile.hpp"
#include "kernel/rtnetlink.hpp"
#include "paths/model.hpp"

namespace anabranch::paths {

/// Paths that were chosen at some time, by their slot (a table and a rule).
using ChosenPaths = std::map<unsigned, Path>;

/// Pure: the routes and rules for these.
kernel::NetworkState first_route_state(const ChosenPaths& chosen,
                                       const std::map<Family, IpAddress>& preferred);

class FirstRoute {
 public:
  /// Keeps what an earlier run chose for its connections, and none of its preferences.
  static Result<FirstRoute> open();

  /// New connections of the family leave by `path`; nothing: as the routes say. Changes nothing
  /// when they do so anyway. A path without router has its destinations on the link.
  Result<void> prefer(Family family, const std::optional<Path>& path);

  /// New connections go as the routes say; the rules that keep running ones on their paths stay.
  static Result<void> withdraw();
  /// Everything goes.
  static Result<void> remove();

 private:
  explicit FirstRoute(kernel::Rtnetlink netlink) : netlink_(std::move(netlink)) {}
  Result<void> apply();
  Result<bool> goes_there_anyway(const Path& path);
  unsigned slot_for(const Path& path);
  kernel::Rtnetlink netlink_;
  ChosenPaths chosen_;
  std::map<Family, IpAddress> preferred_;
};

}  // namespace anabranch::paths
