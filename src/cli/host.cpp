// SPDX-License-Identifier: MIT
#include "cli/commands.hpp"

namespace anabranch::cli {

void add_host(CLI::App&, Outcome&) {}

}  // namespace anabranch::cli
