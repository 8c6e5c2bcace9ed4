// SPDX-License-Identifier: MIT
// What a node's kernel has been told, in lines that can be compared: links, IPv4 addresses, routes
// of every table, rules, MPTCP endpoints. No counters, no lifetimes, no carrier.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "lab/network.hpp"

namespace anabranch::lab {

using KernelState = std::set<std::string>;

Result<KernelState> kernel_state(const Network& network, std::string_view node);
/// What `before` has and `after` has not, and the other way round: "- rule 20002 ..., + ...".
std::string difference_text(const KernelState& before, const KernelState& after);

}  // namespace anabranch::lab
