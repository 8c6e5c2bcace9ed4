// SPDX-License-Identifier: MIT
// What a server has been told of the places of one service's ring, by one balancer or several.
// Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "wire/balancer_control.hpp"

namespace anabranch::balancer {

class ToldHistory {
 public:
  struct Place {
    std::uint16_t owner = 0;     ///< 0: nothing was told
    std::uint16_t previous = 0;  ///< 0: there is none
    std::uint32_t changed = 0;   ///< seconds, by the clock of take()

    bool operator==(const Place&) const = default;
  };

  explicit ToldHistory(std::uint16_t self) : self_(self), places_(wire::kControlPlaces) {}

  /// `now` in seconds, by any clock that does not go back. Of two balancers the younger change of a
  /// place holds. A place that went from this server to another says nothing to it: what it knew of
  /// the one before itself holds on, for what the other passes on to it; unless the other is the
  /// one before: a connection that neither has would go to and fro between them, and nobody reset
  /// it.
  void take(const wire::ControlHistory& history, std::uint32_t now);
  /// All places of the ring, in their order.
  std::span<const Place> places() const { return places_; }

 private:
  std::uint16_t self_;
  std::vector<Place> places_;
};

}  // namespace anabranch::balancer
