// SPDX-License-Identifier: MIT
#include "paths/priority_watch.hpp"

namespace anabranch::paths {

bool PriorityWatch::sample(Conduct conduct, MonotonicTime now) {
  if (conduct == Conduct::kAsTold) *this = {};
  if (conduct != Conduct::kContrary) return false;
  if (!since_) since_ = now;
  if (told_ >= kMost || now - *since_ < kFirst * (1U << told_)) return false;
  since_ = now;
  ++told_;
  return true;
}

}  // namespace anabranch::paths
