// SPDX-License-Identifier: MIT
// What this machine's kernel and programs offer, found out by trying.
//
// A probe that makes anything (an interface, a rule, a table) makes it in a network namespace of
// its own that goes away with the child process that tried it, so a machine is the same before and
// after. The one thing that can stay is a kernel module which the kernel loads by itself because of
// the try.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace anabranch::kernel {

enum class FeatureState {
  kOk,
  kMissing,   ///< not in this kernel, not installed
  kRefused,   ///< there, but this user or a policy may not use it
  kDegraded,  ///< usable, with a drawback that the detail names
};

std::string_view feature_state_name(FeatureState state);

struct Feature {
  std::string name;  ///< "mptcp", "nft_nat"; stable, scripts use it
  FeatureState state = FeatureState::kOk;
  std::string detail;   ///< what was found
  std::string meaning;  ///< which role needs it and for what
  std::string hint;     ///< what to do about it; empty when it is ok
};

/// Every check, in the order in which people read them. Takes a fraction of a second; a probe that
/// hangs is ended after two seconds and reported as refused. Needs no privilege.
std::vector<Feature> probe_features();

}  // namespace anabranch::kernel
