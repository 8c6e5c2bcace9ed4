// SPDX-License-Identifier: MIT
// anabranch cpe run|check|show|reload|cleanup
#include <memory>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "proxy/cpe_report.hpp"
#include "proxy/cpe_role.hpp"
#include "proxy/cpe_settings.hpp"
#include "status/client.hpp"
#include "status/server.hpp"

namespace anabranch::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string config = "/etc/anabranch/cpe.toml";
  bool as_json = false;
  bool single = false;
};

Result<ExitCode> run(const Options& options) {
  ANABRANCH_TRY(proxy::run_cpe(options.config, options.single));
  return ExitCode::kOk;
}

Result<ExitCode> check(const Options& options) {
  const auto settings = proxy::load_cpe_settings(options.config, options.single);
  if (!settings) return std::unexpected(settings.error());
  fmt::print("{}: ok, converters: {}, rules: {}\n", options.config, settings->converters.size(),
             settings->rules.size());
  return ExitCode::kOk;
}

Result<ExitCode> show(const Options& options) {
  const auto answer = status::ask(status::socket_path("cpe"), "show");
  if (!answer) return std::unexpected(answer.error());
  if (options.as_json) {
    fmt::print("{}\n", json::parse(*answer, nullptr, false).dump(2));
    return ExitCode::kOk;
  }
  const auto text = proxy::cpe_report_text(*answer);
  if (!text) return std::unexpected(text.error());
  fmt::print("{}", *text);
  return ExitCode::kOk;
}

Result<ExitCode> tell(const char* verb) {
  const auto answer = status::ask(status::socket_path("cpe"), verb, seconds(30));
  if (!answer) return std::unexpected(answer.error());
  return ExitCode::kOk;
}

}  // namespace

void add_cpe(CLI::App& app, Outcome& outcome) {
  auto* object = app.add_subcommand(
      "cpe", "Proxy in a home gateway or on a device for endpoints that speak only TCP");
  object->require_subcommand(1);
  const auto options = std::make_shared<Options>();
  const auto verb = [&](const char* name, const char* what, auto action) {
    auto* command = object->add_subcommand(name, what);
    command->callback([options, action, &outcome] { outcome.value = action(*options); });
    return command;
  };
  const auto takes_file = [&](CLI::App* command) {
    command->add_option("-c,--config", options->config, "Configuration file")
        ->type_name("FILE")
        ->capture_default_str();
    command->add_flag("--single", options->single,
                      "Take the connections of this machine itself, as [single] in the file does");
  };
  takes_file(verb("run", "Take TCP connections until stopped", run));
  takes_file(verb("check", "Check the configuration file", check));
  verb("show", "Show converters, connections and what became of those before", show)
      ->add_flag("-j,--json", options->as_json, "JSON instead of text");
  verb("reload", "Make the running CPE read its configuration file again",
       [](const Options&) { return tell("reload"); });
  verb("cleanup", "Remove everything that a killed CPE has left in the kernel",
       [](const Options&) -> Result<ExitCode> {
         ANABRANCH_TRY(proxy::clean_up_cpe());
         return ExitCode::kOk;
       });
}

}  // namespace anabranch::cli
