// SPDX-License-Identifier: MIT
// anabranch paths: run.
#include "paths/paths.hpp"

#include <memory>

#include "cli/commands.hpp"

namespace anabranch::cli {

void add_paths(CLI::App& app, Outcome& outcome) {
  auto* object = app.add_subcommand("paths", "Path manager for MPTCP connections");
  object->require_subcommand(1);
  add_paths_explain(*object, outcome);
  const auto options = std::make_shared<paths::RunOptions>();
  auto* run = object->add_subcommand("run", "Manage connections until stopped");
  run->add_option("--record", options->record, "Record")->type_name("FILE");
  run->callback([options, &outcome]() {
    const auto done = paths::run_paths(*options);
    if (done)
      outcome.value = ExitCode::kOk;
    else
      outcome.value = std::unexpected(done.error());
  });
}

}  // namespace anabranch::cli
