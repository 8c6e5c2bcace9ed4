// SPDX-License-Identifier: MIT
// anabranch balancer run|check|show|explain|reload|cleanup
#include <algorithm>
#include <memory>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "balancer/explain.hpp"
#include "balancer/report_text.hpp"
#include "balancer/role.hpp"
#include "balancer/settings.hpp"
#include "cli/commands.hpp"
#include "status/client.hpp"
#include "status/server.hpp"

namespace anabranch::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string config = "/etc/anabranch/balancer.toml";
  bool as_json = false;
  std::string client;
  std::string service;
  std::string kind = std::string(balancer::kPacketKinds.front());
  std::string packet;
};

Result<ExitCode> run(const Options& options) {
  ANABRANCH_TRY(balancer::run_balancer(options.config));
  return ExitCode::kOk;
}

Result<ExitCode> check(const Options& options) {
  const auto settings = balancer::load_balancer_settings(options.config);
  if (!settings) return std::unexpected(settings.error());
  fmt::print("{}: ok, {} services, {} servers\n", options.config, settings->vips.size(),
             settings->servers.size());
  return ExitCode::kOk;
}

Result<ExitCode> show(const Options& options) {
  const auto answer = status::ask(status::socket_path("balancer"), "show");
  if (!answer) return std::unexpected(answer.error());
  if (options.as_json) {
    fmt::print("{}\n", json::parse(*answer, nullptr, false).dump(2));
    return ExitCode::kOk;
  }
  const auto text = balancer::balancer_report_text(*answer);
  if (!text) return std::unexpected(text.error());
  fmt::print("{}", *text);
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
  const auto kind = std::ranges::find(balancer::kPacketKinds, options.kind);
  return balancer::frame_of(
      *client, *service, static_cast<balancer::PacketKind>(kind - balancer::kPacketKinds.begin()));
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

Result<ExitCode> reload(const Options&) {
  const auto answer = status::ask(status::socket_path("balancer"), "reload", seconds(30));
  if (!answer) return std::unexpected(answer.error());
  return ExitCode::kOk;
}

Result<ExitCode> clean_up(const Options& options) {
  ANABRANCH_TRY(balancer::clean_up_balancer(options.config));
  return ExitCode::kOk;
}

}  // namespace

void add_balancer(CLI::App& app, Outcome& outcome) {
  auto* object = app.add_subcommand(
      "balancer", "Layer-4 load balancer that brings every subflow to its connection's server");
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
    return command;
  };
  const auto gives_json = [&](CLI::App* command) {
    command->add_flag("-j,--json", options->as_json, "JSON instead of text");
    return command;
  };
  takes_file(
      verb("run", "Write what the data plane is to do and keep it true, until stopped", run));
  takes_file(verb("check", "Check the configuration file", check));
  gives_json(verb("show", "Show what goes where", show));
  auto* asked = gives_json(
      takes_file(verb("explain", "Ask the data plane what becomes of a packet, and why", explain)));
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
  asked->add_option("--packet", options->packet, "An IP packet in hexadecimal instead")
      ->type_name("HEX");
  verb("reload", "Make the running balancer read its configuration file again", reload);
  takes_file(verb("cleanup", "End the steering that goes on without a running balancer", clean_up));
}

}  // namespace anabranch::cli
