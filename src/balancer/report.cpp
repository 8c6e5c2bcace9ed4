// SPDX-License-Identifier: MIT
#include "balancer/report.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "balancer/control_report.hpp"
#include "balancer/next_hops.hpp"
#include "balancer/reasons.hpp"
#include "balancer/setting_definitions_health.hpp"

namespace anabranch::balancer {
namespace {

using nlohmann::json;

json cures_of(const Vip& vip) {
  auto out = json::array();
  if (vip.by_port) out.push_back("port");
  if (vip.by_address) out.push_back("address");
  if (vip.by_token) out.push_back("token");
  return out;
}

/// What `show` and `explain` have to say of a server.
json standing_json(const Vip& vip, const Server& server, const BalancerView& view) {
  json out{{"state", standing(view, vip, server)}};
  const auto& starting = view.weights.services;
  if (const auto service = starting.find(vip.address); service != starting.end())
    if (const auto part = service->second.starting.find(server.id);
        part != service->second.starting.end())
      out["part"] = static_cast<double>(part->second) / kWholeWeight;
  const auto found = view.health.find({vip.address, server.id});
  if (found == view.health.end()) return out;
  const auto& health = found->second;
  out["since_s"] = std::chrono::duration<double>(view.now - health.since()).count();
  if (!health.up()) out["trouble"] = health.trouble();
  return out;
}

json vip_json(const Vip& vip, const BalancerView& view) {
  const auto number = view.numbers.at(vip.address);
  const auto places = places_of(view, vip);
  auto servers = json::array();
  for (const auto& server : view.settings.servers) {
    if (std::ranges::find(vip.servers, server.id) == vip.servers.end()) continue;
    auto one = standing_json(vip, server, view);
    one["name"] = server.name;
    one["id"] = server.id;
    one["places"] = places.at(server.id);
    one["join_port"] = vip.by_port ? view.settings.first_join_port + server.id : 0;
    servers.push_back(std::move(one));
  }
  json packets = json::object();
  if (const auto counts = view.counts.find(number); counts != view.counts.end())
    for (std::size_t i = 0; i < kReasons.size(); ++i)
      packets[std::string(kReasons.at(i).name)] = counts->second.packets[i];
  const auto weighed = view.weights.services.find(vip.address);
  return {{"address", vip.address.text()},
          {"number", number},
          {"cures", cures_of(vip)},
          {"check", definition::health::kChecks.at(static_cast<std::size_t>(vip.health.kind))},
          {"panic", weighed != view.weights.services.end() && weighed->second.panic},
          {"servers", std::move(servers)},
          {"packets", std::move(packets)}};
}

json server_json(const Server& server, const BalancerView& view) {
  const auto& entry = view.contents.servers.at(server.id);
  auto addresses = json::array();
  for (const auto& address : server.addresses) {
    if (!address) continue;
    const auto& hop = entry.next_hop[family_index(address->family())];
    addresses.push_back({{"address", address->text()},
                         {"next_hop", hop.interface == 0 ? json() : json(next_hop_text(hop))}});
  }
  const auto found = view.traffic.find(server.id);
  const auto traffic = found == view.traffic.end() ? ::steer_traffic{} : found->second;
  const auto rate = view.rates.of(server.id);
  return {{"name", server.name},
          {"id", server.id},
          {"weight", server.weight},
          {"drained", view.drained.contains(server.name)},
          {"forward", server.encapsulates ? "encapsulate" : "ethernet"},
          {"addresses", std::move(addresses)},
          {"packets", traffic.packets},
          {"octets", traffic.octets},
          {"packets_per_second", rate.packets_per_second},
          {"bits_per_second", rate.rate.bits_per_second}};
}

}  // namespace

std::string_view standing(const BalancerView& view, const Vip& vip, const Server& server) {
  if (view.drained.contains(server.name)) return "drained";
  if (server.weight == 0) return "weightless";
  const auto health = view.health.find({vip.address, server.id});
  const bool checked = health != view.health.end();
  if (checked && health->second.verdict() == Health::Verdict::kUnknown) return "unchecked";
  if (checked && !health->second.up()) return "down";
  const auto service = view.weights.services.find(vip.address);
  return service != view.weights.services.end() && service->second.starting.contains(server.id)
             ? "starting"
             : "up";
}

std::vector<std::size_t> places_of(const BalancerView& view, const Vip& vip) {
  std::vector<std::size_t> out(STEER_MOST_SERVERS);
  for (const auto id : view.contents.rings.at(view.numbers.at(vip.address))) ++out.at(id);
  return out;
}

std::string balancer_report_json(const BalancerView& view) {
  auto vips = json::array();
  for (const auto& vip : view.settings.vips) vips.push_back(vip_json(vip, view));
  auto servers = json::array();
  for (const auto& server : view.settings.servers) servers.push_back(server_json(server, view));
  json out{{"config", view.file},
           {"interface", view.settings.interface},
           {"hook", hook_name(view.settings.hook)},
           {"rings_written", view.rings_written},
           {"vips", std::move(vips)},
           {"servers", std::move(servers)}};
  if (view.control != nullptr) out["control"] = control_json(*view.control);
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace anabranch::balancer
