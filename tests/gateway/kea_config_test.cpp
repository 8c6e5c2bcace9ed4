// SPDX-License-Identifier: MIT
// What Kea makes of these expressions is asked of Kea itself in tests/scenario/gateway_dhcp.py.
#include "gateway/kea_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gateway/kea_log.hpp"

namespace anabranch::gateway {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

Settings two_uplinks(std::string_view second_prefix = "10.2.0.0/16", std::string_view more = {}) {
  auto out = parse(
      "[lan]\ninterface = \"lan0\"\n[[uplink]]\nname = \"isp1\"\ninterface = \"up1\"\nnext_hop = "
      "\"172.16.1.2\"\n"
      "index = 1\nsource_prefix = \"10.1.0.0/16\"\n[[uplink]]\nname = \"isp2\"\ninterface = "
      "\"up2\"\n"
      "next_hop = \"172.16.2.2\"\nindex = 3\nsource_prefix = \"" +
          std::string(second_prefix) + "\"\n" + std::string(more),
      "g.toml");
  EXPECT_TRUE(out) << out.error().text();
  return *std::move(out);
}

json server(const Settings& settings, const std::set<unsigned>& down = {}) {
  return json::parse(kea_config(settings, {down, {}}, own_kea_places(settings)))["Dhcp4"];
}

std::string test_of(const json& config, std::string_view name) {
  for (const auto& entry : config["client-classes"])
    if (entry["name"] == name) return entry["test"];
  return {};
}

TEST(KeaConfig, ListensOnOneAddressOfTheLan) {
  EXPECT_EQ(server(two_uplinks())["interfaces-config"]["interfaces"], json({"lan0/10.1.0.1"}));
}

TEST(KeaConfig, EveryPathHasItsGuardedSubnetRouterAndExtRoute) {
  const json subnets = server(two_uplinks())["shared-networks"][0]["subnet4"];
  EXPECT_EQ(subnets[1]["subnet"], "10.2.0.0/16");
  EXPECT_EQ(subnets[1]["client-class"], "path-3");
  EXPECT_EQ(subnets[1]["pools"][0]["pool"], "10.2.16.0-10.2.255.250");
  EXPECT_EQ(subnets[1]["option-data"][0]["data"], "10.2.0.1");
  const json& ext_route = subnets[1]["option-data"][1];
  EXPECT_EQ(ext_route["data"], "0303") << "index, then count: the highest index";
  EXPECT_EQ(ext_route["always-send"], true);
  EXPECT_EQ(subnets[0]["option-data"][1]["data"], "0103");
}

TEST(KeaConfig, IndexIsTheFirstOctetOfAnOptionOfOneOrTwo) {
  const json config = server(two_uplinks());
  EXPECT_THAT(test_of(config, "path-3"), HasSubstr("substring(option[224].hex,0,1) == 0x03"));
  EXPECT_THAT(test_of(config, "names-no-path"),
              HasSubstr("not (substring(option[224].hex,2,1) == '')"))
      << "of another length it is ignored";
  EXPECT_EQ(test_of(config, "names-a-path"), "not member('names-no-path')");
}

TEST(KeaConfig, WhoNamesNoPathIsLetIntoTheBaseAndWithAnAddressIntoAll) {
  const json config = server(two_uplinks());
  EXPECT_THAT(test_of(config, "path-1"), HasSubstr("or member('names-no-path')"));
  EXPECT_THAT(test_of(config, "path-3"), HasSubstr("or member('has-an-address')"));
  const json subnets = config["shared-networks"][0]["subnet4"];
  EXPECT_EQ(subnets[0]["client-class"], "path-1") << "Kea takes the first that lets them in";
}

TEST(KeaConfig, WhoNamesAPathThatThereIsNotIsRefused) {
  const json subnets = server(two_uplinks())["shared-networks"][0]["subnet4"];
  EXPECT_EQ(subnets[2]["client-class"], "names-a-path") << "the last one, and without a pool";
  EXPECT_FALSE(subnets[2].contains("pools"));
}

TEST(KeaConfig, APathThatIsDownGivesNoLeases) {
  EXPECT_EQ(test_of(server(two_uplinks(), {3}), "path-3"), "'down' == 'up'");
  EXPECT_EQ(server(two_uplinks(), {3})["shared-networks"][0]["subnet4"].size(), 3u)
      << "leases keep their subnet";
  EXPECT_EQ(
      server(two_uplinks(), {3})["shared-networks"][0]["subnet4"][0]["option-data"][1]["data"],
      "0103")
      << "health does not change the count";
}

TEST(KeaConfig, TheBaseThatIsDownStillServesClientsThatNameNoPath) {
  const std::string test = test_of(server(two_uplinks(), {1}), "path-1");
  EXPECT_EQ(test, "member('names-no-path')");
}

TEST(KeaConfig, OptionCodeIsConfigurable) {
  const auto text = kea_config(two_uplinks("10.2.0.0/16", "[dhcp]\next_route_code = 230\n"), {},
                               {"lan0", "", ""});
  EXPECT_THAT(text, HasSubstr("option[230].hex"));
  EXPECT_THAT(text, Not(HasSubstr("option[224]")));
}

TEST(KeaConfig, ConvertersAreOptionsForThoseWhoAskForThem) {
  const json config = server(two_uplinks(
      "10.2.0.0/16", "[converters]\naddresses = [\"198.18.9.9\", \"198.18.9.8\"]\nport = 443\n"));
  EXPECT_EQ(config["option-def"][1],
            json({{"name", "converters"}, {"code", 226}, {"type", "binary"}, {"space", "dhcp4"}}));
  EXPECT_EQ(config["option-def"][2]["code"], 227);
  EXPECT_EQ(config["option-data"],
            json::parse(
                R"([{"name":"converters","csv-format":false,"data":"08c6120909c6120908"},
              {"name":"converter-port","csv-format":false,"data":"01bb"}])"));
  const json without = server(two_uplinks());
  EXPECT_EQ(without["option-def"].size(), 1u);
  EXPECT_FALSE(without.contains("option-data"));
}

TEST(KeaConfig, LeaseDatabaseIsPassedThrough) {
  const json config =
      server(two_uplinks("10.2.0.0/16",
                         "[dhcp.lease_database]\ntype = \"postgresql\"\nname = \"leases\"\n"
                         "host = \"db1\"\nuser = \"kea\"\npassword = \"secret\"\n"));
  EXPECT_EQ(config["lease-database"], json({{"type", "postgresql"},
                                            {"name", "leases"},
                                            {"host", "db1"},
                                            {"user", "kea"},
                                            {"password", "secret"}}));
}

TEST(KeaConfig, AServerOfSomeoneElseKeepsItsSocketAndLog) {
  const json config =
      json::parse(kea_config(two_uplinks(), {}, {"eth0/10.1.0.5", "", ""}))["Dhcp4"];
  EXPECT_FALSE(config.contains("control-socket"));
  EXPECT_FALSE(config.contains("loggers"));
  EXPECT_EQ(config["shared-networks"][0]["interface"], "eth0");
}

TEST(KeaConfig, ClientsBehindARouterAreToldByTheirRelays) {
  auto settings = two_uplinks();
  settings.routed = true;
  settings.dhcp.relays = {IpAddress::parse("10.1.0.1").value()};
  const json config = server(settings);
  EXPECT_EQ(config["interfaces-config"]["dhcp-socket-type"], "udp");
  EXPECT_EQ(config["interfaces-config"]["interfaces"], json({"lan0"}));
  const json& network = config["shared-networks"][0];
  EXPECT_EQ(network["relay"]["ip-addresses"], json({"10.1.0.1"}));
  EXPECT_FALSE(network.contains("interface"));
}

TEST(KeaConfig, TheLanMayHaveRelaysToo) {
  const json config = server(two_uplinks("10.2.0.0/16", "[dhcp]\nrelays = [\"192.0.2.9\"]\n"));
  EXPECT_EQ(config["interfaces-config"]["dhcp-socket-type"], "raw");
  EXPECT_EQ(config["shared-networks"][0]["interface"], "lan0");
  EXPECT_EQ(config["shared-networks"][0]["relay"]["ip-addresses"], json({"192.0.2.9"}));
}

TEST(KeaConfig, AHardwareAddressThatIsHeldBackMayRenewAndNothingElse) {
  const auto settings = two_uplinks();
  const KeaRefusals refusals{{}, {MacAddress{{2, 0, 0, 0, 0, 9}}, MacAddress{{2, 0, 0, 0, 0, 10}}}};
  const json config =
      json::parse(kea_config(settings, refusals, own_kea_places(settings)))["Dhcp4"];
  EXPECT_EQ(
      test_of(config, "DROP"),
      "pkt4.ciaddr == 0.0.0.0 and (pkt4.mac == 0x020000000009 or pkt4.mac == 0x02000000000a)");
  EXPECT_EQ(test_of(server(settings), "DROP"), "");
}

TEST(KeaLog, ALeaseNamesItsHardwareAddress) {
  const auto lease = given_lease(parse_kea_line(
      "INFO DHCP4_LEASE_ALLOC [hwtype=1 5a:32:cf:ee:32:e3], cid=[ff:00:01], tid=0x1002: lease "
      "10.64.16.0 has been allocated for 600 seconds"));
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->mac.text(), "5a:32:cf:ee:32:e3");
  EXPECT_EQ(lease->address.text(), "10.64.16.0");
  EXPECT_EQ(lease->lifetime, seconds(600));
  EXPECT_FALSE(given_lease(parse_kea_line("INFO DHCP4_LEASE_ADVERT [hwtype=1 5a:32:cf:ee:32:e3]")));
  EXPECT_FALSE(given_lease(parse_kea_line("INFO DHCP4_LEASE_ALLOC [hwtype=6 01], cid: lease x")));
}

TEST(KeaLog, AClientThatAsksForAPathThereIsNotIsNoExhaustedPool) {
  const auto none = parse_kea_line(
      "WARN ALLOC_ENGINE_V4_ALLOC_FAIL_SHARED_NETWORK [x]: failed to allocate an IPv4 address in "
      "the shared network lan: 0 subnets have no available addresses, 3 subnets have no matching "
      "pools");
  EXPECT_TRUE(tells_of_no_path(none));
  const auto full = parse_kea_line(
      "WARN ALLOC_ENGINE_V4_ALLOC_FAIL_SHARED_NETWORK [x]: failed to allocate an IPv4 address in "
      "the shared network lan: 1 subnets have no available addresses, 2 subnets have no matching "
      "pools");
  EXPECT_TRUE(tells_of_no_address(full));
  EXPECT_FALSE(tells_of_no_path(full));
}

TEST(KeaLog, TellsThatDhcpv6HasNothingLeft) {
  const auto full = parse_kea_line(
      "WARN ALLOC_ENGINE_V6_ALLOC_FAIL_SHARED_NETWORK duid=[00:04], tid=0x1: failed to allocate a "
      "lease in the shared network lan: 1 subnets have no available leases, 0 subnets have no "
      "matching pools");
  EXPECT_TRUE(tells_of_no_address(full));
  EXPECT_FALSE(tells_of_no_path(full));
  const auto none = parse_kea_line(
      "WARN ALLOC_ENGINE_V6_ALLOC_FAIL_SHARED_NETWORK duid=[00:04], tid=0x1: failed to allocate a "
      "lease in the shared network lan: 0 subnets have no available leases, 3 subnets have no "
      "matching pools");
  EXPECT_TRUE(tells_of_no_path(none));
  EXPECT_TRUE(tells_of_lease6(parse_kea_line("INFO DHCP6_PD_LEASE_ALLOC duid=[00:04]: lease")));
  EXPECT_FALSE(tells_of_lease6(full));
}

TEST(KeaLog, BothFormsOfALineAreUnderstood) {
  const auto ours = parse_kea_line("WARN DHCP4_THING something is odd");
  EXPECT_EQ(ours.level, log::Level::kWarning);
  EXPECT_EQ(ours.text, "DHCP4_THING something is odd");
  EXPECT_EQ(ours.message_id, "DHCP4_THING");
  const auto early = parse_kea_line(
      "2026-01-02 03:04:05.678 ERROR [kea-dhcp4.dhcp4/77.123] DHCP4_INIT_FAIL no file");
  EXPECT_EQ(early.level, log::Level::kError);
  EXPECT_EQ(early.text, "DHCP4_INIT_FAIL no file");
  EXPECT_EQ(early.message_id, "DHCP4_INIT_FAIL");
  EXPECT_EQ(parse_kea_line("no severity here at all").text, "no severity here at all");
}

}  // namespace
}  // namespace anabranch::gateway
