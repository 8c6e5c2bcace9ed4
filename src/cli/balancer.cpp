// SPDX-License-Identifier: MIT
// anabranch balancer run|check|show|drain|explain|reload|cleanup|server
#include <algorithm>
#include <memory>

#include <fmt/core.h>

#include "balancer/explain.hpp"
#include "balancer/report_text.hpp"
#include "balancer/role.hpp"
#include "balancer/settings.hpp"
#include "cli/commands.hpp"
#include "cli/role_verbs.hpp"
#include "status/server.hpp"

namespace anabranch::cli {
namespace {

struct Options {
  std::string config = "/etc/anabranch/balancer.toml";
  bool as_json = false;
  std::string client;
  std::string service;
  std::string kind = std::string(balancer::kPacketKinds.front());
  std::string token;
  std::string packet;
  std::string server;
  bool undo = false;
};

Result<ExitCode> check(const Options& options) {
  const auto settings = balancer::load_balancer_settings(options.config);
  if (!settings) return std::unexpected(settings.error());
  fmt::print("{}: ok, {} services, {} servers\n", options.config, settings->vips.size(),
             settings->servers.size());
  return ExitCode::kOk;
}

Result<std::vector<std::uint8_t>> frame_asked_for(const Options& options) {
  if (!options.packet.empty()) return balancer::frame_of_hex(options.packet);
  if (options.service.empty())
    return fail("a client and a service, or a packet, are to be told", {},
                "anabranch balancer explain 192.0.2.7:40000 198.51.100.10:443",
                ExitCode::kBadInput);
  const auto client = Endpoint::parse(options.client);
  if (!client) return std::unexpected(client.error());
  const auto service = Endpoint::parse(options.service);
  if (!service) return std::unexpected(service.error());
  const auto found = std::ranges::find(balancer::kPacketKinds, options.kind);
  const auto kind = static_cast<balancer::PacketKind>(found - balancer::kPacketKinds.begin());
  if (options.token.empty()) return balancer::frame_of(*client, *service, kind);
  if (kind != balancer::PacketKind::kJoin)
    return fail("only a further subflow has a token", {}, "ask with --as mp-join",
                ExitCode::kBadInput);
  const auto token = balancer::token_of_hex(options.token);
  if (!token) return std::unexpected(token.error());
  return balancer::frame_of(*client, *service, kind, *token);
}

Result<ExitCode> explain(const Options& options) {
  const auto settings = balancer::load_balancer_settings(options.config);
  if (!settings) return std::unexpected(settings.error());
  const auto frame = frame_asked_for(options);
  if (!frame) return std::unexpected(frame.error());
  const auto answer = balancer::explain(*settings, *frame, options.as_json);
  if (!answer) return std::unexpected(answer.error());
  fmt::print("{}", *answer);
  return ExitCode::kOk;
}

}  // namespace

void add_balancer(CLI::App& app, Outcome& outcome) {
  auto* object = app.add_subcommand(
      "balancer", "Layer-4 load balancer that brings every subflow to its connection's server");
  const auto options = std::make_shared<Options>();
  const Verbs<Options> verb(*object, options, outcome);
  const auto socket = status::socket_path("balancer");
  const auto takes_file = [&](CLI::App* command) {
    add_config(*command, options->config);
    return command;
  };
  takes_file(
      verb("run", "Write what the data plane is to do and keep it true, until stopped",
           [](const Options& given) { return ok_or(balancer::run_balancer(given.config)); }));
  takes_file(verb("check", "Check the configuration file", check));
  add_json(*verb("show", "Show what goes where",
                 [socket](const Options& given) {
                   return show_role(socket, given.as_json, balancer::balancer_report_text);
                 }),
           options->as_json);
  auto* drained = verb("drain", "Give a server no new connections until that is undone",
                       [socket](const Options& given) {
                         return tell_role(socket, given.undo ? "undrain" : "drain", given.server);
                       });
  drained->add_option("server", options->server, "Its name")->type_name("SERVER")->required();
  drained->add_flag("--undo", options->undo, "Give it connections again");
  auto* asked =
      takes_file(verb("explain", "Ask the data plane what becomes of a packet, and why", explain));
  add_json(*asked, options->as_json);
  asked->add_option("client", options->client, "Where the packet is from, ADDRESS:PORT")
      ->type_name("ENDPOINT");
  asked->add_option("service", options->service, "Where it goes to, ADDRESS:PORT")
      ->type_name("ENDPOINT");
  const std::vector<std::string> kinds(balancer::kPacketKinds.begin(),
                                       balancer::kPacketKinds.end());
  asked->add_option("--as", options->kind, "What it is: syn, mp-capable, mp-join or data")
      ->check(CLI::IsMember(kinds))
      ->type_name("KIND")
      ->capture_default_str();
  asked->add_option("--token", options->token, "Token of the mp-join")->type_name("HEX");
  asked->add_option("--packet", options->packet, "An IP packet in hexadecimal instead")
      ->type_name("HEX");
  verb("reload", "Make the running balancer read its configuration file again",
       [socket](const Options&) { return tell_role(socket, "reload"); });
  takes_file(
      verb("cleanup", "End the steering that goes on without a running balancer",
           [](const Options& given) { return ok_or(balancer::clean_up_balancer(given.config)); }));
  add_balancer_server(*object, outcome);
}

}  // namespace anabranch::cli
