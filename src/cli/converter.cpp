// SPDX-License-Identifier: MIT
// anabranch converter run|check|show|reload|drain|cleanup
#include <memory>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "proxy/converter_report.hpp"
#include "proxy/converter_role.hpp"
#include "proxy/converter_settings.hpp"
#include "status/client.hpp"
#include "status/server.hpp"

namespace anabranch::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string config = "/etc/anabranch/converter.toml";
  bool as_json = false;
};

Result<ExitCode> run(const Options& options) {
  ANABRANCH_TRY(proxy::run_converter(options.config));
  return ExitCode::kOk;
}

Result<ExitCode> check(const Options& options) {
  const auto settings = proxy::load_converter_settings(options.config);
  if (!settings) return std::unexpected(settings.error());
  fmt::print("{}: ok, {} prefixes of clients, cookie {}, {} rules\n", options.config,
             settings->clients.size(), settings->cookie_required ? "required" : "off",
             settings->rules.size());
  return ExitCode::kOk;
}

Result<ExitCode> show(const Options& options) {
  const auto answer = status::ask(status::socket_path("converter"), "show");
  if (!answer) return std::unexpected(answer.error());
  if (options.as_json) {
    fmt::print("{}\n", json::parse(*answer, nullptr, false).dump(2));
    return ExitCode::kOk;
  }
  const auto text = proxy::converter_report_text(*answer);
  if (!text) return std::unexpected(text.error());
  fmt::print("{}", *text);
  return ExitCode::kOk;
}

Result<ExitCode> tell(const char* verb) {
  const auto answer = status::ask(status::socket_path("converter"), verb, seconds(30));
  if (!answer) return std::unexpected(answer.error());
  return ExitCode::kOk;
}

}  // namespace

void add_converter(CLI::App& app, Outcome& outcome) {
  auto* object = app.add_subcommand(
      "converter", "Proxy in the operator's network for endpoints that speak only TCP");
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
  };
  takes_file(verb("run", "Serve clients until stopped", run));
  takes_file(verb("check", "Check the configuration file", check));
  verb("show", "Show connections and what became of those before", show)
      ->add_flag("-j,--json", options->as_json, "JSON instead of text");
  verb("reload", "Make the running converter read its configuration file again",
       [](const Options&) { return tell("reload"); });
  verb("drain", "Take no new connections, and end when the last one is over",
       [](const Options&) { return tell("drain"); });
  verb("cleanup", "Remove everything that a killed converter has left in the kernel",
       [](const Options&) -> Result<ExitCode> {
         ANABRANCH_TRY(proxy::clean_up_converter());
         return ExitCode::kOk;
       });
}

}  // namespace anabranch::cli
