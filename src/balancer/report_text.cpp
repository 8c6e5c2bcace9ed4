// SPDX-License-Identifier: MIT
#include "balancer/report_text.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <steering/hash.h>

#include "balancer/reasons.hpp"
#include "base/units.hpp"

namespace anabranch::balancer {
namespace {

using nlohmann::json;

std::string joined(const json& texts) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : ", ") + text.get<std::string>();
  return out.empty() ? "none" : out;
}

std::string vip_text(const json& vip) {
  auto out = fmt::format("\n{}  cures: {}\n", vip.value("address", ""),
                         joined(vip.value("cures", json::array())));
  for (const auto& server : vip.value("servers", json::array())) {
    out += fmt::format("  {:<20} {:5.1f} %", server.value("name", ""),
                       100.0 * server.value("places", 0.0) / STEER_RING_PLACES);
    if (const auto port = server.value("join_port", 0); port != 0)
      out += fmt::format("  join port {}", port);
    out += "\n";
  }
  const auto packets = vip.value("packets", json::object());
  for (const auto& reason : kReasons)
    if (const auto count = packets.value(reason.name, std::uint64_t{0}); count != 0)
      out += fmt::format("  {:<20} {}\n", reason.name, count);
  return out;
}

std::string server_text(const json& server) {
  auto out = fmt::format("{} (id {}, weight {}, {}): {} packets, {}\n", server.value("name", ""),
                         server.value("id", 0), server.value("weight", 0),
                         server.value("forward", ""), server.value("packets", std::uint64_t{0}),
                         octets_text(server.value("octets", std::uint64_t{0})));
  for (const auto& address : server.value("addresses", json::array())) {
    const auto hop = address.value("next_hop", json());
    out += fmt::format("  {} at {}\n", address.value("address", ""),
                       hop.is_string() ? hop.get<std::string>() : "no link address known");
  }
  return out;
}

}  // namespace

Result<std::string> balancer_report_text(const std::string& report) {
  const json view = json::parse(report, nullptr, false);
  if (!view.is_object()) return fail("the balancer's answer is not understood");
  auto out =
      fmt::format("balancer on {} by {}\n", view.value("interface", ""), view.value("hook", ""));
  for (const auto& vip : view.value("vips", json::array())) out += vip_text(vip);
  out += "\n";
  for (const auto& server : view.value("servers", json::array())) out += server_text(server);
  return out;
}

}  // namespace anabranch::balancer
