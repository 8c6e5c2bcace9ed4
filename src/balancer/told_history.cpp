// SPDX-License-Identifier: MIT
#include "balancer/told_history.hpp"

#include <algorithm>

namespace anabranch::balancer {

void ToldHistory::take(const wire::ControlHistory& history, std::uint32_t now) {
  if (history.full) std::ranges::fill(places_, Place());
  for (const auto& run : history.runs) {
    const Place told{.owner = run.owner,
                     .previous = run.previous,
                     .changed = now - std::min(now, run.age / 1000)};
    for (auto& place : std::span(places_).subspan(run.place, run.count)) {
      if (told.changed < place.changed) continue;
      if (run.previous == self_ && place.previous != run.owner) continue;
      place = told;
    }
  }
}

}  // namespace anabranch::balancer
