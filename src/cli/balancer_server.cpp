// SPDX-License-Identifier: MIT
// anabranch balancer server run|check|show|reload|cleanup
#include <memory>

#include <fmt/core.h>

#include "balancer/server_report.hpp"
#include "balancer/server_role.hpp"
#include "cli/commands.hpp"
#include "cli/role_verbs.hpp"
#include "status/server.hpp"

namespace anabranch::cli {
namespace {

struct Options {
  std::string config = "/etc/anabranch/balancer.toml";
  std::string name;
  bool as_json = false;
};

Result<ExitCode> check(const Options& options) {
  const auto found = balancer::check_server(options.config, options.name);
  if (!found) return std::unexpected(found.error());
  fmt::print("{}: ok, {} (id {}) serves {} services and announces {} addresses\n", options.config,
             found->server.name, found->server.id, found->duties.services.size(),
             found->duties.at_port.size() + found->duties.own.size());
  for (const auto& finding : found->findings) fmt::print("{}\n", balancer::finding_text(finding));
  return ExitCode::kOk;
}

}  // namespace

void add_balancer_server(CLI::App& balancer, Outcome& outcome) {
  auto* object = balancer.add_subcommand(
      "server", "Agent on a server, beside the application, that tells clients where to join");
  const auto options = std::make_shared<Options>();
  const Verbs<Options> verb(*object, options, outcome);
  const auto socket = status::socket_path("balancer-server");
  const auto takes_file = [&](CLI::App* command) {
    add_config(*command, options->config);
    command
        ->add_option("--name", options->name,
                     "Which [[server]] of the file this machine is; without it the host's name")
        ->type_name("SERVER");
  };
  takes_file(verb(
      "run", "Announce this server to clients and keep that true, until stopped",
      [](const Options& given) { return ok_or(balancer::run_server(given.config, given.name)); }));
  takes_file(verb("check", "Check the configuration file and what this machine lacks", check));
  add_json(*verb("show", "Show what is announced, and connections",
                 [socket](const Options& given) {
                   return show_role(socket, given.as_json, balancer::server_report_text);
                 }),
           options->as_json);
  verb("reload", "Make the running agent read its configuration file again",
       [socket](const Options&) { return tell_role(socket, "reload"); });
  add_config(
      *verb("cleanup", "Take back what agents have left in the kernel",
            [](const Options& given) { return ok_or(balancer::clean_up_server(given.config)); }),
      options->config);
}

}  // namespace anabranch::cli
