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
#include "gateway/kea6_config.hpp"
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
  bool ipv6 = false;
};

Result<ExitCode> ok_or(const Result<void>& done) {
  if (!done) return std::unexpected(done.error());
  return ExitCode::kOk;
}

Result<ExitCode> check(const std::string& file) {
  const auto settings = gateway::load(file);
  if (!settings) return std::unexpected(settings.error());
  const auto uplinks = settings->uplinks.size();
  fmt::print("{}: ok, {} uplink{}, EXT_ROUTE is option {}\n", file, uplinks,
             uplinks == 1 ? "" : "s", settings->dhcp.ext_route_code);
  return ExitCode::kOk;
}

Result<ExitCode> print_kea_config(const Options& options) {
  const auto settings = gateway::load(options.config);
  if (!settings) return std::unexpected(settings.error());
  if (options.ipv6) {
    if (settings->base(Family::kIpv6) == nullptr)
      return fail("no uplink has IPv6", options.config, "write a section [uplink.ipv6]",
                  ExitCode::kBadInput);
    const std::string usual = settings->routed ? "*" : settings->lan;
    fmt::print("{}", gateway::kea6_config(
                         *settings, {}, {options.listen.empty() ? usual : options.listen, {}, {}}));
    return ExitCode::kOk;
  }
  if (settings->base(Family::kIpv4) == nullptr)
    return fail("no uplink has IPv4", options.config, "kea-config --ipv6 prints that of DHCPv6",
                ExitCode::kBadInput);
  const auto own = gateway::own_kea_places(*settings);
  // A server behind relays is on a machine whose interfaces this file does not know.
  const std::string usual = settings->routed ? "*" : own.listen;
  fmt::print("{}", gateway::kea_config(*settings, {},
                                       {options.listen.empty() ? usual : options.listen, {}, {}}));
  return ExitCode::kOk;
}

std::string age_text(double age) {
  if (age < 1) return "0 s";
  return duration_text(std::chrono::duration_cast<nanoseconds>(seconds(static_cast<long>(age))));
}

using Row = std::array<std::string, 11>;

void print_table(const std::vector<Row>& rows) {
  std::array<std::size_t, std::tuple_size_v<Row>> widths{};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

/// "12 of 61435", "-" when nobody has counted.
std::string pool_text(const json& pool) {
  if (!pool.contains("size")) return "-";
  return fmt::format("{} of {}", pool.value("assigned", std::uint64_t{0}),
                     pool.value("size", std::uint64_t{0}));
}

/// In the line of its path, or below it when IPv4 is there.
void add_ipv6(std::vector<Row>& rows, const json& ipv6) {
  if (!rows.back()[3].empty()) rows.emplace_back();
  rows.back()[3] = ipv6.value("source_prefix", std::string());
  rows.back()[4] = ipv6.value("nat", std::string());
}

/// Round trip and loss of the uplink's probes; "-" for what is not known.
std::string rtt_text(const json& uplink) {
  if (!uplink.contains("probe_rtt_s")) return "-";
  return fmt::format("{:.1f} ms", uplink.value("probe_rtt_s", 0.0) * 1e3);
}

std::string loss_text(const json& uplink) {
  if (!uplink.contains("probe_loss")) return "-";
  return fmt::format("{:.0f} %", uplink.value("probe_loss", 0.0) * 100);
}

void print_status(const json& status) {
  const auto text = [](const json& object, const char* key) {
    return object.value(key, std::string());
  };
  const json lan = status.value("lan", json::object());
  const json dhcp = status.value("dhcp", json::object());
  const json dhcp6 = status.value("dhcp6", json::object());
  const auto pid = dhcp.value("pid", 0);
  const auto pid6 = dhcp6.value("pid", 0);
  const auto process = [](int number) {
    return number == 0 ? std::string() : fmt::format(" (kea, process {})", number);
  };
  fmt::print("lan {}{}, dhcp {}{}", text(lan, "interface"),
             text(lan, "problem").empty() ? "" : " (" + text(lan, "problem") + ")",
             text(dhcp, "state"), process(pid));
  if (text(dhcp6, "mode") != "off") fmt::print(", dhcp6 {}{}", text(dhcp6, "state"), process(pid6));
  fmt::print("\n");
  std::vector<Row> rows = {{"PATH", "UPLINK", "INTERFACE", "SOURCE", "NAT", "STATE", "SINCE", "RTT",
                            "LOSS", "LEASES", "SENT / RECEIVED"}};
  std::string reasons;
  for (const auto& uplink : status.value("uplinks", json::array())) {
    rows.push_back({std::to_string(uplink.value("index", 0)), text(uplink, "name"),
                    text(uplink, "interface"), text(uplink, "source_prefix"), text(uplink, "nat"),
                    text(uplink, "state"), age_text(uplink.value("since_s", 0.0)), rtt_text(uplink),
                    loss_text(uplink), pool_text(uplink.value("pool", json::object())),
                    octets_text(uplink.value("sent_octets", std::uint64_t{0})) + " / " +
                        octets_text(uplink.value("received_octets", std::uint64_t{0}))});
    if (uplink.contains("ipv6")) add_ipv6(rows, uplink["ipv6"]);
    if (!text(uplink, "why").empty())
      reasons += fmt::format("{}: {}\n", text(uplink, "name"), text(uplink, "why"));
  }
  print_table(rows);
  for (const auto& mac : dhcp.value("held_back", json::array()))
    reasons += fmt::format("{} has as many leases as one hardware address may have: {}\n",
                           mac.get<std::string>(), dhcp.value("leases_per_mac", 0u));
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
  const auto verb = [&](const char* name, const char* what, auto action) {
    auto* command = object->add_subcommand(name, what);
    command->callback([options, action, &outcome] { outcome.value = action(*options); });
    return command;
  };
  const auto takes_file = [&](CLI::App* command) {
    auto* file = command->add_option("-c,--config", options->config, "Configuration file");
    file->type_name("FILE")->capture_default_str();
    return file;
  };
  takes_file(verb("run", "Forward, translate and hand out addresses until stopped",
                  [](const Options& o) { return ok_or(gateway::run(o.config)); }));
  takes_file(verb("check", "Check the configuration file",
                  [](const Options& o) { return check(o.config); }));
  verb("show", "Show the state of every uplink of the running gateway", [](const Options& o) {
    return show(o.as_json);
  })->add_flag("-j,--json", options->as_json, "JSON instead of a table");
  takes_file(verb("reload", "Make the running gateway read its configuration file again",
                  [](const Options& o) { return reload(o); }))
      ->each([options](const std::string&) { options->config_given = true; });
  takes_file(verb("cleanup", "Remove everything that a stopped gateway has left in the kernel",
                  [](const Options& o) { return ok_or(gateway::cleanup(o.config)); }));
  auto* kea = verb("kea-config", "Print the configuration for a Kea that someone else runs",
                   [](const Options& o) { return print_kea_config(o); });
  takes_file(kea);
  kea->add_flag("--ipv6", options->ipv6, "For DHCPv6");
  kea->add_option("--listen", options->listen,
                  "Interface, or interface/address, on which that server listens")
      ->type_name("IFACE");
}

}  // namespace anabranch::cli
