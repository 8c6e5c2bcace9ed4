// SPDX-License-Identifier: MIT
#include "cli/commands.hpp"

namespace anabranch::cli {

void add_lab(CLI::App& app, Outcome& outcome) {
  auto* lab = app.add_subcommand("lab", "Whole topologies in network namespaces on this machine");
  lab->require_subcommand(1);
  add_lab_workload(*lab, outcome);
}

}  // namespace anabranch::cli
