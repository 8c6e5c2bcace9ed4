// SPDX-License-Identifier: MIT
// anabranch host: run, check, show, reload, cleanup.
#include "host/host.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <system_error>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/directories.hpp"
#include "cli/commands.hpp"
#include "cli/role_verbs.hpp"
#include "host/apply.hpp"
#include "host/release.hpp"
#include "host/settings.hpp"
#include "status/client.hpp"
#include "status/server.hpp"

namespace anabranch::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string interface;
  std::string file;
  std::string interfaces;
  bool as_json = false;
};

Result<ExitCode> run(const Options& options) {
  host::SettingsFile file;
  if (!options.file.empty()) file = {std::filesystem::absolute(options.file), true};
  file.interfaces = host::parse_interfaces(options.interfaces);
  ANABRANCH_TRY(host::run_host(options.interface, std::move(file)));
  return ExitCode::kOk;
}

Result<ExitCode> check(const Options& options) {
  const auto loaded = host::load_settings(options.file);
  if (!loaded) return std::unexpected(loaded.error());
  fmt::print("{}: ok, at most {} paths, EXT_ROUTE is option {}\n", options.file, loaded->max_paths,
             loaded->ext_route_code);
  return ExitCode::kOk;
}

bool running(const std::string& interface) {
  return status::ask(status::socket_path(host::status_role(interface)), "show").has_value();
}

/// Interfaces whose host role answers.
std::vector<std::string> running_interfaces() {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(runtime_directory(), error)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with("host-") || !name.ends_with(".sock")) continue;
    if (auto interface = name.substr(5, name.size() - 10); running(interface))
      out.push_back(std::move(interface));
  }
  return out;
}

std::string text_or(const json& value, const char* fallback) {
  return value.is_string() ? value.get<std::string>() : fallback;
}

/// "on one interface (...why)".
std::string where_paths_live(const json& report) {
  static const std::map<std::string, const char*> kReasons{
      {"default", "nothing speaks against it"},
      {"configured", "as configured"},
      {"wireless", "a wireless station has one Ethernet address only"},
      {"learned", "the network answers one Ethernet address only"},
      {"refused", "the kernel makes no virtual interface here"}};
  const auto found = kReasons.find(report.at("interfaces_reason").get<std::string>());
  return fmt::format("{} ({})",
                     report.at("interfaces").get<std::string>() == "shared"
                         ? "all addresses on the interface itself"
                         : "further ones on virtual interfaces",
                     found == kReasons.end() ? "for a reason unknown here" : found->second);
}

void print_converters(const json& report) {
  for (const auto& one : report.value("converters", json::array())) {
    std::string paths;
    for (const auto& index : one.at("paths"))
      paths += (paths.empty() ? "" : ", ") + std::to_string(index.get<int>());
    fmt::print("converter {}, told on path {}\n", one.at("endpoint").get<std::string>(), paths);
  }
}

void print_paths(const json& report) {
  const auto interface = report.at("interface").get<std::string>();
  const auto support = report.at("support").get<std::string>();
  if (support == "no") {
    fmt::print("{}: the network offers no further paths\n", interface);
    return;
  }
  if (support == "unknown") {
    fmt::print("{}: neither a DHCP server nor a Router Advertisement has told of paths yet\n",
               interface);
    return;
  }
  std::set<int> indices;
  std::vector<std::array<std::string, 7>> rows{
      {"PATH", "ADDRESS", "INTERFACE", "STATE", "ROUTER", "LEASE", "DOMAIN"}};
  for (const auto& path : report.at("paths")) {
    const auto index = path.at("index").get<int>();
    const auto& lease = path.at("lease_s");
    indices.insert(index);
    rows.push_back({std::to_string(index), text_or(path.at("address"), "-"),
                    path.at("interface").get<std::string>(), path.at("state").get<std::string>(),
                    text_or(path.at("router"), "-"),
                    lease.is_null() ? "-" : fmt::format("{} s", lease.get<std::int64_t>()),
                    text_or(path.at("pvd"), "-")});
  }
  fmt::print("{}: {} paths, {}\n", interface, indices.size(), where_paths_live(report));
  std::array<std::size_t, 6> widths{5, 15, 15, 9, 15, 7};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) fmt::print("{:<{}} ", row[i], widths[i]);
    fmt::print("{}\n", row.back());
  }
}

void print_report(const json& report) {
  print_paths(report);
  print_converters(report);
}

/// The socket of the role that is meant: the named one, or the only one.
Result<std::filesystem::path> chosen_socket(const Options& options) {
  auto interface = options.interface;
  if (interface.empty()) {
    const auto all = running_interfaces();
    if (all.empty())
      return fail("no host role is running", {}, "start one: anabranch host run IFACE",
                  ExitCode::kNotRunning);
    if (all.size() > 1) {
      std::string names;
      for (const auto& name : all) names += (names.empty() ? "" : ", ") + name;
      return fail("host roles run on several interfaces", {}, "name one of " + names,
                  ExitCode::kBadInput);
    }
    interface = all.front();
  }
  return status::socket_path(host::status_role(interface));
}

Result<ExitCode> reload(const Options& options) {
  const auto socket = chosen_socket(options);
  if (!socket) return std::unexpected(socket.error());
  return tell_role(*socket, "reload");
}

Result<ExitCode> show(const Options& options) {
  const auto socket = chosen_socket(options);
  if (!socket) return std::unexpected(socket.error());
  const auto answer = status::ask(*socket, "show");
  if (!answer) return std::unexpected(answer.error());
  const auto report = json::parse(*answer, nullptr, false);
  if (report.is_discarded()) return fail("the host role's answer is no JSON");
  if (options.as_json)
    fmt::print("{}\n", report.dump(2));
  else
    print_report(report);
  return ExitCode::kOk;
}

Result<ExitCode> cleanup(const Options& options) {
  std::vector<std::string> interfaces{options.interface};
  if (options.interface.empty()) {
    auto all = host::interfaces_with_remains();
    if (!all) return std::unexpected(all.error());
    interfaces = *std::move(all);
  }
  for (const auto& interface : interfaces) {
    if (running(interface))
      return fail("the host role runs on this interface", interface, "stop it before cleaning up");
    host::release_leases(interface);
    ANABRANCH_TRY(host::clean_up(interface));
    fmt::print("{}: paths removed\n", interface);
  }
  return ExitCode::kOk;
}

}  // namespace

void add_host(CLI::App& app, Outcome& outcome) {
  auto* object = app.add_subcommand("host", "Further paths for a host with one interface");
  const auto options = std::make_shared<Options>();
  const Verbs<Options> verb(*object, options, outcome);
  const auto takes_file = [&](CLI::App* command, const char* what) {
    return command->add_option("-c,--config", options->file, what)->type_name("FILE");
  };
  const auto takes_interface = [&](CLI::App* command, const char* what) {
    return command->add_option("IFACE", options->interface, what)->type_name("");
  };
  auto* run_verb = verb("run", "Learn the network's paths and keep them up until stopped", run);
  takes_interface(run_verb, "The physical interface")->required();
  takes_file(run_verb, "Configuration file; left out: /etc/anabranch/host.toml where there is one");
  run_verb
      ->add_option("--interfaces", options->interfaces,
                   "Where further paths live, whatever the file says: auto, virtual or shared")
      ->type_name("MODE")
      ->check(CLI::IsMember({"auto", "virtual", "shared"}));
  takes_file(verb("check", "Check a configuration file", check), "Configuration file")->required();
  auto* show_verb = verb("show", "Show the paths of a running host role", show);
  takes_interface(show_verb, "Its interface; needed when several run");
  show_verb->add_flag("-j,--json", options->as_json, "JSON instead of a table");
  takes_interface(verb("reload", "Make a running host role read its file again", reload),
                  "Its interface; needed when several run");
  takes_interface(verb("cleanup", "Remove all paths and put every setting back", cleanup),
                  "The interface; all of them when left out");
}

}  // namespace anabranch::cli
