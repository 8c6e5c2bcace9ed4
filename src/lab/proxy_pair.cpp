// SPDX-License-Identifier: MIT
#include "lab/proxy_pair.hpp"

#include <map>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "lab/proxy_pair_roles.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

// The administrator's own numbers. His rules come behind the registry's: one that sends the LAN's
// packets to a provider would else be met before the CPE's, which keeps them here.
constexpr std::uint32_t kTableBase = 100;
constexpr std::uint32_t kPriorityBase = 30000;
constexpr std::uint32_t kMetricBase = 100;
constexpr unsigned kSubflows = 8;

/// Speaks only TCP, whatever a program asks for.
const std::map<std::string, std::string> kOnlyTcp = {{"net/mptcp/enabled", "0"}};
const std::map<std::string, std::string> kRouter = {{"net/ipv4/ip_forward", "1"},
                                                    {"net/ipv6/conf/all/forwarding", "1"},
                                                    {"net/ipv4/conf/all/rp_filter", "0"},
                                                    {"net/ipv4/conf/default/rp_filter", "0"}};

IpPrefix prefix(const std::string& text) {
  return IpPrefix::parse(text).value_or(IpPrefix());
}

/// A network with one number in both families, and the addresses in it.
struct Numbers {
  std::string v4;  ///< "172.16.1."
  std::string v6;  ///< "2001:db8:1641::"
  unsigned v4_length = 24;

  IpPrefix at(Family family, unsigned host) const {
    return family == Family::kIpv4 ? prefix(fmt::format("{}{}/{}", v4, host, v4_length))
                                   : prefix(fmt::format("{}{}/64", v6, host));
  }
  IpPrefix network(Family family) const { return at(family, 1).without_host_bits(); }
};

Numbers lan(unsigned k) {
  return {fmt::format("10.{}.0.", k), fmt::format("2001:db8:{}::", k), 16};
}
Numbers access(unsigned k) {
  return {fmt::format("172.16.{}.", k), fmt::format("2001:db8:{}::", 1600 + k)};
}
Numbers backhaul(unsigned k) {
  return {fmt::format("172.20.{}.", k), fmt::format("2001:db8:{}::", 2000 + k)};
}
Numbers to_server(unsigned number) {
  return {fmt::format("172.21.{}.", number), fmt::format("2001:db8:{}::", 2100 + number)};
}
Numbers to_converter() {
  return {"198.18.9.", "2001:db8:1989::"};
}

constexpr Family kFamilies[] = {Family::kIpv4, Family::kIpv6};

void give(Node& node, const std::string& interface, const Numbers& numbers, unsigned host) {
  for (const auto family : kFamilies)
    node.addresses.push_back({interface, numbers.at(family, host)});
}

void route(Node& node, const Numbers& to, const Numbers& over, unsigned next_hop,
           const std::string& interface) {
  for (const auto family : kFamilies)
    node.routes.push_back({to.network(family), over.at(family, next_hop).address(), interface});
}

void default_route(Node& node, const Numbers& over, unsigned next_hop, const std::string& interface,
                   std::uint32_t metric = 0, std::uint32_t table = 0) {
  for (const auto family : kFamilies)
    node.routes.push_back(
        {IpPrefix::any(family), over.at(family, next_hop).address(), interface, metric, table});
}

Node cpe_node(unsigned uplinks) {
  Node cpe{.name = "cpe",
           .title = "home gateway (CPE)",
           .sysctls = kRouter,
           .mptcp_subflows = kSubflows,
           .roles = cpe_roles()};
  for (unsigned k = 1; k <= uplinks; ++k) {
    const auto interface = fmt::format("up{}", k);
    give(cpe, "lan0", lan(k), 1);
    give(cpe, interface, access(k), 1);
    default_route(cpe, access(k), 2, interface, kMetricBase + k);
    default_route(cpe, access(k), 2, interface, 0, kTableBase + k);
    for (const auto family : kFamilies)
      for (const auto& numbers : {lan(k), access(k)})
        cpe.rules.push_back({numbers.network(family), kTableBase + k, kPriorityBase + k});
  }
  return cpe;
}

/// A server that speaks only TCP, at the next of the servers' addresses.
void add_server(Topology& topology, Node& core, const std::string& name, unsigned number,
                std::optional<LinkProfile> profile) {
  const auto link = to_server(number);
  const auto port = fmt::format("srv{}", number);
  Node server{.name = name, .title = "server that speaks only TCP", .sysctls = kOnlyTcp};
  give(core, port, link, 1);
  give(server, "eth0", link, 2);
  default_route(server, link, 1, "eth0");
  for (const auto family : kFamilies) {
    const auto here =
        IpPrefix::host(number == 1 ? server_address(family) : far_server_address(family));
    server.addresses.push_back({"lo", here});
    core.routes.push_back({here, link.at(family, 2).address(), port});
  }
  topology.links.push_back({"core-" + name, {"core", port}, {name, "eth0"}, profile});
  topology.nodes.push_back(std::move(server));
}

}  // namespace

Topology proxy_pair_topology(const std::vector<LinkProfile>& uplinks, nanoseconds far_away) {
  const auto count = static_cast<unsigned>(uplinks.size());
  Topology out;
  Node host{.name = "host", .title = "host that speaks only TCP", .sysctls = kOnlyTcp};
  Node core{.name = "core", .title = "the provider's network", .sysctls = kRouter};
  Node converter{.name = "converter",
                 .title = "converter",
                 .mptcp_subflows = kSubflows,
                 .roles = converter_roles()};

  for (unsigned k = 1; k <= count; ++k) give(host, "eth0", lan(k), 2);
  default_route(host, lan(1), 1, "eth0");
  out.links.push_back({"lan", {"host", "eth0"}, {"cpe", "lan0"}, std::nullopt});
  for (unsigned k = 1; k <= count; ++k) {
    const auto isp = fmt::format("isp{}", k);
    const auto up = fmt::format("up{}", k);
    const auto port = fmt::format("c{}", k);
    Node provider{.name = isp, .title = fmt::format("access network {}", k), .sysctls = kRouter};
    give(provider, "down0", access(k), 2);
    give(provider, "up0", backhaul(k), 1);
    default_route(provider, backhaul(k), 2, "up0");
    route(provider, lan(k), access(k), 1, "down0");
    give(core, port, backhaul(k), 2);
    route(core, lan(k), backhaul(k), 1, port);
    route(core, access(k), backhaul(k), 1, port);
    out.links.push_back({isp, {"cpe", up}, {isp, "down0"}, uplinks[k - 1]});
    out.links.push_back({isp + "-core", {isp, "up0"}, {"core", port}, std::nullopt});
    out.nodes.push_back(std::move(provider));
  }
  give(core, "conv0", to_converter(), 1);
  give(converter, "eth0", to_converter(), 9);
  default_route(converter, to_converter(), 1, "eth0");
  out.links.push_back({"core-converter", {"core", "conv0"}, {"converter", "eth0"}, std::nullopt});
  add_server(out, core, "server", 1, std::nullopt);
  if (far_away.count() > 0) add_server(out, core, "far", 2, LinkProfile{.delay = far_away});

  out.nodes.push_back(std::move(host));
  out.nodes.push_back(cpe_node(count));
  out.nodes.push_back(std::move(core));
  out.nodes.push_back(std::move(converter));
  return out;
}

IpAddress lan_address(unsigned uplink, Family family) {
  return lan(uplink).at(family, 2).address();
}

IpAddress cpe_address(unsigned uplink, Family family) {
  return access(uplink).at(family, 1).address();
}

IpAddress far_server_address(Family family) {
  return Numbers{"198.18.0.", "2001:db8:1980::", 24}.at(family, 2).address();
}

IpAddress converter_address(Family family) {
  return to_converter().at(family, 9).address();
}

std::vector<HostPath> lan_paths(unsigned uplinks, Family family) {
  std::vector<HostPath> out;
  for (unsigned k = 1; k <= uplinks; ++k)
    out.push_back({.index = k, .address = lan_address(k, family), .up = true});
  return out;
}

}  // namespace anabranch::lab
