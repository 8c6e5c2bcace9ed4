// SPDX-License-Identifier: MIT
#include "cli/commands.hpp"

namespace anabranch::cli {

void add_run(CLI::App&, Outcome&) {}

}  // namespace anabranch::cli
