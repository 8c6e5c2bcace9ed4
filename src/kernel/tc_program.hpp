// SPDX-License-Identifier: MIT
// A pinned program of ours among the tc filters of an interface's ingress, beside those of others.
// Attaching is netlink's: what is attached stays when the process goes, and is replaced in one
// step.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/registry.hpp"
#include "base/result.hpp"
#include "kernel/bpf_pins.hpp"

namespace anabranch::kernel {

/// Where a role's program is among the filters (base/registry.hpp).
struct TcPlace {
  std::uint32_t priority = 0;
  std::uint32_t handle = 0;
};
inline constexpr TcPlace kBalancerPlace{registry::kBalancerTcPriority, registry::kBalancerTcHandle};
inline constexpr TcPlace kBalancerServerPlace{registry::kBalancerServerTcPriority,
                                              registry::kBalancerServerTcHandle};

/// Whose program is there, by the pin of ours.
ProgramOwner tc_owner(unsigned ifindex, TcPlace place, const std::filesystem::path& pin);
/// In place of an earlier program of ours. A program of somebody else is an error and stays.
Result<void> attach_tc(unsigned ifindex, TcPlace place, ::bpf_program* program,
                       const std::filesystem::path& pin);
/// Having none there, or somebody else's, is success.
Result<void> detach_tc(unsigned ifindex, TcPlace place, const std::filesystem::path& pin);

/// Where somebody else's program is.
std::unexpected<Error> hook_is_taken(const char* where);

}  // namespace anabranch::kernel
