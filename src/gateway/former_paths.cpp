// SPDX-License-Identifier: MIT
#include "gateway/former_paths.hpp"

#include <algorithm>

namespace anabranch::gateway {

void FormerPaths::follow(std::optional<unsigned> current, nanoseconds preferred,
                         MonotonicTime now) {
  if (current_ != current && current_) until_[*current_] = now + preferred;
  current_ = current;
  std::erase_if(until_,
                [&](const auto& entry) { return entry.first == current_ || entry.second <= now; });
}

std::set<unsigned> FormerPaths::indices() const {
  std::set<unsigned> out;
  for (const auto& [index, until] : until_) out.insert(index);
  return out;
}

MonotonicTime FormerPaths::next() const {
  auto next = MonotonicTime::max();
  for (const auto& [index, until] : until_) next = std::min(next, until);
  return next;
}

}  // namespace anabranch::gateway
