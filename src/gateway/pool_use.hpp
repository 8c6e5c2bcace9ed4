// SPDX-License-Identifier: MIT
// How much of each path's pool is in use, as Kea counts it, and when that is worth a line in the
// log. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/units.hpp"

namespace anabranch::gateway {

struct PoolUse {
  std::uint64_t size = 0;
  std::uint64_t assigned = 0;  ///< the declined among them
  std::uint64_t declined = 0;  ///< found in use by someone else

  bool full() const { return assigned >= size; }
  bool operator==(const PoolUse&) const = default;
};

/// By the index of the path.
using PoolUses = std::map<unsigned, PoolUse>;

/// Addresses, of DHCPv4 or DHCPv6, from Kea's answer to "statistic-get-all"; empty for an answer of
/// another kind.
PoolUses parse_pool_uses(const nlohmann::json& reply);
/// The same of prefixes to delegate (IA_PD), for the paths that have some.
PoolUses parse_prefix_uses(const nlohmann::json& reply);

/// Remembers which pools are full, so that each is told of once.
class PoolWatch {
 public:
  struct Event {
    unsigned index = 0;
    bool full = false;  ///< else there is room again
    PoolUse use;
  };
  /// What has changed since the last call. There is room again once a fiftieth of a pool is free;
  /// the same pool is not told full twice within a minute.
  std::vector<Event> update(const PoolUses& uses, MonotonicTime now);
  bool any_full() const;

 private:
  struct State {
    bool full = false;
    MonotonicTime told{};  ///< full, for the last time
  };
  std::map<unsigned, State> states_;
};

}  // namespace anabranch::gateway
