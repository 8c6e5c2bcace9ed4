// SPDX-License-Identifier: MIT
#include "cli/role_verbs.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "status/client.hpp"
#include "status/server.hpp"

namespace anabranch::cli {
namespace {

constexpr seconds kShowPatience{10};
constexpr seconds kTellPatience{30};

}  // namespace

void add_config(CLI::App& command, std::string& config) {
  command.add_option("-c,--config", config, "Configuration file")
      ->type_name("FILE")
      ->capture_default_str();
}

void add_json(CLI::App& command, bool& as_json) {
  command.add_flag("-j,--json", as_json, "JSON instead of text");
}

Result<ExitCode> show_role(const std::filesystem::path& socket, bool as_json,
                           const std::function<Result<std::string>(const std::string&)>& text,
                           const std::string& about) {
  const auto answer = status::ask(socket, "show", kShowPatience, about);
  if (!answer) return std::unexpected(answer.error());
  if (as_json) {
    const auto report = nlohmann::json::parse(*answer, nullptr, false);
    if (report.is_discarded()) return fail("the role's answer is no JSON", socket.string());
    fmt::print("{}\n", report.dump(2));
    return ExitCode::kOk;
  }
  const auto shown = text(*answer);
  if (!shown) return std::unexpected(shown.error());
  fmt::print("{}", *shown);
  return ExitCode::kOk;
}

Result<ExitCode> tell_role(const std::filesystem::path& socket, const char* verb,
                           const std::string& about) {
  const auto answer = status::ask(socket, verb, kTellPatience, about);
  if (!answer) return std::unexpected(answer.error());
  return ExitCode::kOk;
}

Verbs<ProxyOptions> add_proxy_role(CLI::App& app, const ProxyRole& role, Outcome& outcome) {
  auto* object = app.add_subcommand(role.name, role.what);
  const auto options = std::make_shared<ProxyOptions>();
  options->config = "/etc/anabranch/" + role.name + ".toml";
  const Verbs<ProxyOptions> verb(*object, options, outcome);
  const auto socket = status::socket_path(role.name);
  const auto takes_file = [&](CLI::App* command) {
    add_config(*command, options->config);
    role.more_options(*command);
  };
  takes_file(verb("run", role.run, [start = role.start](const ProxyOptions& given) {
    return ok_or(start(given.config));
  }));
  takes_file(verb("check", "Check the configuration file",
                  [check = role.check](const ProxyOptions& given) -> Result<ExitCode> {
                    const auto said = check(given.config);
                    if (!said) return std::unexpected(said.error());
                    fmt::print("{}: ok, {}\n", given.config, *said);
                    return ExitCode::kOk;
                  }));
  add_json(*verb("show", role.show,
                 [socket, text = role.text](const ProxyOptions& given) {
                   return show_role(socket, given.as_json, text);
                 }),
           options->as_json);
  verb("reload", "Make the running role read its configuration file again",
       [socket](const ProxyOptions&) { return tell_role(socket, "reload"); });
  verb("cleanup", "Remove everything that a killed process has left in the kernel",
       [clean_up = role.clean_up](const ProxyOptions&) { return ok_or(clean_up()); });
  return verb;
}

}  // namespace anabranch::cli
