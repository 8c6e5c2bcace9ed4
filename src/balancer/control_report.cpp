// SPDX-License-Identifier: MIT
#include "balancer/control_report.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace anabranch::balancer {
namespace {

using nlohmann::json;

}  // namespace

json control_json(const ControlListener& control) {
  auto listens = json::array();
  for (const auto& endpoint : control.endpoints()) listens.push_back(endpoint.text());
  auto servers = json::array();
  for (const auto& [id, server] : control.servers())
    servers.push_back({{"name", server.name},
                       {"id", id},
                       {"connected", server.is_connected},
                       {"tokens", server.tokens},
                       {"connections", server.state.connections},
                       {"serving", server.state.serving}});
  const auto counts = control.counts();
  return {{"listen", std::move(listens)},
          {"servers", std::move(servers)},
          {"counts",
           {{"opened", counts.connections},
            {"bad-macs", counts.bad_macs},
            {"malformed", counts.malformed},
            {"refused", counts.refused},
            {"timeouts", counts.timeouts},
            {"slow", counts.slow},
            {"crowded-out", counts.crowded_out},
            {"refused-tokens", counts.refused_tokens}}}};
}

std::string control_text(const json& control) {
  if (!control.is_object()) return {};
  std::string out = "\ncontrol channel on";
  for (const auto& endpoint : control.value("listen", json::array()))
    out += " " + endpoint.get<std::string>();
  out += "\n";
  for (const auto& server : control.value("servers", json::array())) {
    out += fmt::format("  {:<20} ", server.value("name", ""));
    if (!server.value("connected", false))
      out += "not connected";
    else
      out += fmt::format("{} connections{}", server.value("connections", std::uint64_t{0}),
                         server.value("serving", true) ? "" : ", wants no new ones");
    out += fmt::format(", {} tokens\n", server.value("tokens", std::uint64_t{0}));
  }
  const auto counts = control.value("counts", json::object());
  for (const auto& [name, count] : counts.items())
    if (count != 0) out += fmt::format("  {:<20} {}\n", name, count.get<std::uint64_t>());
  return out;
}

}  // namespace anabranch::balancer
