// SPDX-License-Identifier: MIT
// What Kea makes of these expressions is asked of Kea itself in tests/scenario/gateway_ipv6.py.
#include "gateway/kea6_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace anabranch::gateway {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

Settings three_uplinks(std::string_view more = {}) {
  auto out = parse(
      "[lan]\ninterface = \"lan0\"\n"
      "[[uplink]]\nname = \"isp1\"\ninterface = \"up1\"\nindex = 1\nnext_hop = \"172.16.1.2\"\n"
      "source_prefix = \"10.1.0.0/16\"\n"
      "[[uplink]]\nname = \"isp2\"\ninterface = \"up2\"\nindex = 2\ndns = [\"2001:db8:53::2\"]\n"
      "[uplink.ipv6]\nsource_prefix = \"2001:db8:2::/64\"\nnext_hop = \"fe80::2\"\n"
      "delegated = \"2001:db8:8000::/40\"\ndelegated_length = 56\n"
      "[[uplink]]\nname = \"isp5\"\ninterface = \"up5\"\nindex = 5\n"
      "[uplink.ipv6]\nsource_prefix = \"2001:db8:5::/64\"\nnext_hop = \"fe80::5\"\n"
      "[dhcp6]\nmode = \"kea\"\n" +
          std::string(more),
      "g.toml");
  EXPECT_TRUE(out) << out.error().text();
  return *std::move(out);
}

json server(const Settings& settings, const std::set<unsigned>& down = {}) {
  return json::parse(kea6_config(settings, {down, {}}, own_kea6_places(settings)))["Dhcp6"];
}

std::string test_of(const json& config, std::string_view name) {
  for (const auto& entry : config["client-classes"])
    if (entry["name"] == name) return entry["test"];
  return {};
}

json option_of(const json& subnet, std::string_view name) {
  for (const auto& option : subnet["option-data"])
    if (option["name"] == name) return option;
  return {};
}

TEST(Kea6Config, EveryPathWithIpv6HasItsGuardedSubnet) {
  const json subnets = server(three_uplinks())["shared-networks"][0]["subnet6"];
  ASSERT_EQ(subnets.size(), 2u) << "the first uplink has IPv4 alone";
  EXPECT_EQ(subnets[0]["id"], 2);
  EXPECT_EQ(subnets[0]["subnet"], "2001:db8:2::/64");
  EXPECT_EQ(subnets[0]["client-class"], "path-2");
  EXPECT_EQ(subnets[0]["pools"][0]["pool"], "2001:db8:2::1:0-2001:db8:2::1:ffff");
  EXPECT_EQ(subnets[0]["pd-pools"][0],
            json({{"prefix", "2001:db8:8000::"}, {"prefix-len", 40}, {"delegated-len", 56}}));
  EXPECT_FALSE(subnets[1].contains("pd-pools"));
  EXPECT_EQ(option_of(subnets[0], "dns-servers")["data"], "2001:db8:53::2");
}

TEST(Kea6Config, ConvertersAreInEverySubnetsVendorOption) {
  const auto settings =
      three_uplinks("[converters]\naddresses = [\"2001:db8::9\", \"198.18.9.9\"]\n");
  const json config = server(settings);
  for (const json& subnet : config["shared-networks"][0]["subnet6"]) {
    const json& converters = option_of(subnet, "converters");
    EXPECT_EQ(converters["data"], "20010db8000000000000000000000009") << "IPv4 is DHCPv4's";
    EXPECT_EQ(converters["space"], "vendor-32473");
    EXPECT_EQ(converters["always-send"], true);
    EXPECT_EQ(option_of(subnet, "converter-port")["data"], "1404");
  }
  const json without = server(three_uplinks());
  for (const json& subnet : without["shared-networks"][0]["subnet6"])
    EXPECT_TRUE(option_of(subnet, "converters").is_null());
}

// One of the whole network would keep the sub-options of the first packet that it answered.
TEST(Kea6Config, TheVendorOptionIsEverySubnetsOwn) {
  const json config = server(three_uplinks());
  for (const json& subnet : config["shared-networks"][0]["subnet6"]) {
    EXPECT_EQ(option_of(subnet, "vendor-opts")["data"], "32473");
    EXPECT_EQ(option_of(subnet, "vendor-opts")["always-send"], true);
    EXPECT_EQ(option_of(subnet, "preference")["data"], "255") << "nobody waits for other servers";
    const json& ext_route = option_of(subnet, "ext-route");
    EXPECT_EQ(ext_route["space"], "vendor-32473");
    EXPECT_EQ(ext_route["data"], subnet["id"] == 2 ? "0205" : "0505") << "index, then count";
  }
  EXPECT_FALSE(config.contains("option-data"));
  EXPECT_FALSE(config["shared-networks"][0].contains("option-data"));
}

TEST(Kea6Config, IndexIsTheFirstOctetOfTheSubOption) {
  const json config = server(three_uplinks());
  EXPECT_EQ(
      config["option-def"][0],
      json({{"name", "ext-route"}, {"code", 1}, {"type", "binary"}, {"space", "vendor-32473"}}));
  EXPECT_EQ(test_of(config, "path-5"),
            "substring(vendor[32473].option[1].hex,0,1) == 0x05 or member('has-a-lease')");
}

TEST(Kea6Config, WhoNamesNoPathIsLetIntoTheBaseAndWithALeaseIntoAll) {
  const json config = server(three_uplinks());
  EXPECT_THAT(test_of(config, "path-2"), HasSubstr("or member('names-no-path')"))
      << "the lowest that has IPv6";
  EXPECT_THAT(test_of(config, "has-a-lease"), HasSubstr("option[3].option[5].exists"));
}

TEST(Kea6Config, APathThatIsDownGivesNoLeases) {
  const json config = server(three_uplinks(), {2, 5});
  EXPECT_EQ(test_of(config, "path-5"), "'down' == 'up'");
  EXPECT_EQ(test_of(config, "path-2"), "member('names-no-path')")
      << "the lowest of all, when none is up";
  EXPECT_EQ(option_of(config["shared-networks"][0]["subnet6"][0], "ext-route")["data"], "0205")
      << "health does not change the count";
}

TEST(Kea6Config, WhoNamesNoPathIsServedFromTheLowestThatIsUp) {
  const json config = server(three_uplinks(), {2});
  EXPECT_EQ(test_of(config, "path-2"), "'down' == 'up'");
  EXPECT_EQ(test_of(config, "path-5"),
            "substring(vendor[32473].option[1].hex,0,1) == 0x05 or member('names-no-path')");
}

TEST(Kea6Config, AServerOfSomeoneElseKeepsItsSocketAndLog) {
  const json config = json::parse(kea6_config(three_uplinks(), {}, {"eth0", "", ""}))["Dhcp6"];
  EXPECT_FALSE(config.contains("control-socket"));
  EXPECT_FALSE(config.contains("loggers"));
  EXPECT_EQ(config["shared-networks"][0]["interface"], "eth0");
}

}  // namespace
}  // namespace anabranch::gateway
