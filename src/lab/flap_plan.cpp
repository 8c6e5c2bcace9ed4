// SPDX-License-Identifier: MIT
#include "lab/flap_plan.hpp"

#include <algorithm>

namespace anabranch::lab {
namespace {

constexpr milliseconds kFirst{3000};
constexpr milliseconds kTurn{6000};  ///< for which one path is the anchor
constexpr milliseconds kShortest{100};
constexpr milliseconds kLongest{800};
constexpr milliseconds kShortestPause{200};
constexpr milliseconds kLongestPause{800};

/// The engine's own figures, since a distribution may give others with another library.
milliseconds between(std::mt19937& random, milliseconds least, milliseconds most) {
  return least + milliseconds(random() % (static_cast<std::uint64_t>((most - least).count()) + 1));
}

}  // namespace

std::vector<PlannedEvent> plan_flaps(std::mt19937& random, unsigned paths, unsigned count) {
  std::vector<PlannedEvent> out;
  std::vector<nanoseconds> free(paths + 1, kFirst);
  unsigned anchor = 1 + static_cast<unsigned>(random() % paths);
  for (nanoseconds turn = kFirst; out.size() < count; turn += kTurn) {
    const nanoseconds end = turn + kTurn;
    const unsigned step = 1 + static_cast<unsigned>(random() % (paths - 1));
    const unsigned next = 1 + (anchor - 1 + step) % paths;
    for (unsigned path = 1; path <= paths; ++path) {
      if (path == anchor) continue;
      const nanoseconds quiet = path == next ? end - kAnchorOverlap : end;
      nanoseconds at = std::max(free[path], turn);
      while (true) {
        at += between(random, kShortestPause, kLongestPause);
        const auto lasts = between(random, kShortest, kLongest);
        if (at + lasts > quiet) break;
        out.push_back({static_cast<LinkEvent>(random() % 4), path, at, lasts});
        at += lasts;
        free[path] = at;
      }
    }
    anchor = next;
  }
  std::ranges::stable_sort(out, {}, &PlannedEvent::at);
  out.resize(count);
  return out;
}

}  // namespace anabranch::lab
