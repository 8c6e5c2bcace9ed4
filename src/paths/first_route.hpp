// SPDX-License-Identifier: MIT
// The first SYN of a new connection leaves by the path we choose.
//
// A connection that names no source address takes the machine's ordinary default route. Rules of
// ours, the last before the main table's, send it to a table with one default route, over the
// chosen path and with its address as the source. They match only what this machine sends by TCP
// (iif lo ipproto tcp):
//
//   32765   from 0.0.0.0/32  lookup main suppress_prefixlength 0
//   32765   from 0.0.0.0/32  lookup TABLE
//
// and in IPv6, where a rule with a source prefix matches only what has a source address,
//
//   32765   from ::/1        goto 32766
//   32765   from 8000::/1    goto 32766
//   32765   from all         lookup main suppress_prefixlength 0
//   32765   from all         lookup TABLE
//
// "suppress" lets every more specific route of the main table win, as always. Whatever has a source
// address already goes where it went: running connections, answers to clients, proxies in others'
// names. A UDP socket without an address chooses anew with each datagram, and its conversations
// would break: UDP is not moved.
//
// A connection made that way has the path's address, and must stay on its path when we choose
// another. Where nobody else's source rule sees to that, we have one, which stays until the address
// vanishes or `paths cleanup`:
//
//   32764   from ADDRESS     lookup main suppress_prefixlength 0
//   32764   from ADDRESS     lookup TABLE
//
// Where somebody else's rules lead new connections past the main table (a VPN), nothing is done.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "kernel/reconcile.hpp"
#include "kernel/rtnetlink.hpp"
#include "paths/model.hpp"

namespace anabranch::paths {

/// A path that was chosen at some time.
struct ChosenPath {
  Path path;
  bool source_rule = true;  ///< nobody else's rule keeps its connections on it
  bool operator==(const ChosenPath&) const = default;
};
/// By slot: which table is theirs.
using ChosenPaths = std::map<unsigned, ChosenPath>;

/// Pure: the routes and rules for these. An address of `preferred` has a slot.
kernel::NetworkState first_route_state(const ChosenPaths& chosen,
                                       const std::map<Family, IpAddress>& preferred);
/// Pure, the opposite: what was chosen, without preferences.
ChosenPaths chosen_paths(const kernel::NetworkState& state);

class FirstRoute {
 public:
  /// Keeps what an earlier run chose for its connections, and none of its preferences.
  static Result<FirstRoute> open();

  /// New connections of the family leave by `path`; nothing: as the routes say. Changes nothing
  /// while they do so anyway. A path without router has its destinations on the link.
  Result<void> prefer(Family family, const std::optional<Path>& path);
  /// To be called when paths have changed: routes that the kernel removed with an interface come
  /// back, and what belongs to an address that is gone goes.
  Result<void> follow(const std::vector<Path>& paths);

  /// New connections go as the routes say; what keeps running ones on their paths stays.
  static Result<void> withdraw();
  /// Everything goes.
  static Result<void> remove();

 private:
  explicit FirstRoute(kernel::Rtnetlink netlink) : netlink_(std::move(netlink)) {}
  Result<void> apply();
  bool may_prefer(const Path& path);
  bool needs_source_rule(const Path& path);
  bool take_slot(const Path& path);

  kernel::Rtnetlink netlink_;
  ChosenPaths chosen_;
  std::map<Family, Path> wanted_;
};

}  // namespace anabranch::paths
