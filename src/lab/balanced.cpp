// SPDX-License-Identifier: MIT
#include "lab/balanced.hpp"

#include <fmt/format.h>

#include "lab/balanced_roles.hpp"

namespace anabranch::lab {
namespace {

// The administrator's own numbers: below everything of the registry.
constexpr std::uint32_t kSecondTable = 101;
constexpr std::uint32_t kSecondPriority = 500;
constexpr unsigned kSubflows = 4;
constexpr unsigned kRouterHost = 1;
constexpr unsigned kBalancerHost = 2;
constexpr unsigned kFirstServerHost = 10;
constexpr unsigned kServiceHost = 10;
constexpr unsigned kFirstOwnHost = 20;
constexpr Family kFamilies[] = {Family::kIpv4, Family::kIpv6};

const std::map<std::string, std::string> kRouter = {{"net/ipv4/ip_forward", "1"},
                                                    {"net/ipv6/conf/all/forwarding", "1"},
                                                    {"net/ipv4/conf/all/rp_filter", "0"},
                                                    {"net/ipv4/conf/default/rp_filter", "0"}};
/// Nobody but the balancer may seem to have the service's address.
const std::map<std::string, std::string> kQuietAboutTheService = {
    {"net/ipv4/conf/all/rp_filter", "0"},
    {"net/ipv4/conf/default/rp_filter", "0"},
    {"net/ipv4/conf/all/arp_ignore", "1"},
    {"net/ipv4/conf/all/arp_announce", "2"}};

/// One network in both families: of clients' interfaces, of the servers' Ethernet, of the service.
struct Numbers {
  std::string v4;
  std::string v6;

  IpPrefix at(Family family, unsigned host) const {
    const auto text = family == Family::kIpv4 ? fmt::format("{}{}/24", v4, host)
                                              : fmt::format("{}{}/64", v6, host);
    return IpPrefix::parse(text).value_or(IpPrefix());
  }
  IpPrefix network(Family family) const { return at(family, 1).without_host_bits(); }
};

Numbers access(unsigned interface, unsigned client) {
  return {fmt::format("10.{}.{}.", interface, client),
          fmt::format("2001:db8:{}:{}::", interface, client)};
}
Numbers segment() {
  return {"10.9.0.", "2001:db8:9::"};
}
Numbers services() {
  return {"198.51.100.", "2001:db8:10::"};
}

void give(Node& node, const std::string& interface, const Numbers& numbers, unsigned host) {
  for (const auto family : kFamilies)
    node.addresses.push_back({interface, numbers.at(family, host)});
}

void default_route(Node& node, const Numbers& over, const std::string& interface,
                   std::uint32_t table = 0) {
  for (const auto family : kFamilies)
    node.routes.push_back({.to = IpPrefix::any(family),
                           .via = over.at(family, kRouterHost).address(),
                           .interface = interface,
                           .table = table});
}

/// A client with the router's ends of its two cables.
Node add_client(Topology& topology, Node& router, unsigned number) {
  Node client{.name = balanced_client(number),
              .title = "client with two interfaces",
              .sysctls = kQuietAboutTheService,
              .mptcp_subflows = kSubflows};
  for (unsigned interface = 1; interface <= 2; ++interface) {
    const auto name = fmt::format("eth{}", interface - 1);
    const auto port = fmt::format("c{}e{}", number, interface - 1);
    const auto numbers = access(interface, number);
    give(client, name, numbers, 2);
    give(router, port, numbers, kRouterHost);
    default_route(client, numbers, name, interface == 1 ? 0 : kSecondTable);
    topology.links.push_back({fmt::format("{}-{}", client.name, name),
                              {client.name, name},
                              {router.name, port},
                              std::nullopt});
  }
  for (const auto family : kFamilies)
    client.rules.push_back(
        {access(2, number).network(family), kSecondTable, kSecondPriority + number});
  return client;
}

Node server_node(unsigned number, const BalancerFile& file) {
  Node server{.name = balanced_server(number),
              .title = "nginx with the service's address",
              .sysctls = kQuietAboutTheService,
              .mptcp_subflows = kSubflows,
              .roles = {web_server_role(number), agent_role(number, file)}};
  give(server, "eth0", segment(), kFirstServerHost + number);
  for (const auto family : kFamilies)
    for (const auto& address : {service_address(family), own_address(family, number)})
      server.addresses.push_back({"lo", IpPrefix::host(address)});
  default_route(server, segment(), "eth0");
  return server;
}

}  // namespace

Topology balanced_topology(unsigned servers) {
  const BalancerFile file{.weights = std::vector<unsigned>(servers, 1)};
  Topology out;
  Node router{.name = "router", .title = "router", .sysctls = kRouter};
  Node balancer{.name = std::string(kBalancerNode),
                .title = "balancer",
                .sysctls = kQuietAboutTheService,
                .roles = {balancer_role(file)}};
  for (unsigned number = 1; number <= kBalancedClients; ++number)
    out.nodes.push_back(add_client(out, router, number));
  give(router, "servers", segment(), kRouterHost);
  give(balancer, "eth0", segment(), kBalancerHost);
  default_route(balancer, segment(), "eth0");
  for (const auto family : kFamilies)
    router.routes.push_back({.to = services().network(family),
                             .via = balancer_address(family),
                             .interface = "servers"});
  Lan lan{.name = "segment", .ports = {{router.name, "servers"}, {balancer.name, "eth0"}}};
  out.nodes.push_back(std::move(router));
  out.nodes.push_back(std::move(balancer));
  for (unsigned number = 1; number <= servers; ++number) {
    lan.ports.push_back({balanced_server(number), "eth0"});
    out.nodes.push_back(server_node(number, file));
  }
  out.lans.push_back(std::move(lan));
  return out;
}

std::string balanced_client(unsigned number) {
  return fmt::format("client{}", number);
}

std::string balanced_server(unsigned number) {
  return fmt::format("server{}", number);
}

IpAddress service_address(Family family) {
  return services().at(family, kServiceHost).address();
}

IpAddress own_address(Family family, unsigned server) {
  return services().at(family, kFirstOwnHost + server).address();
}

IpAddress segment_address(Family family, unsigned server) {
  return segment().at(family, kFirstServerHost + server).address();
}

IpAddress balancer_address(Family family) {
  return segment().at(family, kBalancerHost).address();
}

IpAddress second_address(Family family, unsigned client) {
  return access(2, client).at(family, 2).address();
}

}  // namespace anabranch::lab
