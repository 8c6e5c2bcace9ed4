// SPDX-License-Identifier: MIT
// anabranch cpe run|check|show|reload|cleanup
#include <fmt/core.h>

#include "cli/commands.hpp"
#include "cli/role_verbs.hpp"
#include "proxy/cpe_report.hpp"
#include "proxy/cpe_role.hpp"
#include "proxy/cpe_settings.hpp"

namespace anabranch::cli {
namespace {

Result<std::string> check(const std::filesystem::path& file, bool single) {
  const auto settings = proxy::load_cpe_settings(file, {}, single);
  if (!settings) return std::unexpected(settings.error());
  return fmt::format("converters: {}{}, rules: {}", settings->converters.size(),
                     settings->converters_from_dhcp ? " and those of DHCP" : "",
                     settings->rules.size());
}

}  // namespace

void add_cpe(CLI::App& app, Outcome& outcome) {
  using std::filesystem::path;
  const auto single = std::make_shared<bool>(false);
  add_proxy_role(
      app,
      {.name = "cpe",
       .what = "Proxy in a home gateway or on a device for endpoints that speak only TCP",
       .run = "Take TCP connections until stopped",
       .show = "Show converters, connections and what became of those before",
       .start = [single](const path& file) { return proxy::run_cpe(file, *single); },
       .check = [single](const path& file) { return check(file, *single); },
       .text = proxy::cpe_report_text,
       .clean_up = proxy::clean_up_cpe,
       .more_options =
           [single](CLI::App& command) {
             command.add_flag(
                 "--single", *single,
                 "Take the connections of this machine itself, as [single] in the file does");
           }},
      outcome);
}

}  // namespace anabranch::cli
