// SPDX-License-Identifier: MIT
// The thin reconciler that every capability applies its decisions with: compare what should be with
// what is, make the difference. Applying twice changes nothing; a crash in the middle is repaired
// by the next pass. What belongs to us is found again by our protocol number and the ranges of the
// registry, so nothing has to be remembered.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernel/rtnetlink.hpp"

namespace anabranch::kernel {

struct NetworkState {
  std::vector<Address> addresses;
  std::vector<Route> routes;
  std::vector<Rule> rules;
};

/// The part of the namespace a role may change. An object belongs to it when it carries our
/// protocol number and its table, priority or interface lies inside.
struct Scope {
  std::uint32_t first_table = 0;
  std::uint32_t last_table = 0;
  std::uint32_t first_priority = 0;
  std::uint32_t last_priority = 0;
  std::vector<unsigned> interfaces;  ///< whose addresses with our protocol number are ours
  /// An interface of somebody else's: ours on it are host addresses (/32) with our protocol number.
  /// 0: none.
  unsigned shared_interface = 0;
  /// A second range of tables; 0: none.
  std::uint32_t first_further_table = 0;
  std::uint32_t last_further_table = 0;

  bool owns(const Address& address) const;
  bool owns(const Route& route) const;
  bool owns(const Rule& rule) const;
};

struct Difference {
  NetworkState add;
  NetworkState remove;
  /// Addresses that are there, with another lifetime or protocol: set again.
  std::vector<Address> renew = {};
  bool empty() const;
  /// "2 routes added, 1 rule removed"; empty for no difference.
  std::string text() const;
};

/// Pure. `actual` may hold foreign objects; they are left alone. A desired address counts as
/// present when its remaining lifetime is within 5 s of the desired one.
Difference compare(const NetworkState& desired, const NetworkState& actual, const Scope& scope);

/// Additions first (addresses, routes, rules), then removals in the opposite order, so that no
/// packet falls between. Goes on after a failure and returns the first one; else what was changed.
Result<Difference> reconcile(Rtnetlink& netlink, const NetworkState& desired, const Scope& scope);

/// All addresses and rules, and the routes inside `scope`.
Result<NetworkState> observe(Rtnetlink& netlink, const Scope& scope);

}  // namespace anabranch::kernel
