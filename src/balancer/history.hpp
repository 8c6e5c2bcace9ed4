// SPDX-License-Identifier: MIT
// Which server a place of a service's ring belonged to before the one it belongs to now, and since
// when. A server that gets a packet of a connection it does not know passes it to the one that had
// its place before: connections outlive a change of the ring without a table in the balancer
// (Beamer, Olteanu et al., NSDI 2018). Pure: the time is an argument.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/endpoint.hpp"
#include "base/units.hpp"
#include "wire/balancer_control.hpp"

namespace anabranch::balancer {

class OwnerHistory {
 public:
  /// A change older than this is forgotten: connections of then have been seen by the new owner's
  /// balancer table, or are over.
  static constexpr seconds kRemembered{240};

  /// Takes the ring of a service as it is from `now` on. Returns the places that have changed (none
  /// the first time, when nobody knows of a former owner). The previous owner is the last one that
  /// was another server: a place that was nobody's for a while still has it, and one that comes
  /// back to its last server has none.
  std::vector<wire::OwnerRun> take(const Endpoint& service, std::span<const std::uint16_t> ring,
                                   MonotonicTime now);
  /// Everything of a service that is not forgotten. `full` only when its ring has been known for so
  /// long that there can be nothing else.
  wire::ControlHistory whole(const Endpoint& service, MonotonicTime now) const;
  std::vector<Endpoint> services() const;
  void remove(const Endpoint& service);

 private:
  struct Change {
    std::uint32_t place = 0;
    std::uint16_t previous = 0;
    MonotonicTime when{};
  };
  struct Ring {
    std::vector<std::uint16_t> owners;  ///< by place
    std::vector<Change> changes;        ///< by place; few, and none for long
    MonotonicTime since;
  };
  std::map<Endpoint, Ring> rings_;
};

}  // namespace anabranch::balancer
