// SPDX-License-Identifier: MIT
#include "gateway/report.hpp"

#include <nlohmann/json.hpp>

namespace anabranch::gateway {

using Json = nlohmann::ordered_json;

std::string status_json(const Settings& settings, const Plan& plan,
                        const std::vector<nanoseconds>& ages, const Observed& observed,
                        const DhcpReport& dhcp, std::string_view config_file) {
  Json uplinks = Json::array();
  for (std::size_t i = 0; i < settings.uplinks.size(); ++i) {
    const Uplink& uplink = settings.uplinks[i];
    const auto* link = observed.link(uplink.interface);
    Json out = {{"name", uplink.name},
                {"interface", uplink.interface},
                {"index", uplink.index},
                {"source_prefix", uplink.source_prefix.text()},
                {"router", uplink.router.text()},
                {"next_hop", uplink.next_hop.text()},
                {"nat", nat_name(uplink.nat)},
                {"state", path_state_name(plan.paths[i].state)},
                {"why", plan.paths[i].why},
                {"since_s", std::chrono::duration<double>(ages[i]).count()},
                {"sent_octets", link == nullptr ? 0 : link->sent_octets},
                {"received_octets", link == nullptr ? 0 : link->received_octets}};
    if (uplink.external_prefix) out["external_prefix"] = uplink.external_prefix->text();
    if (!uplink.fail_open.empty()) out["fail_open"] = uplink.fail_open;
    uplinks.push_back(std::move(out));
  }
  const Json out = {
      {"lan", {{"interface", settings.lan}, {"problem", plan.lan_problem}}},
      {"count", settings.count()},
      {"uplinks", std::move(uplinks)},
      {"dhcp",
       {{"mode", dhcp_mode_name(settings.dhcp.mode)}, {"state", dhcp.state}, {"pid", dhcp.pid}}},
      {"config", config_file}};
  return out.dump();
}

}  // namespace anabranch::gateway
