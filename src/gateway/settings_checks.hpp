// SPDX-License-Identifier: MIT
// What can be wrong between two uplinks of one file.
#pragma once

#include <vector>

#include "base/config.hpp"
#include "gateway/settings.hpp"

namespace anabranch::gateway {

/// False for a prefix that was missing or refused when it was read.
inline bool is_known(const IpPrefix& prefix) {
  return prefix.length() != 0;
}

/// Complains about names, indexes, interfaces and prefixes that two uplinks share, and about a
/// fail_open that could not work. `sections` are those of `settings.uplinks`, in the same order.
void check_uplinks_together(const Settings& settings, const std::vector<config::Section>& sections);

}  // namespace anabranch::gateway
