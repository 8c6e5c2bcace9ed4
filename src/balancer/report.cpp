// SPDX-License-Identifier: MIT
#include "balancer/report.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "balancer/next_hops.hpp"
#include "balancer/reasons.hpp"

namespace anabranch::balancer {
namespace {

using nlohmann::json;

json cures_of(const Vip& vip) {
  auto out = json::array();
  if (vip.by_port) out.push_back("port");
  if (vip.by_address) out.push_back("address");
  return out;
}

json vip_json(const Vip& vip, const BalancerView& view) {
  const auto number = view.numbers.at(vip.address);
  const auto& ring = view.contents.rings.at(number);
  auto servers = json::array();
  for (const auto& server : view.settings.servers)
    if (std::ranges::find(vip.servers, server.id) != vip.servers.end())
      servers.push_back(
          {{"name", server.name},
           {"places", std::ranges::count(ring, server.id)},
           {"join_port", vip.by_port ? view.settings.first_join_port + server.id : 0}});
  json packets = json::object();
  if (const auto counts = view.counts.find(number); counts != view.counts.end())
    for (std::size_t i = 0; i < kReasons.size(); ++i)
      packets[std::string(kReasons.at(i).name)] = counts->second.packets[i];
  return {{"address", vip.address.text()},
          {"cures", cures_of(vip)},
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
  return {{"name", server.name},
          {"id", server.id},
          {"weight", server.weight},
          {"forward", server.encapsulates ? "encapsulate" : "ethernet"},
          {"addresses", std::move(addresses)},
          {"packets", traffic.packets},
          {"octets", traffic.octets}};
}

}  // namespace

std::string balancer_report_json(const BalancerView& view) {
  auto vips = json::array();
  for (const auto& vip : view.settings.vips) vips.push_back(vip_json(vip, view));
  auto servers = json::array();
  for (const auto& server : view.settings.servers) servers.push_back(server_json(server, view));
  const json out{{"config", view.file},
                 {"interface", view.settings.interface},
                 {"hook", hook_name(view.settings.hook)},
                 {"vips", std::move(vips)},
                 {"servers", std::move(servers)}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace anabranch::balancer
