// SPDX-License-Identifier: MIT
// nftables through the `nft` program: one atomic transaction a call.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace anabranch::kernel {

/// Applies `ruleset` (nft's own text form, which operators can read in our log and paste back) in
/// one transaction: all of it or nothing.
Result<void> apply_nft(std::string_view ruleset);

/// What `nft` prints with these arguments.
Result<std::string> list_nft(std::vector<std::string> arguments);

}  // namespace anabranch::kernel
