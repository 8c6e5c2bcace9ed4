// SPDX-License-Identifier: MIT
// anabranch gateway run|check|show|reload|cleanup|kea-config
#include "gateway/gateway.hpp"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <memory>
#include <vector>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/role_verbs.hpp"
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

using Row = std::vector<std::string>;

/// The first row has the headings.
void print_table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

std::string text(const json& object, const char* key) {
  return object.value(key, std::string());
}

/// A pool of IPv6 may have more than anybody wants to read.
std::string size_text(std::uint64_t size) {
  constexpr unsigned kLongest = 24;  // bits
  if (size >> kLongest == 0) return std::to_string(size);
  return fmt::format("{}2^{}", std::has_single_bit(size) ? "" : "more than ",
                     std::bit_width(size) - 1);
}

/// "12 of 61435", "-" when nobody has counted.
std::string pool_text(const json& object, const char* key) {
  const json pool = object.value(key, json::object());
  if (!pool.contains("size")) return "-";
  return fmt::format("{} of {}", pool.value("assigned", std::uint64_t{0}),
                     size_text(pool.value("size", std::uint64_t{0})));
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

/// What hosts were told of the path, and how long ago that began: "withdrawn, 12 s".
std::string advertised_text(const json& uplink) {
  const json advertised = uplink.value("advertised", json::object());
  if (!advertised.contains("since_s")) return "-";
  return fmt::format("{}, {}", text(advertised, "state") == "withdrawn" ? "withdrawn" : "yes",
                     age_text(advertised.value("since_s", 0.0)));
}

Row uplink_row(const json& uplink) {
  return {std::to_string(uplink.value("index", 0)),
          text(uplink, "name"),
          text(uplink, "interface"),
          text(uplink, "state"),
          age_text(uplink.value("since_s", 0.0)),
          rtt_text(uplink),
          loss_text(uplink),
          advertised_text(uplink),
          octets_text(uplink.value("sent_octets", std::uint64_t{0})) + " / " +
              octets_text(uplink.value("received_octets", std::uint64_t{0}))};
}

/// `family` is the uplink itself for IPv4, and what is below "ipv6".
Row family_row(const json& uplink, const json& family) {
  const auto external = text(family, "external_prefix");
  return {std::to_string(uplink.value("index", 0)),
          text(family, "source_prefix"),
          text(family, "nat") + (external.empty() ? "" : " " + external),
          text(family, "next_hop"),
          pool_text(family, "pool"),
          pool_text(family, "delegated")};
}

std::string server_text(const json& dhcp) {
  const auto pid = dhcp.value("pid", 0);
  return text(dhcp, "state") + (pid == 0 ? "" : fmt::format(" (kea, process {})", pid));
}

void print_status(const json& status) {
  const json lan = status.value("lan", json::object());
  const json dhcp = status.value("dhcp", json::object());
  const json dhcp6 = status.value("dhcp6", json::object());
  fmt::print("lan {}{}, dhcp {}{}\n", text(lan, "interface"),
             text(lan, "problem").empty() ? "" : " (" + text(lan, "problem") + ")",
             server_text(dhcp),
             text(dhcp6, "mode") == "off" ? "" : ", dhcp6 " + server_text(dhcp6));
  std::string converters;
  for (const auto& endpoint : status.value("converters", json::array()))
    converters += (converters.empty() ? "" : ", ") + endpoint.get<std::string>();
  if (!converters.empty()) fmt::print("hosts are told of the converters {}\n", converters);
  std::vector<Row> uplinks = {{"PATH", "UPLINK", "INTERFACE", "STATE", "SINCE", "RTT", "LOSS",
                               "ADVERTISED", "SENT / RECEIVED"}};
  std::vector<Row> families = {{"PATH", "SOURCE", "NAT", "NEXT HOP", "LEASES", "PREFIXES"}};
  std::string reasons;
  for (const auto& uplink : status.value("uplinks", json::array())) {
    uplinks.push_back(uplink_row(uplink));
    if (uplink.contains("source_prefix")) families.push_back(family_row(uplink, uplink));
    if (uplink.contains("ipv6")) families.push_back(family_row(uplink, uplink["ipv6"]));
    if (!text(uplink, "why").empty())
      reasons += fmt::format("{}: {}\n", text(uplink, "name"), text(uplink, "why"));
  }
  for (const auto& mac : dhcp.value("held_back", json::array()))
    reasons += fmt::format("{} has as many leases as one hardware address may have: {}\n",
                           mac.get<std::string>(), dhcp.value("leases_per_mac", 0u));
  print_table(uplinks);
  fmt::print("{}\n", reasons);
  print_table(families);
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
  return tell_role(socket, "reload");
}

}  // namespace

void add_gateway(CLI::App& app, Outcome& outcome) {
  auto* object =
      app.add_subcommand("gateway", "Router with several uplinks, one source prefix each");
  const auto options = std::make_shared<Options>();
  const Verbs<Options> verb(*object, options, outcome);
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
