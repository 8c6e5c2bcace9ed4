// SPDX-License-Identifier: MIT
#include "gateway/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/settings_text.hpp"

namespace anabranch::gateway {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kTwo = R"([lan]
interface = "lan0"
[[uplink]]
name = "isp1"
interface = "up1"
next_hop = "172.16.1.2"
index = 1
source_prefix = "10.1.0.0/16"
[[uplink]]
name = "isp2"
interface = "up2"
next_hop = "172.16.2.2"
index = 2
source_prefix = "10.2.0.0/16"
)";

/// kTwo with one line changed.
std::string with(std::string_view line, std::string_view instead) {
  return changed(kTwo, line, instead);
}

TEST(GatewaySettings, ShortFileGetsSensibleDefaults) {
  const auto settings = parse(kTwo, "g.toml");
  ASSERT_TRUE(settings) << settings.error().text();
  const Uplink& second = settings->uplinks[1];
  EXPECT_EQ(second.router.text(), "10.2.0.1");
  EXPECT_EQ(second.nat, Nat::kMasquerade);
  EXPECT_EQ(second.pool.first.text(), "10.2.16.0");
  EXPECT_EQ(second.pool.last.text(), "10.2.255.250");
  EXPECT_EQ(settings->dhcp.mode, DhcpMode::kKea);
  EXPECT_EQ(settings->dhcp.ext_route_code, 224u);
  EXPECT_EQ(settings->dhcp.lease_time, seconds(600));
}

TEST(GatewaySettings, TheLowestIndexIsTheBaseAndTheHighestTheCount) {
  const auto settings = parse(with("index = 1", "index = 7"), "g.toml");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->base().name, "isp2");
  EXPECT_EQ(settings->count(), 7u);
}

TEST(GatewaySettings, SmallPrefixStillHasAPool) {
  const auto settings = parse(with("10.1.0.0/16", "10.1.0.8/29"), "g.toml");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->uplinks[0].router.text(), "10.1.0.9");
  EXPECT_EQ(settings->uplinks[0].pool.first.text(), "10.1.0.10");
  EXPECT_EQ(settings->uplinks[0].pool.last.text(), "10.1.0.14");
}

TEST(GatewaySettings, DhcpHasAShortForm) {
  EXPECT_EQ(parse("dhcp = \"external\"\n" + std::string(kTwo), "g.toml")->dhcp.mode,
            DhcpMode::kExternal);
  EXPECT_EQ(parse(std::string(kTwo) + "[dhcp]\nmode = \"off\"\n", "g.toml")->dhcp.mode,
            DhcpMode::kOff);
  EXPECT_THAT(complaint("dhcp = \"dnsmasq\"\n" + std::string(kTwo)),
              HasSubstr("g.toml:1:8: 'dhcp' cannot be \"dnsmasq\""));
}

TEST(GatewaySettings, PostgresqlIsPassedThrough) {
  const auto settings =
      parse(std::string(kTwo) +
                "[dhcp.lease_database]\ntype = \"postgresql\"\nname = \"kea\"\nhost = \"db1\"\n"
                "port = 5433\nuser = \"u\"\npassword = \"p\"\n",
            "g.toml");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->dhcp.lease_database,
            (LeaseDatabase{"postgresql", "kea", "db1", "u", "p", 5433}));
}

TEST(GatewaySettings, UplinksMayShareAnInterfaceWhenSomethingTellsThemApart) {
  EXPECT_TRUE(parse(with("\"up2\"", "\"up1\""), "g.toml")) << "another next hop";
  EXPECT_TRUE(parse(with("\"up2\"\nnext_hop = \"172.16.2.2\"",
                         "\"up1\"\nnat = \"none\"\nnext_hop = \"172.16.1.2\""),
                    "g.toml"))
      << "another source address: the fork lies deeper";
}

TEST(GatewaySettings, FailOpenWorksBetweenTwoMappedPrefixes) {
  EXPECT_TRUE(parse(with("index = 2",
                         "index = 2\nnat = \"prefix\"\nfail_open = \"isp3\"\n"
                         "external_prefix = \"100.65.0.0/16\"") +
                        "[[uplink]]\nname = \"isp3\"\ninterface = \"up3\"\nindex = 3\n"
                        "next_hop = \"172.16.3.2\"\nsource_prefix = \"10.3.0.0/24\"\n"
                        "nat = \"prefix\"\nexternal_prefix = \"100.66.0.0/24\"\n",
                    "g.toml"));
}

TEST(GatewaySettings, HostsBehindARouterAreReachedByRelaysAtTheirRouters) {
  const auto settings =
      parse(with("interface = \"lan0\"", "interface = \"lan0\"\nvia = \"192.0.2.1\""), "g.toml");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_TRUE(settings->routed);
  EXPECT_EQ(settings->via->text(), "192.0.2.1");
  ASSERT_EQ(settings->dhcp.relays.size(), 2u);
  EXPECT_EQ(settings->dhcp.relays[1].text(), "10.2.0.1");
  const auto by_routing =
      parse(with("interface = \"lan0\"", "interface = \"lan0\"\nvia = \"main\""), "g.toml");
  ASSERT_TRUE(by_routing) << by_routing.error().text();
  EXPECT_TRUE(by_routing->routed);
  EXPECT_FALSE(by_routing->via);
}

struct Wrong {
  std::string line;
  std::string instead;
  std::string expected;
};

class GatewaySettingsRefused : public ::testing::TestWithParam<Wrong> {};

TEST_P(GatewaySettingsRefused, WithPlaceAndHint) {
  EXPECT_THAT(complaint(with(GetParam().line, GetParam().instead)), HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    Each, GatewaySettingsRefused,
    ::testing::Values(
        Wrong{"index = 2", "index = 1",
              "g.toml:13:9: index 1 is that of the uplink 'isp1' already"},
        Wrong{"index = 2", "index = 65",
              "g.toml:13:9: 'index' is out of range\n  hint: from 1 to 64"},
        Wrong{"name = \"isp2\"", "name = \"isp1\"",
              "g.toml:10:8: name 'isp1' is that of the uplink 'isp1' already"},
        Wrong{"\"up2\"\nnext_hop = \"172.16.2.2\"", "\"up1\"\nnext_hop = \"172.16.1.2\"",
              "g.toml:11:13: interface 'up1' and next hop 172.16.1.2 are those of the uplink "
              "'isp1', and both masquerade"},
        Wrong{"\"up2\"", "\"up1\"\nfail_open = \"isp1\"",
              "g.toml:12:13: 'isp1' is on the same interface and goes down with this one"},
        Wrong{"interface = \"lan0\"", "interface = \"lan0\"\nvia = \"fd00::1\"",
              "g.toml:3:7: 'fd00::1' is not an IPv4 address"},
        Wrong{"interface = \"lan0\"", "interface = \"lan0\"\n[dhcp]\nrelays = [\"10.1\"]",
              "g.toml:4:10: '10.1' is not an IPv4 address"},
        Wrong{"\"up2\"", "\"lan0\"", "g.toml:11:13: 'lan0' is the LAN's interface"},
        Wrong{"\"up2\"", "\"up 2\"", "'up 2' cannot be the name of an interface"},
        Wrong{"10.2.0.0/16", "10.1.128.0/17",
              "g.toml:14:17: 10.1.128.0/17 overlaps 10.1.0.0/16 of the uplink 'isp1'"},
        Wrong{"10.2.0.0/16", "10.2.0.1/16",
              "bits set beyond its length\n  hint: write \"10.2.0.0/16\""},
        Wrong{"10.2.0.0/16", "10.2.0.0/30",
              "a source prefix of length 30 cannot be used\n  hint: from /8 to /29"},
        Wrong{"10.2.0.0/16", "fd00::/64", "'source_prefix' is not an IPv4 prefix"},
        Wrong{"172.16.2.2", "10.1.9.9",
              "g.toml:12:12: the next hop 10.1.9.9 lies in the LAN's 10.1.0.0/16"},
        Wrong{"index = 2", "index = 2\nnat = \"prefix\"",
              "g.toml:14:7: nat = \"prefix\" needs 'external_prefix'"},
        Wrong{"index = 2", "index = 2\nnat = \"prefix\"\nexternal_prefix = \"203.0.113.0/24\"",
              "203.0.113.0/24 is not as long as 10.2.0.0/16"},
        Wrong{"index = 2", "index = 2\nexternal_prefix = \"198.18.0.0/16\"",
              "has no meaning with nat = \"masquerade\""},
        Wrong{"index = 2", "index = 2\nfail_open = \"isp3\"",
              "g.toml:14:13: 'isp3' is not another uplink"},
        Wrong{"index = 2", "index = 2\nfail_open = \"isp2\"", "'isp2' is not another uplink"},
        Wrong{"index = 1",
              "index = 1\nnat = \"none\"\n[[uplink]]\nname = \"isp3\"\ninterface = \"up3\"\nindex "
              "= 3\n"
              "next_hop = \"172.16.3.2\"\nsource_prefix = \"10.3.0.0/16\"\nfail_open = "
              "\"isp1\"\n[[uplink]]\n"
              "name = \"isp4\"\ninterface = \"up4\"\nnext_hop = \"172.16.4.2\"\nindex = 4",
              "no answer could come back through 'isp1', whose nat is \"none\""},
        Wrong{"index = 2", "index = 2\nrouter = \"10.9.0.1\"",
              "10.9.0.1 is no host address of 10.2.0.0/16"},
        Wrong{"index = 2", "index = 2\nrouter = \"10.2.99.1\"",
              "holds the router's address 10.2.99.1"},
        Wrong{"index = 2", "index = 2\npool = \"10.1.0.5-10.1.0.9\"",
              "the pool lies outside 10.2.0.0/16"},
        Wrong{"index = 2", "index = 2\npool = \"10.2.0.9-10.2.0.5\"", "'pool' is not a range"},
        Wrong{"index = 2", "index = 2\nmtu = 1500", "unknown key 'mtu' in [uplink]"},
        Wrong{"interface = \"lan0\"", "interface = \"lan0\"\nlocal_prefixes = [\"10.9.0.1/16\"]",
              "'10.9.0.1/16' is not a prefix"}));

TEST(GatewaySettings, AFileWithoutUplinksIsRefused) {
  EXPECT_THAT(complaint("[lan]\ninterface = \"lan0\"\n"), HasSubstr("there is no [[uplink]]"));
  EXPECT_THAT(complaint("uplink = []\n[lan]\ninterface = \"lan0\"\n"),
              HasSubstr("there is no [[uplink]]"));
}

TEST(GatewaySettings, AllMistakesAreToldAtOnce) {
  const std::string text = complaint("[lan]\n[[uplink]]\nname = \"a\"\n");
  for (const char* key : {"interface", "next_hop", "index", "source_prefix"})
    EXPECT_THAT(text, HasSubstr("'" + std::string(key) + "' is missing"));
}

TEST(GatewaySettings, AbsentFileIsBadInput) {
  const auto settings = load("/nonexistent/gateway.toml");
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, ExitCode::kBadInput);
}

}  // namespace
}  // namespace anabranch::gateway
