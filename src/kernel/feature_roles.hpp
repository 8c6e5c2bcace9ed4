// SPDX-License-Identifier: MIT
// From features to roles: which can run on this machine, and what they will lack. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/features.hpp"

namespace anabranch::kernel {

enum class Readiness { kReady, kDegraded, kImpossible };

std::string_view readiness_name(Readiness readiness);

struct RoleVerdict {
  std::string role;
  Readiness readiness = Readiness::kReady;
  std::vector<std::string> reasons;  ///< half sentences, the decisive ones only
};

/// A verdict for each role in the order of the manual. A check that is not in `features` counts as
/// missing. A required feature that is missing or refused makes a role impossible; one that is
/// degraded, or a useful one that is not there, makes it degraded.
std::vector<RoleVerdict> judge_roles(std::span<const Feature> features);

/// Whether no role is impossible.
bool all_roles_possible(std::span<const RoleVerdict> verdicts);

}  // namespace anabranch::kernel
