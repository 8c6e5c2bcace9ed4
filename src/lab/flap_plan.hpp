// SPDX-License-Identifier: MIT
// Random events on the links of a host, as values, with one promise: at any time one path has been
// well for so long that every connection can be on it, and stays well until another has been. That
// path is the anchor; its office passes on from turn to turn. Without the promise a connection
// could lose its last subflow, which nobody can mend.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "base/units.hpp"

namespace anabranch::lab {

enum class LinkEvent : std::uint8_t {
  kSilent,   ///< drops everything, both ways
  kCarrier,  ///< no carrier at either end
  kAddress,  ///< the client's interface loses its address, and with it its routes
  kReset,    ///< a middlebox resets whatever is sent
};

struct PlannedEvent {
  LinkEvent event = LinkEvent::kSilent;
  unsigned path = 0;  ///< from 1
  nanoseconds at{};
  nanoseconds lasts{};
  nanoseconds ends() const { return at + lasts; }
};

/// How long a path has been well before it may be the only one.
inline constexpr milliseconds kAnchorOverlap{2500};

/// `count` events on paths 1 to `paths` (two or more) in the order of their times, on one path
/// never two at once.
std::vector<PlannedEvent> plan_flaps(std::mt19937& random, unsigned paths, unsigned count);

}  // namespace anabranch::lab
