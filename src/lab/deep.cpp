// SPDX-License-Identifier: MIT
#include "lab/deep.hpp"

#include <nlohmann/json.hpp>

#include "base/directories.hpp"
#include "lab/single_homed.hpp"
#include "lab/single_homed_roles.hpp"

namespace anabranch::lab {
namespace {

constexpr std::string_view kGateway = R"([lan]
interface = "lan0"
via = "192.0.2.1"
local_prefixes = ["198.51.100.0/24"]

[[uplink]]
name = "isp1"
interface = "up1"
next_hop = "172.16.1.2"
index = 1
source_prefix = "10.1.0.0/16"

[[uplink]]
name = "isp2"
interface = "deep0"
next_hop = "192.0.3.2"
index = 2
source_prefix = "10.2.0.0/16"
nat = "none"

[[uplink]]
name = "isp3"
interface = "deep0"
next_hop = "192.0.3.2"
index = 3
source_prefix = "10.3.0.0/16"
nat = "none"

[dhcp]
mode = "external"
)";

constexpr std::string_view kSecondGateway = R"([lan]
interface = "lan0"
via = "192.0.3.1"

[[uplink]]
name = "isp2"
interface = "up2"
next_hop = "172.16.2.2"
index = 2
source_prefix = "10.2.0.0/16"

[[uplink]]
name = "isp3"
interface = "up3"
next_hop = "172.16.3.2"
index = 3
source_prefix = "10.3.0.0/16"

[dhcp]
mode = "off"
)";

/// In a folder that the packaged AppArmor profile lets Kea read.
constexpr std::string_view kKeaCommand =
    "mkdir -p /run/kea && mount --bind /run/lab /etc/kea && "
    "exec env KEA_LOCKFILE_DIR=none kea-dhcp4 -c /etc/kea/kea-dhcp4.conf";

constexpr std::string_view kDhcpServer = "198.51.100.53";

IpPrefix prefix(const char* text) {
  return IpPrefix::parse(text).value_or(IpPrefix());
}
IpAddress address(const char* text) {
  return IpAddress::parse(text).value_or(IpAddress());
}

Node gateway_node(const std::string& name, const std::string& title, std::string_view toml) {
  Node out{.name = name, .title = title};
  out.roles.push_back(
      {"gateway",
       {"anabranch", "gateway", "run", "-c", std::string(kNodeFiles) + "/gateway.toml"},
       {{"gateway.toml", std::string(toml)}}});
  return out;
}

/// What the gateway prints for a Kea that someone else runs, without leases on disk.
Result<Role> kea_role(const Network& network) {
  const auto printed =
      network.run("gateway", {"anabranch", "gateway", "kea-config", "-c",
                              std::string(kNodeFiles) + "/gateway.toml", "--listen", "s0"});
  if (!printed) return std::unexpected(printed.error());
  auto config = nlohmann::json::parse(printed->output, nullptr, false);
  if (!config.is_object() || !config.contains("Dhcp4"))
    return fail("the gateway prints no configuration for Kea: " + printed->errors);
  config["Dhcp4"]["lease-database"] = {{"type", "memfile"}, {"persist", false}};
  return Role{"kea", {"sh", "-c", std::string(kKeaCommand)}, {{"kea-dhcp4.conf", config.dump()}}};
}

bool log_says(std::string_view node, const std::string& role, std::string_view what) {
  const auto log = read_file(node_directory(node) + "/" + role + ".log");
  return log && log->contains(what);
}

}  // namespace

Topology deep_topology(const std::vector<LinkProfile>& uplinks) {
  Topology out;
  Node host = single_homed_host("host");
  host.title = "host that uses one of its interfaces";
  const Node access{.name = "access",
                    .title = "access router, DHCP relay",
                    .addresses = {{"acc0", prefix("10.1.0.1/16")},
                                  {"acc0", prefix("10.2.0.1/16")},
                                  {"acc0", prefix("10.3.0.1/16")},
                                  {"core0", prefix("192.0.2.1/24")}},
                    .routes = {{IpPrefix::any(Family::kIpv4), address("192.0.2.2"), "core0"}},
                    .sysctls = {{"net/ipv4/ip_forward", "1"}},
                    .roles = {{"relay",
                               {"dhcrelay", "-4", "-d", "--no-pid", "-id", "acc0", "-iu", "core0",
                                std::string(kDhcpServer)},
                               {}}}};
  Node gateway = gateway_node("gateway", "gateway two hops away", kGateway);
  gateway.addresses = {{"lan0", prefix("192.0.2.2/24")},
                       {"deep0", prefix("192.0.3.1/24")},
                       {"srv0", prefix("198.51.100.1/24")}};
  gateway.sysctls = {{"net/ipv4/ip_forward", "1"}};  // to the DHCP server, which is no uplink
  Node second = gateway_node("gateway2", "gateway behind the gateway", kSecondGateway);
  second.addresses = {{"lan0", prefix("192.0.3.2/24")}};
  const Node dhcp{.name = "dhcp",
                  .title = "DHCP server",
                  .addresses = {{"s0", prefix("198.51.100.53/24")}},
                  .routes = {{IpPrefix::any(Family::kIpv4), address("198.51.100.1"), "s0"}}};
  const Node elsewhere{.name = "elsewhere", .title = "a network not used"};
  Node server = single_homed_server();

  out.links = {{"access", {"host", std::string(kHostInterface)}, {"access", "acc0"}, std::nullopt},
               {"unused", {"host", "eth1", std::nullopt, true}, {"elsewhere", "e0"}, std::nullopt},
               {"core", {"access", "core0"}, {"gateway", "lan0"}, std::nullopt},
               {"deep", {"gateway", "deep0"}, {"gateway2", "lan0"}, std::nullopt},
               {"dhcp", {"gateway", "srv0"}, {"dhcp", "s0"}, std::nullopt}};
  out.nodes = {host, elsewhere, access, dhcp};
  add_provider(out, gateway, server, 1, uplinks[0], false);
  add_provider(out, second, server, 2, uplinks[1], false);
  add_provider(out, second, server, 3, uplinks[2], false);
  out.nodes.insert(out.nodes.begin() + 3, {gateway, second});
  out.nodes.push_back(std::move(server));
  return out;
}

Result<nanoseconds> start_deep_roles(Network& network) {
  const auto relay = network.run("access", {"sh", "-c", "command -v dhcrelay"});
  if (!relay) return std::unexpected(relay.error());
  if (relay->exit_code != 0)
    return fail("this scenario needs the DHCP relay dhcrelay, which is not installed", {},
                "install the package isc-dhcp-relay", ExitCode::kNotPermitted);
  for (const auto* gateway : {"gateway", "gateway2"}) {
    ANABRANCH_TRY(network.start_roles(gateway));
    ANABRANCH_TRY(wait_until(std::string(gateway) + " that answers", seconds(20),
                             [&] { return network.ask(gateway, "gateway", "show").has_value(); }));
  }
  const auto kea = kea_role(network);
  if (!kea) return std::unexpected(kea.error());
  ANABRANCH_TRY(network.start_role("dhcp", *kea));
  ANABRANCH_TRY(wait_until("the DHCP server's start", seconds(20),
                           [] { return log_says("dhcp", "kea", "DHCP4_STARTED"); }));
  ANABRANCH_TRY(network.start_roles("access"));
  ANABRANCH_TRY(wait_until("the relay's start", seconds(20),
                           [] { return log_says("access", "relay", "Sending on"); }));
  return start_hosts(network);
}

}  // namespace anabranch::lab
