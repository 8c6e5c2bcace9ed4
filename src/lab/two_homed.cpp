// SPDX-License-Identifier: MIT
#include "lab/two_homed.hpp"

#include <fmt/format.h>

#include "lab/path_manager.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

// The administrator's own numbers: below everything of the registry.
constexpr std::uint32_t kTableBase = 100;
constexpr std::uint32_t kPriorityBase = 500;
constexpr std::uint32_t kMetricBase = 100;
constexpr unsigned kSubflows = 8;

/// Each address is answered for on its own interface only.
const std::map<std::string, std::string> kSeveralInterfaces = {
    {"net/ipv4/conf/all/rp_filter", "0"},
    {"net/ipv4/conf/default/rp_filter", "0"},
    {"net/ipv4/conf/all/arp_ignore", "1"},
    {"net/ipv4/conf/all/arp_announce", "2"}};

IpAddress path_address(unsigned path, unsigned host) {
  return IpAddress::v4((10u << 24) | (path << 16) | host);
}

IpPrefix on_link(unsigned path, unsigned host) {
  return {path_address(path, host), 16};
}

}  // namespace

IpAddress client_address(unsigned path) {
  return path_address(path, 2);
}

std::string client_interface(unsigned path) {
  return fmt::format("c{}", path);
}

std::string path_link(unsigned path, std::string_view suffix) {
  return fmt::format("path{}{}", path, suffix);
}

void add_two_homed(Topology& topology, const TwoHomedOptions& options) {
  Node client{.name = "client" + options.suffix,
              .title = fmt::format("host with {} interfaces", options.paths.size()),
              .sysctls = kSeveralInterfaces,
              .roles = manager_roles()};
  Node server{.name = "server" + options.suffix,
              .title = "server",
              .sysctls = kSeveralInterfaces,
              .mptcp_subflows = kSubflows};
  server.addresses.push_back({"lo", IpPrefix::host(kServerAddress)});
  for (unsigned k = 1; k <= options.paths.size(); ++k) {
    const std::string near = client_interface(k);
    const std::string far = fmt::format("s{}", k);
    const std::uint32_t table = kTableBase + k;
    const IpPrefix anywhere = IpPrefix::any(Family::kIpv4);
    client.addresses.push_back({near, on_link(k, 2)});
    server.addresses.push_back({far, on_link(k, 1)});
    client.routes.push_back({.to = anywhere,
                             .via = path_address(k, 1),
                             .interface = near,
                             .metric = k == options.preferred ? kMetricBase : kMetricBase + k});
    client.routes.push_back({.to = on_link(k, 0), .via = {}, .interface = near, .table = table});
    client.routes.push_back(
        {.to = anywhere, .via = path_address(k, 1), .interface = near, .table = table});
    client.rules.push_back({IpPrefix::host(client_address(k)), table, kPriorityBase + k});
    topology.links.push_back({path_link(k, options.suffix),
                              {client.name, near},
                              {server.name, far},
                              options.paths[k - 1]});
  }
  topology.nodes.push_back(std::move(client));
  topology.nodes.push_back(std::move(server));
}

Topology two_homed_topology(const TwoHomedOptions& options) {
  Topology out;
  add_two_homed(out, options);
  return out;
}

}  // namespace anabranch::lab
