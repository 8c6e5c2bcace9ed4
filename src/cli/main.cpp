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
  CLI::App app("Multipath TCP for networks as they are", "anabranch");
  app.set_version_flag("--version", "anabranch " ANABRANCH_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  std::string level = "info";
  app.add_option("--log-level", level, "debug, info, warning or error")->capture_default_str();
  app.parse_complete_callback([&] {
    if (const auto parsed = log::parse_level(level))
      log::start("anabranch", *parsed);
    else
      throw CLI::ValidationError("--log-level", parsed.error().text());
  });

  cli::Outcome outcome;
  cli::add_gateway(app, outcome);
  cli::add_host(app, outcome);
  cli::add_lab(app, outcome);
  cli::add_run(app, outcome);
  cli::add_doctor(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? static_cast<int>(ExitCode::kOk)
                                : static_cast<int>(ExitCode::kBadInput);
  }
  if (outcome.value) return static_cast<int>(*outcome.value);
  if (log::under_journald())
    log::error("{}", outcome.value.error().text());
  else
    std::fprintf(stderr, "anabranch: %s\n", outcome.value.error().text().c_str());
  return static_cast<int>(outcome.value.error().code);
}
