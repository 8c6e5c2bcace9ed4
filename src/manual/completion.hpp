// SPDX-License-Identifier: MIT
// Completion of the command line in bash. It starts no program: everything that can be known when
// it is made is written into it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "manual/command.hpp"

namespace anabranch::manual {

/// A word and those that may follow it.
using Choices = std::vector<std::pair<std::string, std::vector<std::string>>>;

/// `script` with its line "@TABLES@" replaced. `scenarios` are the lab's, each with its nodes;
/// `levels` those of --log-level.
Result<std::string> bash_completion(const Command& all, const Choices& scenarios,
                                    const std::vector<std::string>& levels,
                                    std::string_view script);

}  // namespace anabranch::manual
