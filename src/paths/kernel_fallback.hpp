// SPDX-License-Identifier: MIT
// What the kernel's own path manager needs to give a new connection its further subflows in the
// moment we are gone: an endpoint for each path, and limits that allow them. They are there all the
// time; connections whose path manager lives in user space do not look at them.
//
// Somebody else's endpoints are left alone, those of a `host` role too; ours are remembered in a
// file below the runtime directory.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "kernel/mptcp_pm.hpp"
#include "kernel/rtnetlink.hpp"
#include "paths/model.hpp"

namespace anabranch::paths {

/// What we made, and what the limits were before.
struct FallbackState {
  std::set<IpAddress> endpoints;
  std::optional<kernel::MptcpLimits> limits_before;
  std::optional<kernel::MptcpLimits> limits_set;
  bool operator==(const FallbackState&) const = default;
};

std::string format_fallback(const FallbackState& state);
Result<FallbackState> parse_fallback(std::string_view text);

struct EndpointChanges {
  std::vector<kernel::MptcpEndpoint> add;
  std::vector<kernel::MptcpEndpoint> remove;
};
/// Pure. An endpoint for each usable path but those in `leave` and those that have one; ours of
/// paths that are not usable any more go.
EndpointChanges compare_fallback(const std::vector<Path>& paths,
                                 const std::vector<kernel::MptcpEndpoint>& actual,
                                 const FallbackState& state, const std::set<IpAddress>& leave);

class KernelFallback {
 public:
  /// `subflows`: further subflows a connection, as in the settings.
  static Result<KernelFallback> open(unsigned subflows);
  /// Makes it so. A kernel that takes no more endpoints (8) is no error.
  Result<void> keep(const std::vector<Path>& paths);
  /// Removes what is ours and puts the limits back, unless somebody has changed them since.
  static Result<void> remove();

 private:
  KernelFallback(kernel::MptcpPathManager manager, kernel::Rtnetlink netlink, unsigned subflows,
                 FallbackState state);
  Result<void> raise_limits();
  kernel::MptcpPathManager manager_;
  kernel::Rtnetlink netlink_;
  unsigned subflows_;
  FallbackState state_;
};

}  // namespace anabranch::paths
