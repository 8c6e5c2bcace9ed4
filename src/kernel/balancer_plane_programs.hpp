// SPDX-License-Identifier: MIT
// The loaded programs, for the source files of BalancerPlane only.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include <balancer.skel.h>

#include "kernel/balancer_plane.hpp"

namespace anabranch::kernel {

/// Name of the pinned program that explains; the maps are pinned by their own names.
inline constexpr std::string_view kExplainPin = "explain";
/// Those that are attached are pinned, too, or a process without CAP_SYS_ADMIN could not tell which
/// are ours.
inline constexpr std::string_view kXdpPin = "balance_xdp";
inline constexpr std::string_view kTcPin = "balance_tc";

struct UnloadBalancer {
  void operator()(::balancer* programs) const { ::balancer__destroy(programs); }
};
using LoadedBalancer = std::unique_ptr<::balancer, UnloadBalancer>;

struct BalancerPlane::Programs {
  Programs(LoadedBalancer programs, std::filesystem::path directory)
      : loaded(std::move(programs)), pins(std::move(directory)) {}
  LoadedBalancer loaded;
  std::filesystem::path pins;
};

}  // namespace anabranch::kernel
