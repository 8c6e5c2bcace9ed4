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

Result<std::string> check(const std::filesystem::path& file) {
  const auto settings = proxy::load_cpe_settings(file);
  if (!settings) return std::unexpected(settings.error());
  return fmt::format("converters: {}{}, rules: {}", settings->converters.size(),
                     settings->converters_from_dhcp ? " and those of DHCP" : "",
                     settings->rules.size());
}

}  // namespace

void add_cpe(CLI::App& app, Outcome& outcome) {
  add_proxy_role(app,
                 {.name = "cpe",
                  .what = "Proxy in a home gateway for endpoints that speak only TCP",
                  .run = "Take the TCP connections of LAN hosts until stopped",
                  .show = "Show converters, connections and what became of those before",
                  .start = proxy::run_cpe,
                  .check = check,
                  .text = proxy::cpe_report_text,
                  .clean_up = proxy::clean_up_cpe},
                 outcome);
}

}  // namespace anabranch::cli
