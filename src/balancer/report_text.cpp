// SPDX-License-Identifier: MIT
#include "balancer/report_text.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <steering/hash.h>

#include "balancer/control_report.hpp"
#include "balancer/reasons.hpp"
#include "base/units.hpp"

namespace anabranch::balancer {
namespace {

using nlohmann::json;

constexpr std::int64_t kSecond = nanoseconds(seconds(1)).count();

/// BitRate calls no rate unlimited.
std::string rate_text(double bits_per_second) {
  return bits_per_second < 1 ? "0 bit/s" : BitRate{bits_per_second}.text();
}

std::string joined(const json& texts) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : ", ") + text.get<std::string>();
  return out.empty() ? "none" : out;
}

std::string standing_text(const json& server) {
  auto state = server.value("state", "");
  const auto since = nanoseconds(static_cast<std::int64_t>(server.value("since_s", 0.0)) * kSecond);
  if (state == "down")
    return fmt::format("down for {}: {}", duration_text(since), server.value("trouble", ""));
  if (state == "starting")
    return fmt::format("starting, at {:.0f} % of its weight", 100 * server.value("part", 1.0));
  if (state == "unchecked") return "not checked yet";
  if (state == "weightless") return "weight 0";
  if (state == "up" && server.contains("since_s")) return "up for " + duration_text(since);
  return state;
}

std::string vip_text(const json& vip) {
  auto out = fmt::format("\n{}  cures: {}  check: {}\n", vip.value("address", ""),
                         joined(vip.value("cures", json::array())), vip.value("check", "none"));
  if (vip.value("panic", false)) out += "  ALL SERVERS ARE DOWN, and all get connections\n";
  for (const auto& server : vip.value("servers", json::array())) {
    out += fmt::format("  {:<20} {:5.1f} %", server.value("name", ""),
                       100.0 * server.value("places", 0.0) / STEER_RING_PLACES);
    if (const auto port = server.value("join_port", 0); port != 0)
      out += fmt::format("  join port {}", port);
    out += "  " + standing_text(server) + "\n";
  }
  const auto packets = vip.value("packets", json::object());
  for (const auto& reason : kReasons)
    if (const auto count = packets.value(reason.name, std::uint64_t{0}); count != 0)
      out += fmt::format("  {:<20} {}\n", reason.name, count);
  return out;
}

std::string server_text(const json& server) {
  auto out = fmt::format(
      "{} (id {}, weight {}, {}{}): {} packets, {}; now {:.0f} packets/s, {}\n",
      server.value("name", ""), server.value("id", 0), server.value("weight", 0),
      server.value("forward", ""), server.value("drained", false) ? ", drained" : "",
      server.value("packets", std::uint64_t{0}),
      octets_text(server.value("octets", std::uint64_t{0})),
      server.value("packets_per_second", 0.0), rate_text(server.value("bits_per_second", 0.0)));
  for (const auto& address : server.value("addresses", json::array())) {
    const auto hop = address.value("next_hop", json());
    out += fmt::format("  {} at {}\n", address.value("address", ""),
                       hop.is_string() ? hop.get<std::string>() : "no link address known");
  }
  return out;
}

}  // namespace

AbsentServers absent_servers(const std::string& report, std::uint32_t service) {
  const json view = json::parse(report, nullptr, false);
  AbsentServers out;
  if (!view.is_object()) return out;
  for (const auto& vip : view.value("vips", json::array())) {
    if (vip.value("number", STEER_MOST_SERVICES) != static_cast<int>(service)) continue;
    for (const auto& server : vip.value("servers", json::array()))
      if (const auto state = server.value("state", ""); state != "up" && state != "unchecked")
        out.emplace(server.value("id", 0U), standing_text(server));
  }
  return out;
}

Result<std::string> balancer_report_text(const std::string& report) {
  const json view = json::parse(report, nullptr, false);
  if (!view.is_object()) return fail("the balancer's answer is not understood");
  auto out =
      fmt::format("balancer on {} by {}\n", view.value("interface", ""), view.value("hook", ""));
  for (const auto& vip : view.value("vips", json::array())) out += vip_text(vip);
  out += "\n";
  for (const auto& server : view.value("servers", json::array())) out += server_text(server);
  out += control_text(view.value("control", json()));
  return out;
}

}  // namespace anabranch::balancer
