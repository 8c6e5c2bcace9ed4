// SPDX-License-Identifier: MIT
// Which paths hosts without provisioning domains have had. They follow the lowest path with IPv6
// that works; the addresses that they made in the prefix of an earlier one have to be told to be
// for no new connections, for as long as such a host may take them for fresh. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "base/units.hpp"

namespace anabranch::gateway {

class FormerPaths {
 public:
  /// Theirs is `current` from `now` on. `preferred`: how long an address of the path that they
  /// leave is preferred when they hear nothing more of it.
  void follow(std::optional<unsigned> current, nanoseconds preferred, MonotonicTime now);
  /// Those they may still have preferred addresses of, by index; not the current one.
  std::set<unsigned> indices() const;
  /// When follow() makes it fewer.
  MonotonicTime next() const;

 private:
  std::optional<unsigned> current_;
  std::map<unsigned, MonotonicTime> until_;
};

}  // namespace anabranch::gateway
