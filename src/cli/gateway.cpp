// SPDX-License-Identifier: MIT
// anabranch gateway run|check|show|reload|cleanup|kea-config
#include "gateway/gateway.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <vector>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/commands.hpp"
#include "gateway/kea_config.hpp"
#include "gateway/settings.hpp"
#include "status/client.hpp"
#include "status/server.hpp"

namespace anabranch::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string config = "/etc/anabranch/gateway.toml";
  std::string listen;
  bool config_given = false;
  bool as_json = false;
};

Result<ExitCode> ok_or(const Result<void>& done) {
  if (!done) return std::unexpected(done.error());
  return ExitCode::kOk;
}

Result<ExitCode> check(const std::string& file) {
  if (const auto settings = gateway::load(file); !settings)
    return std::unexpected(settings.error());
  fmt::print("{}: ok\n", file);
  return ExitCode::kOk;
}

Result<ExitCode> print_kea_config(const Options& options) {
  const auto settings = gateway::load(options.config);
  if (!settings) return std::unexpected(settings.error());
  const auto own = gateway::own_kea_places(*settings);
  // A server behind relays is on a machine whose interfaces this file does not know.
  const std::string usual = settings->routed ? "*" : own.listen;
  fmt::print("{}", gateway::kea_config(*settings, {},
                                       {options.listen.empty() ? usual : options.listen, {}}));
  return ExitCode::kOk;
}

std::string age_text(double age) {
  if (age < 1) return "0 s";
  return duration_text(std::chrono::duration_cast<nanoseconds>(seconds(static_cast<long>(age))));
}

void print_table(const std::vector<std::array<std::string, 8>>& rows) {
  std::array<std::size_t, 8> widths{};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

void print_status(const json& status) {
  const auto text = [](const json& object, const char* key) {
    return object.value(key, std::string());
  };
  const json lan = status.value("lan", json::object());
  const json dhcp = status.value("dhcp", json::object());
  const auto pid = dhcp.value("pid", 0);
  fmt::print("lan {}{}, dhcp {}{}\n", text(lan, "interface"),
             text(lan, "problem").empty() ? "" : " (" + text(lan, "problem") + ")",
             text(dhcp, "state"), pid == 0 ? "" : fmt::format(" (kea, process {})", pid));
  std::vector<std::array<std::string, 8>> rows = {
      {"PATH", "UPLINK", "INTERFACE", "SOURCE", "NAT", "STATE", "SINCE", "SENT / RECEIVED"}};
  std::string reasons;
  for (const auto& uplink : status.value("uplinks", json::array())) {
    rows.push_back({std::to_string(uplink.value("index", 0)), text(uplink, "name"),
                    text(uplink, "interface"), text(uplink, "source_prefix"), text(uplink, "nat"),
                    text(uplink, "state"), age_text(uplink.value("since_s", 0.0)),
                    octets_text(uplink.value("sent_octets", std::uint64_t{0})) + " / " +
                        octets_text(uplink.value("received_octets", std::uint64_t{0}))});
    if (!text(uplink, "why").empty())
      reasons += fmt::format("{}: {}\n", text(uplink, "name"), text(uplink, "why"));
  }
  print_table(rows);
  fmt::print("{}", reasons);
}

Result<ExitCode> show(bool as_json) {
  const auto answer = status::ask(status::socket_path("gateway"), "show");
  if (!answer) return std::unexpected(answer.error());
  const json status = json::parse(*answer, nullptr, false);
  if (!status.is_object()) return fail("the gateway's answer is not understood");
  if (as_json)
    fmt::print("{}\n", status.dump(2));
  else
    print_status(status);
  return ExitCode::kOk;
}

/// The running gateway reads the file it was started with; naming another one is a mistake.
Result<ExitCode> reload(const Options& options) {
  const auto socket = status::socket_path("gateway");
  if (options.config_given) {
    const auto answer = status::ask(socket, "show");
    if (!answer) return std::unexpected(answer.error());
    const auto running = json::parse(*answer, nullptr, false).value("config", std::string());
    if (running != std::filesystem::absolute(options.config))
      return fail("the running gateway reads " + running, options.config, "leave -c out",
                  ExitCode::kBadInput);
  }
  const auto answer = status::ask(socket, "reload", seconds(30));
  if (!answer) return std::unexpected(answer.error());
  return ExitCode::kOk;
}

}  // namespace

void add_gateway(CLI::App& app, Outcome& outcome) {
  auto* object =
      app.add_subcommand("gateway", "Router with several uplinks, one source prefix each");
  object->require_subcommand(1);
  const auto options = std::make_shared<Options>();
  const auto* file =
      object->add_option("-c,--config", options->config, "gateway.toml")->capture_default_str();
  const auto verb = [&](const char* name, const char* what, auto action) {
    auto* command = object->add_subcommand(name, what);
    command->callback([options, action, file, &outcome] {
      options->config_given = file->count() > 0;
      outcome.value = action(*options);
    });
    return command;
  };
  verb("run", "Forward, translate, hand out addresses, until stopped",
       [](const Options& o) { return ok_or(gateway::run(o.config)); });
  verb("check", "Say what is wrong with the file",
       [](const Options& o) { return check(o.config); });
  verb("show", "State of every uplink", [](const Options& o) {
    return show(o.as_json);
  })->add_flag("-j,--json", options->as_json, "JSON");
  verb("reload", "Make the running gateway read its file again",
       [](const Options& o) { return reload(o); });
  verb("cleanup", "Remove everything a stopped gateway has left in the kernel",
       [](const Options& o) { return ok_or(gateway::cleanup(o.config)); });
  verb("kea-config", "Print the configuration for a Kea run by someone else",
       [](const Options& o) { return print_kea_config(o); })
      ->add_option("--listen", options->listen,
                   "interface, or interface/address, that server listens on");
}

}  // namespace anabranch::cli
