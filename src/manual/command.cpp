// SPDX-License-Identifier: MIT
#include "manual/command.hpp"

#include <algorithm>

#include "cli/commands.hpp"

namespace anabranch::manual {
namespace {

Option option_from(const CLI::Option& option) {
  Option out{.names = {},
             .value = option.get_type_size() == 0 ? std::string() : option.get_type_name(),
             .what = option.get_description(),
             .fallback = option.get_default_str(),
             .required = option.get_required()};
  for (const auto& name : option.get_snames()) out.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) out.names.push_back("--" + name);
  return out;
}

Command command_from(const CLI::App& app) {
  Command out{.name = app.get_name(),
              .what = app.get_description(),
              .options = {},
              .positionals = {},
              .commands = {}};
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    if (option->get_positional())
      out.positionals.push_back({option->get_name(true), option->get_description(),
                                 option->get_required(), option->get_expected_max() > 1});
    else
      out.options.push_back(option_from(*option));
  }
  for (const auto* command : app.get_subcommands({}))
    if (!command->get_group().empty()) out.commands.push_back(command_from(*command));
  return out;
}

}  // namespace

Command command_line() {
  cli::Outcome outcome;
  return command_from(*cli::command_line(outcome));
}

}  // namespace anabranch::manual
