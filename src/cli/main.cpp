// SPDX-License-Identifier: MIT
// anabranch OBJECT VERB: the command line, one file per object beside this one.
#include <csignal>
#include <cstdio>

#include "base/log.hpp"
#include "cli/commands.hpp"

int main(int argc, char** argv) {
  using namespace anabranch;
  // A peer or a child that has gone is an error where it is written to, not the end of us.
  std::signal(SIGPIPE, SIG_IGN);
  cli::Outcome outcome;
  const auto app = cli::command_line(outcome);
  try {
    app->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app->exit(error) == 0 ? static_cast<int>(ExitCode::kOk)
                                 : static_cast<int>(ExitCode::kBadInput);
  }
  if (outcome.value) return static_cast<int>(*outcome.value);
  if (log::under_journald())
    log::error("{}", outcome.value.error().text());
  else
    std::fprintf(stderr, "anabranch: %s\n", outcome.value.error().text().c_str());
  return static_cast<int>(outcome.value.error().code);
}
