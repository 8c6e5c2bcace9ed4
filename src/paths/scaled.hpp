// SPDX-License-Identifier: MIT
#pragma once

#include "base/units.hpp"

namespace anabranch::paths {

/// A duration stretched or shortened by a factor.
inline nanoseconds scaled(nanoseconds time, double factor) {
  return std::chrono::duration_cast<nanoseconds>(time * factor);
}

}  // namespace anabranch::paths
