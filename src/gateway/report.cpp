// SPDX-License-Identifier: MIT
#include "gateway/report.hpp"

#include <nlohmann/json.hpp>

#include "gateway/settings_health.hpp"

namespace anabranch::gateway {

using Json = nlohmann::ordered_json;

namespace {

/// What the probes of an uplink have found out, where it has any.
void add_probes(const Uplink& uplink, const Observed& observed, Json& out) {
  if (uplink.health.probes.empty()) return;
  Json probes = Json::array();
  for (const auto& probe : uplink.health.probes) probes.push_back(probe_text(probe));
  out["probes"] = std::move(probes);
  const auto health = observed.health.find(uplink.name);
  if (health == observed.health.end()) return;
  out["probe_loss"] = health->second.loss;
  if (health->second.rtt)
    out["probe_rtt_s"] = std::chrono::duration<double>(*health->second.rtt).count();
}

Json pool_json(const Uplink& uplink, const PoolUses& pools) {
  Json out = {{"first", uplink.pool.first.text()}, {"last", uplink.pool.last.text()}};
  const auto use = pools.find(uplink.index);
  if (use == pools.end()) return out;
  out["size"] = use->second.size;
  out["assigned"] = use->second.assigned;
  out["declined"] = use->second.declined;
  return out;
}

void add_ipv4(Json& out, const Uplink& uplink, const PoolUses& pools) {
  out["source_prefix"] = uplink.source_prefix.text();
  out["router"] = uplink.router.text();
  out["next_hop"] = uplink.next_hop.text();
  out["nat"] = nat_name(uplink.nat);
  out["pool"] = pool_json(uplink, pools);
  if (uplink.external_prefix) out["external_prefix"] = uplink.external_prefix->text();
}

Json ipv6_json(const Ipv6& ipv6) {
  Json out = {{"source_prefix", ipv6.source_prefix.text()},
              {"router", ipv6.router.text()},
              {"next_hop", ipv6.next_hop.text()},
              {"nat", nat66_name(ipv6.nat)}};
  if (ipv6.external_prefix) out["external_prefix"] = ipv6.external_prefix->text();
  if (ipv6.delegated) out["delegated"] = ipv6.delegated->text();
  return out;
}

}  // namespace

std::string status_json(const Settings& settings, const Plan& plan,
                        const std::vector<nanoseconds>& ages, const Observed& observed,
                        const DhcpReport& dhcp, const AdvertiserReport& advertiser,
                        std::string_view config_file) {
  Json uplinks = Json::array();
  for (std::size_t i = 0; i < settings.uplinks.size(); ++i) {
    const Uplink& uplink = settings.uplinks[i];
    const auto* link = observed.link(uplink.interface);
    Json out = {{"name", uplink.name},
                {"interface", uplink.interface},
                {"index", uplink.index},
                {"state", path_state_name(plan.paths[i].state)},
                {"why", plan.paths[i].why},
                {"since_s", std::chrono::duration<double>(ages[i]).count()},
                {"sent_octets", link == nullptr ? 0 : link->sent_octets},
                {"received_octets", link == nullptr ? 0 : link->received_octets}};
    add_probes(uplink, observed, out);
    if (uplink.has_ipv4()) add_ipv4(out, uplink, dhcp.pools);
    if (uplink.ipv6) out["ipv6"] = ipv6_json(*uplink.ipv6);
    out["pvd"] = uplink.pvd;
    if (!uplink.fail_open.empty()) out["fail_open"] = uplink.fail_open;
    uplinks.push_back(std::move(out));
  }
  Json held_back = Json::array();
  for (const auto& mac : dhcp.held_back) held_back.push_back(mac.text());
  const Json out = {
      {"lan", {{"interface", settings.lan}, {"problem", plan.lan_problem}}},
      {"count", settings.count()},
      {"uplinks", std::move(uplinks)},
      {"dhcp",
       {{"mode", dhcp_mode_name(settings.dhcp.mode)},
        {"state", dhcp.state},
        {"pid", dhcp.pid},
        {"refused", dhcp.refused},
        {"leases_per_mac", settings.dhcp.leases_per_mac},
        {"held_back", std::move(held_back)}}},
      {"dhcp6",
       {{"mode", dhcp_mode_name(settings.dhcp6.mode)}, {"state", dhcp.state6}, {"pid", dhcp.pid6}}},
      {"advertise",
       {{"running", advertiser.running},
        {"sent", advertiser.counts.sent},
        {"failed", advertiser.counts.failed},
        {"solicitations", advertiser.counts.solicitations},
        {"refused", advertiser.counts.refused}}},
      {"config", config_file}};
  return out.dump();
}

}  // namespace anabranch::gateway
