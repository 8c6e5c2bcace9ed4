// SPDX-License-Identifier: MIT
#include "gateway/report.hpp"

#include <nlohmann/json.hpp>

#include "base/endpoint.hpp"
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

/// What hosts know of the path.
Json advertised_json(const AdvertiserReport& advertiser, unsigned index) {
  const auto found = advertiser.told.find(index);
  if (found == advertiser.told.end()) return {{"state", "none"}};
  return {{"state", found->second.works ? "advertised" : "withdrawn"},
          {"since_s", std::chrono::duration<double>(found->second.age).count()}};
}

Json pool_json(const AddressRange& pool, const PoolUses& pools, unsigned index) {
  Json out = {{"first", pool.first.text()}, {"last", pool.last.text()}};
  const auto use = pools.find(index);
  if (use == pools.end()) return out;
  out["size"] = use->second.size;
  out["assigned"] = use->second.assigned;
  out["declined"] = use->second.declined;
  return out;
}

Json delegated_json(const Ipv6& ipv6, const PoolUses& prefixes, unsigned index) {
  Json out = {{"prefix", ipv6.delegated->text()}, {"length", ipv6.delegated_length}};
  const auto use = prefixes.find(index);
  if (use == prefixes.end()) return out;
  out["size"] = use->second.size;
  out["assigned"] = use->second.assigned;
  return out;
}

void add_ipv4(Json& out, const Uplink& uplink, const PoolUses& pools) {
  out["source_prefix"] = uplink.source_prefix.text();
  out["router"] = uplink.router.text();
  out["next_hop"] = uplink.next_hop.text();
  out["nat"] = nat_name(uplink.nat);
  out["pool"] = pool_json(uplink.pool, pools, uplink.index);
  if (uplink.external_prefix) out["external_prefix"] = uplink.external_prefix->text();
}

Json ipv6_json(const Ipv6& ipv6, const DhcpReport& dhcp, unsigned index) {
  Json out = {{"source_prefix", ipv6.source_prefix.text()},
              {"router", ipv6.router.text()},
              {"next_hop", ipv6.next_hop.text()},
              {"nat", nat66_name(ipv6.nat)}};
  if (ipv6.external_prefix) out["external_prefix"] = ipv6.external_prefix->text();
  out["pool"] = pool_json(ipv6.pool, dhcp.pools6, index);
  if (ipv6.delegated) out["delegated"] = delegated_json(ipv6, dhcp.prefixes6, index);
  return out;
}

}  // namespace

std::string status_json(const Settings& settings, const Plan& plan,
                        const std::map<std::string, nanoseconds>& ages, const Observed& observed,
                        const DhcpReport& dhcp, const AdvertiserReport& advertiser,
                        std::string_view config_file) {
  Json uplinks = Json::array();
  for (std::size_t i = 0; i < settings.uplinks.size(); ++i) {
    const Uplink& uplink = settings.uplinks[i];
    const auto* link = observed.link(uplink.interface);
    const auto age = ages.find(uplink.name);
    Json out = {
        {"name", uplink.name},
        {"interface", uplink.interface},
        {"index", uplink.index},
        {"state", path_state_name(plan.paths[i].state)},
        {"why", plan.paths[i].why},
        {"since_s", age == ages.end() ? 0 : std::chrono::duration<double>(age->second).count()},
        {"sent_octets", link == nullptr ? 0 : link->sent_octets},
        {"received_octets", link == nullptr ? 0 : link->received_octets}};
    add_probes(uplink, observed, out);
    if (uplink.has_ipv4()) add_ipv4(out, uplink, dhcp.pools);
    if (uplink.ipv6) out["ipv6"] = ipv6_json(*uplink.ipv6, dhcp, uplink.index);
    out["pvd"] = uplink.pvd;
    out["advertised"] = advertised_json(advertiser, uplink.index);
    if (!uplink.fail_open.empty()) out["fail_open"] = uplink.fail_open;
    uplinks.push_back(std::move(out));
  }
  Json held_back = Json::array();
  for (const auto& mac : dhcp.held_back) held_back.push_back(mac.text());
  Json converters = Json::array();
  for (const auto& address : settings.converters.addresses)
    converters.push_back(Endpoint{address, settings.converters.port}.text());
  const Json out = {{"lan", {{"interface", settings.lan}, {"problem", plan.lan_problem}}},
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
                     {{"mode", dhcp_mode_name(settings.dhcp6.mode)},
                      {"state", dhcp.state6},
                      {"pid", dhcp.pid6},
                      {"refused", dhcp.refused6}}},
                    {"converters", std::move(converters)},
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
