// SPDX-License-Identifier: MIT
#include "base/log.hpp"
#include "cli/commands.hpp"

namespace anabranch::cli {

std::unique_ptr<CLI::App> command_line(Outcome& outcome) {
  auto app = std::make_unique<CLI::App>("Multipath TCP for networks as they are", "anabranch");
  app->set_help_flag("-h,--help", "Print this help");
  app->set_version_flag("--version", "anabranch " ANABRANCH_VERSION, "Print the version");
  app->require_subcommand(1);
  app->fallthrough();
  const auto level = std::make_shared<std::string>("info");
  app->add_option("--log-level", *level, "Least level to log: debug, info, warning or error")
      ->type_name("LEVEL")
      ->capture_default_str();
  app->parse_complete_callback([level] {
    if (const auto parsed = log::parse_level(*level))
      log::start("anabranch", *parsed);
    else
      throw CLI::ValidationError("--log-level", parsed.error().text());
  });
  add_gateway(*app, outcome);
  add_host(*app, outcome);
  add_paths(*app, outcome);
  add_cpe(*app, outcome);
  add_converter(*app, outcome);
  add_balancer(*app, outcome);
  add_lab(*app, outcome);
  add_run(*app, outcome);
  add_doctor(*app, outcome);
  return app;
}

}  // namespace anabranch::cli
