// SPDX-License-Identifier: MIT
#include "lab/single_homed_roles.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "kernel/mptcp_pm.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

/// Its interface on the LAN or cable is up from the beginning.
bool starts_with_the_rest(const Topology& topology, const std::string& node) {
  const auto down = [&](const Endpoint& end) {
    return end.node == node && end.interface == kHostInterface && end.down;
  };
  return std::ranges::none_of(topology.links,
                              [&](const Link& link) { return down(link.a) || down(link.b); }) &&
         std::ranges::none_of(topology.lans,
                              [&](const Lan& lan) { return std::ranges::any_of(lan.ports, down); });
}

/// One for each family in which the server is there.
std::size_t addresses_of_each_path(const Topology& topology) {
  const auto server = std::ranges::find(topology.nodes, "server", &Node::name);
  if (server == topology.nodes.end()) return 1;
  return std::max<std::size_t>(
      1, std::ranges::count(server->addresses, "lo", &InterfaceAddress::interface));
}

}  // namespace

Result<std::vector<HostPath>> host_paths(const Network& network, std::string_view node) {
  const auto answer = network.ask(node, "host-" + std::string(kHostInterface), "show");
  if (!answer) return std::unexpected(answer.error());
  const auto json = nlohmann::json::parse(*answer, nullptr, false);
  if (!json.is_object() || !json.contains("paths")) return fail("the host's status has no paths");
  std::vector<HostPath> out;
  for (const auto& path : json["paths"]) {
    // A path that is still being acquired has no address yet.
    const auto text = [&](const char* key) {
      return path.contains(key) && path[key].is_string() ? path[key].get<std::string>()
                                                         : std::string();
    };
    const auto address = IpAddress::parse(text("address"));
    const auto lease = path.find("lease_s");
    out.push_back({path.value("index", 0u), address.value_or(IpAddress()),
                   address && text("state") == "up",
                   seconds(lease != path.end() && lease->is_number() ? lease->get<long>() : 0)});
  }
  std::ranges::sort(out, {}, &HostPath::index);
  return out;
}

unsigned uplink_count(const Topology& topology) {
  return static_cast<unsigned>(std::ranges::count_if(
      topology.links, [](const Link& link) { return link.profile.has_value(); }));
}

bool has_every_path(const Network& network, std::string_view host) {
  const auto paths = host_paths(network, host);
  const auto& topology = network.topology();
  if (!paths || paths->size() != uplink_count(topology) * addresses_of_each_path(topology))
    return false;
  std::vector<kernel::MptcpEndpoint> endpoints;
  const auto read = network.inside(host, [&]() -> Result<void> {
    auto manager = kernel::MptcpPathManager::open();
    if (!manager) return std::unexpected(manager.error());
    auto all = manager->endpoints();
    if (!all) return std::unexpected(all.error());
    endpoints = *std::move(all);
    return {};
  });
  return read && std::ranges::all_of(*paths, [&](const HostPath& path) {
           return path.up && std::ranges::find(endpoints, path.address,
                                               &kernel::MptcpEndpoint::address) != endpoints.end();
         });
}

GatewayDhcp gateway_dhcp(const Network& network) {
  const auto answer = network.ask("gateway", "gateway", "show");
  const auto json = answer ? nlohmann::json::parse(*answer, nullptr, false) : nlohmann::json();
  if (!json.is_object()) return {};
  return {json.value("/dhcp/state"_json_pointer, "") == "running" ||
              json.value("/dhcp/mode"_json_pointer, "") == "off",
          json.value("/dhcp/pid"_json_pointer, 0)};
}

Result<void> wait_until(const std::string& what, nanoseconds patience,
                        const std::function<bool()>& condition) {
  const auto deadline = MonotonicClock::now() + patience;
  while (!condition()) {
    if (MonotonicClock::now() > deadline)
      return fail(what + " did not come about in " + duration_text(patience));
    pause_briefly();
  }
  return {};
}

Result<nanoseconds> start_single_homed_roles(Network& network) {
  ANABRANCH_TRY(network.start_roles("gateway"));
  ANABRANCH_TRY(wait_until("a gateway with running DHCP", seconds(20),
                           [&] { return gateway_dhcp(network).running; }));
  return start_hosts(network);
}

Result<nanoseconds> start_hosts(Network& network) {
  const auto start = MonotonicClock::now();
  std::vector<std::string> hosts;
  for (const auto& node : network.topology().nodes)
    if (node.name.starts_with("host") && starts_with_the_rest(network.topology(), node.name))
      hosts.push_back(node.name);
  for (const auto& host : hosts) ANABRANCH_TRY(network.start_roles(host));
  ANABRANCH_TRY(wait_until("every path of every host", seconds(30), [&] {
    std::erase_if(hosts, [&](const auto& host) { return has_every_path(network, host); });
    return hosts.empty();
  }));
  return std::chrono::duration_cast<nanoseconds>(MonotonicClock::now() - start);
}

void pause_briefly() {
  ::usleep(20'000);
}

}  // namespace anabranch::lab
