// SPDX-License-Identifier: MIT
#include "paths/model.hpp"

#include <algorithm>

namespace anabranch::paths {

bool Path::reaches(const IpAddress& peer) const {
  return usable || std::ranges::any_of(
                       destinations, [&](const IpPrefix& prefix) { return prefix.contains(peer); });
}

}  // namespace anabranch::paths
