// SPDX-License-Identifier: MIT
// The loaded programs, for the source files of BalancerPlane only.
#pragma once

#include <memory>
#include <string_view>

#include <balancer.skel.h>

#include "kernel/balancer_plane.hpp"

namespace anabranch::kernel {

/// Name of the pinned program that explains; the maps are pinned by their own names.
inline constexpr std::string_view kExplainPin = "explain";

struct UnloadBalancer {
  void operator()(::balancer* programs) const { ::balancer__destroy(programs); }
};
using LoadedBalancer = std::unique_ptr<::balancer, UnloadBalancer>;

struct BalancerPlane::Programs {
  explicit Programs(LoadedBalancer programs) : loaded(std::move(programs)) {}
  LoadedBalancer loaded;
};

}  // namespace anabranch::kernel
