// SPDX-License-Identifier: MIT
#include "lab/link_flaps.hpp"

namespace anabranch::lab {
namespace {

/// The engine's own figures, since a distribution may give others with another library.
milliseconds between(std::mt19937& random, milliseconds least, milliseconds most) {
  const auto span = static_cast<std::uint64_t>((most - least).count()) + 1;
  return least + milliseconds(random() % span);
}

}  // namespace

std::vector<TimedAction> flap_actions(WireControl& wire, const std::vector<std::string>& links,
                                      const FlapTimes& times, std::mt19937& random,
                                      nanoseconds start, nanoseconds end, unsigned count) {
  std::vector<TimedAction> out;
  nanoseconds at = start;
  for (unsigned flap = 0; flap < count; ++flap) {
    const std::string& link = links[random() % links.size()];
    const milliseconds down = between(random, times.shortest_down, times.longest_down);
    if (at + down > end) break;
    out.push_back({at, [&wire, link] { return wire.cut(link); }});
    out.push_back({at + down, [&wire, link] { return wire.up(link); }});
    at += down + between(random, times.shortest_up, times.longest_up);
  }
  return out;
}

}  // namespace anabranch::lab
