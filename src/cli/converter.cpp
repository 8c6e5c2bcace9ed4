// SPDX-License-Identifier: MIT
// anabranch converter run|check|show|reload|cleanup|drain
#include <fmt/core.h>

#include "cli/commands.hpp"
#include "cli/role_verbs.hpp"
#include "proxy/converter_report.hpp"
#include "proxy/converter_role.hpp"
#include "proxy/converter_settings.hpp"
#include "status/server.hpp"

namespace anabranch::cli {
namespace {

Result<std::string> check(const std::filesystem::path& file) {
  const auto settings = proxy::load_converter_settings(file);
  if (!settings) return std::unexpected(settings.error());
  return fmt::format("{} prefixes of clients, cookie {}, {} rules", settings->clients.size(),
                     settings->cookie_required ? "required" : "off", settings->rules.size());
}

}  // namespace

void add_converter(CLI::App& app, Outcome& outcome) {
  const auto verb =
      add_proxy_role(app,
                     {.name = "converter",
                      .what = "Proxy in the operator's network for endpoints that speak only TCP",
                      .run = "Serve clients until stopped",
                      .show = "Show connections and what became of those before",
                      .start = proxy::run_converter,
                      .check = check,
                      .text = proxy::converter_report_text,
                      .clean_up = proxy::clean_up_converter},
                     outcome);
  verb("drain", "Take no new connections, and end when the last one is over",
       [](const ProxyOptions&) { return tell_role(status::socket_path("converter"), "drain"); });
}

}  // namespace anabranch::cli
