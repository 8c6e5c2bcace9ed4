// SPDX-License-Identifier: MIT
// One function an object: adds its subcommands to the command line. A command's callback leaves its
// exit code in `outcome`.
//
// The manual and the shell's completion are made from what is said here (src/manual). Descriptions
// begin with a capital and end without a full stop. The type of an option's value, or the name of a
// positional, tells what it is: FILE, IFACE, SCENARIO, NODE, LEVEL, COMMAND are completed.
#pragma once

#include <memory>

#include <CLI/CLI.hpp>

#include "base/result.hpp"

namespace anabranch::cli {

/// What the chosen command came to; main() prints the error and its hint and turns it into the exit
/// code.
struct Outcome {
  Result<ExitCode> value = ExitCode::kOk;
};

/// The whole command line; nothing is parsed yet.
std::unique_ptr<CLI::App> command_line(Outcome& outcome);

void add_balancer(CLI::App& app, Outcome& outcome);
/// The object "balancer server".
void add_balancer_server(CLI::App& balancer, Outcome& outcome);
void add_converter(CLI::App& app, Outcome& outcome);
void add_cpe(CLI::App& app, Outcome& outcome);
void add_gateway(CLI::App& app, Outcome& outcome);
void add_host(CLI::App& app, Outcome& outcome);
void add_lab(CLI::App& app, Outcome& outcome);
/// The hidden verb "lab workload".
void add_lab_workload(CLI::App& lab, Outcome& outcome);
/// The hidden verb "lab herd".
void add_lab_herd(CLI::App& lab, Outcome& outcome);
/// The hidden verb "lab downloads".
void add_lab_downloads(CLI::App& lab, Outcome& outcome);
/// The hidden verb "lab exchange".
void add_lab_exchange(CLI::App& lab, Outcome& outcome);
void add_paths(CLI::App& app, Outcome& outcome);
/// The verb "paths explain".
void add_paths_explain(CLI::App& paths, Outcome& outcome);
void add_run(CLI::App& app, Outcome& outcome);
void add_doctor(CLI::App& app, Outcome& outcome);

}  // namespace anabranch::cli
