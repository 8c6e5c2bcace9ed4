// SPDX-License-Identifier: MIT
#include "lab/single_homed.hpp"

#include <fmt/format.h>

#include "lab/network.hpp"

namespace anabranch::lab {
namespace {

constexpr std::string_view kDhcpScript = R"(#!/bin/sh
# The ordinary DHCP client's script: address and default route of the one physical interface.
case "$1" in
  deconfig)
    ip -4 address flush dev "$interface"
    ip link set "$interface" up ;;
  bound | renew)
    ip address replace "$ip/$mask" dev "$interface"
    ip route replace default via "$router" dev "$interface" congctl cubic ;;
esac
)";

IpPrefix prefix(const std::string& text) {
  return IpPrefix::parse(text).value_or(IpPrefix());
}
IpAddress address(const std::string& text) {
  return IpAddress::parse(text).value_or(IpAddress());
}

bool has_ipv4(Families families) {
  return families != Families::kIpv6;
}
bool has_ipv6(Families families) {
  return families != Families::kIpv4;
}

std::string uplink_toml(const SingleHomedOptions& options, unsigned k) {
  auto out =
      fmt::format("\n[[uplink]]\nname = \"isp{0}\"\ninterface = \"up{0}\"\nindex = {0}\n", k);
  if (has_ipv4(options.families))
    out += fmt::format(
        "next_hop = \"172.16.{0}.2\"\nsource_prefix = \"10.{0}.0.0/16\"\nnat = \"{1}\"\n", k,
        options.nat);
  if (k == 1 && !options.fail_open.empty())
    out += fmt::format("fail_open = \"{}\"\n", options.fail_open);
  if (has_ipv6(options.families))
    out += fmt::format(
        "pvd = \"isp{0}.example.org\"\n[uplink.ipv6]\nsource_prefix = \"2001:db8:{0}::/64\"\n"
        "next_hop = \"2001:db8:{1}::2\"\n",
        k, 1600 + k);
  if (options.probes)
    out += fmt::format("[uplink.health]\nprobes = [\"icmp:{}\"]\n",
                       has_ipv4(options.families) ? kServerAddress.text() : kServerAddress6.text());
  return out;
}

std::string gateway_toml(const SingleHomedOptions& options) {
  std::string out = "[lan]\ninterface = \"lan0\"\n";
  for (unsigned k = 1; k <= options.uplinks.size(); ++k) out += uplink_toml(options, k);
  out += has_ipv4(options.families)
             ? fmt::format("\n[dhcp]\nlease_time = \"{}\"\n", options.lease_time)
             : "\n[dhcp]\nmode = \"off\"\n";
  return out;
}

/// Of the link between two routers: `network` is its number, the end towards the host has 1.
IpPrefix end_of_link(unsigned network, unsigned end) {
  return prefix(fmt::format("2001:db8:{}::{}/64", network, end));
}

}  // namespace

std::string host_name(unsigned number, unsigned hosts) {
  return hosts == 1 ? "host" : "host" + std::to_string(number);
}

unsigned path_of(const IpAddress& local, const IpAddress& remote) {
  for (const auto& candidate : {local, remote}) {
    if (!candidate.is_v4()) continue;
    const auto octets = candidate.octets();
    if (octets[0] == 10) return octets[1];
    if (octets[0] == 172 && octets[1] == 16) return octets[2];
  }
  for (const auto& candidate : {local, remote}) {
    if (candidate.is_v4()) continue;
    // 2001:db8:k::/64 of the hosts
    const auto octets = candidate.octets();
    if (octets[0] == 0x20 && octets[2] == 0x0d && octets[3] == 0xb8 && octets[4] == 0 &&
        octets[5] != 0)
      return octets[5];
  }
  return 0;
}

const IpAddress& server_address(Family family) {
  return family == Family::kIpv4 ? kServerAddress : kServerAddress6;
}

Node single_homed_host(const std::string& name, Families families) {
  const std::string files(kNodeFiles);
  const std::string interface(kHostInterface);
  Node node{.name = name, .title = "host with one interface"};
  if (has_ipv4(families))
    node.roles.push_back(
        {"udhcpc",
         {"udhcpc", "-f", "-i", interface, "-s", files + "/udhcpc.sh", "-t", "20", "-T", "1"},
         {{"udhcpc.sh", std::string(kDhcpScript)}}});
  node.roles.push_back({"host", {"anabranch", "host", "run", interface}, {}});
  return node;
}

Node single_homed_server(Families families) {
  Node server{.name = "server", .title = "server", .mptcp_subflows = 8};
  if (has_ipv4(families)) server.addresses.push_back({"lo", IpPrefix::host(kServerAddress)});
  if (has_ipv6(families)) server.addresses.push_back({"lo", IpPrefix::host(kServerAddress6)});
  return server;
}

namespace {

/// IPv6 of what add_provider() adds: an address at each end, the way to the server and back.
void add_ipv6(Node& gateway, Node& provider, Node& server, unsigned k) {
  const unsigned inner = 1600 + k;
  const unsigned outer = 2000 + k;
  const auto hosts = prefix(fmt::format("2001:db8:{}::/64", k));
  gateway.addresses.push_back({fmt::format("up{}", k), end_of_link(inner, 1)});
  provider.addresses.push_back({"down0", end_of_link(inner, 2)});
  provider.addresses.push_back({"up0", end_of_link(outer, 1)});
  provider.routes.push_back(
      {IpPrefix::host(kServerAddress6), end_of_link(outer, 2).address(), "up0"});
  provider.routes.push_back({hosts, end_of_link(inner, 1).address(), "down0"});
  provider.sysctls["net/ipv6/conf/all/forwarding"] = "1";
  const auto port = fmt::format("s{}", k);
  server.addresses.push_back({port, end_of_link(outer, 2)});
  for (const auto& customers : {hosts, end_of_link(inner, 0)})
    server.routes.push_back({customers.without_host_bits(), end_of_link(outer, 1).address(), port});
}

}  // namespace

void add_provider(Topology& topology, Node& gateway, Node& server, unsigned k,
                  const LinkProfile& profile, bool knows_hosts, Families families) {
  const std::string isp = fmt::format("isp{}", k);
  const std::string uplink = fmt::format("up{}", k);
  const std::string port = fmt::format("s{}", k);
  gateway.addresses.push_back({uplink, prefix(fmt::format("172.16.{}.1/24", k))});
  Node provider{.name = isp, .title = fmt::format("provider {}", k)};
  provider.addresses = {{"down0", prefix(fmt::format("172.16.{}.2/24", k))},
                        {"up0", prefix(fmt::format("172.20.{}.1/24", k))}};
  provider.routes = {
      {IpPrefix::host(kServerAddress), address(fmt::format("172.20.{}.2", k)), "up0"}};
  if (knows_hosts)
    provider.routes.push_back(
        {prefix(fmt::format("10.{}.0.0/16", k)), address(fmt::format("172.16.{}.1", k)), "down0"});
  provider.sysctls = {{"net/ipv4/ip_forward", "1"}};
  server.addresses.push_back({port, prefix(fmt::format("172.20.{}.2/24", k))});
  for (const auto& customers : {fmt::format("172.16.{}.0/24", k), fmt::format("10.{}.0.0/16", k)})
    server.routes.push_back({prefix(customers), address(fmt::format("172.20.{}.1", k)), port});
  if (has_ipv6(families)) add_ipv6(gateway, provider, server, k);
  topology.links.push_back({isp, {gateway.name, uplink}, {isp, "down0"}, profile});
  topology.links.push_back({isp + "-server", {isp, "up0"}, {"server", port}, std::nullopt});
  topology.nodes.push_back(std::move(provider));
}

Topology single_homed_topology(const SingleHomedOptions& options) {
  Topology out;
  Node gateway{.name = "gateway",
               .title = fmt::format("gateway with {} uplinks", options.uplinks.size())};
  gateway.roles.push_back(
      {"gateway",
       {"anabranch", "gateway", "run", "-c", std::string(kNodeFiles) + "/gateway.toml"},
       {{"gateway.toml", gateway_toml(options)}}});
  Node server = single_homed_server(options.families);

  Lan lan{"lan", {{"gateway", "lan0"}}};
  for (unsigned i = 1; i <= options.hosts; ++i) {
    const std::string name = host_name(i, options.hosts);
    out.nodes.push_back(single_homed_host(name, options.families));
    lan.ports.push_back({name, std::string(kHostInterface)});
  }
  if (options.twin) {
    lan.ports[1].mac = kTwinMac;
    lan.ports.back().mac = kTwinMac;
    lan.ports.back().down = true;
  }
  if (options.hosts == 1)
    out.links.push_back({"lan", lan.ports[1], lan.ports[0], std::nullopt});
  else
    out.lans.push_back(lan);

  for (unsigned k = 1; k <= options.uplinks.size(); ++k)
    add_provider(out, gateway, server, k, options.uplinks[k - 1], options.nat == "none",
                 options.families);
  out.nodes.insert(out.nodes.begin() + options.hosts, std::move(gateway));
  out.nodes.push_back(std::move(server));
  return out;
}

}  // namespace anabranch::lab
