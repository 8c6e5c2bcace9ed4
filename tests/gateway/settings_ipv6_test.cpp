// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/settings_text.hpp"

namespace anabranch::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr std::string_view kTwo = R"([lan]
interface = "lan0"
[[uplink]]
name = "isp1"
interface = "up1"
next_hop = "172.16.1.2"
index = 1
source_prefix = "10.1.0.0/16"
[uplink.ipv6]
source_prefix = "2001:db8:1::/64"
next_hop = "fe80::1"
[[uplink]]
name = "isp2"
interface = "up2"
index = 2
[uplink.ipv6]
source_prefix = "fd00:2::/64"
next_hop = "2001:db8:ff::2"
nat = "stateful"
external_prefix = "2001:db8:2::/64"
)";

/// kTwo with one line changed.
std::string with(std::string_view line, std::string_view instead) {
  return changed(kTwo, line, instead);
}

TEST(GatewayIpv6Settings, ShortFileGetsSensibleDefaults) {
  const auto settings = good(kTwo);
  const Uplink& first = settings.uplinks[0];
  EXPECT_EQ(first.ipv6->source_prefix.text(), "2001:db8:1::/64");
  EXPECT_EQ(first.ipv6->next_hop.text(), "fe80::1");
  EXPECT_EQ(first.ipv6->router.text(), "2001:db8:1::1");
  EXPECT_EQ(first.ipv6->nat, Nat66::kNone);
  EXPECT_EQ(first.ipv6->pool.first.text(), "2001:db8:1::1:0");
  EXPECT_EQ(first.ipv6->pool.last.text(), "2001:db8:1::1:ffff");
  EXPECT_FALSE(first.ipv6->delegated);
  EXPECT_EQ(settings.uplinks[1].ipv6->nat, Nat66::kStateful);
  EXPECT_EQ(settings.dhcp6.mode, DhcpMode::kOff);
  EXPECT_TRUE(settings.advertise.enabled);
  EXPECT_EQ(settings.advertise.interval, seconds(60));
  EXPECT_EQ(settings.advertise.router, seconds(1800));
  EXPECT_EQ(settings.advertise.valid, seconds(3600));
  EXPECT_EQ(settings.advertise.mtu, 0u);
}

TEST(GatewayIpv6Settings, Ipv4MayBeMissingWhereThereIsIpv6) {
  const auto settings = good(kTwo);
  EXPECT_TRUE(settings.uplinks[0].has_ipv4());
  EXPECT_FALSE(settings.uplinks[1].has_ipv4());
  EXPECT_EQ(settings.base(Family::kIpv4), &settings.uplinks[0]);
  EXPECT_EQ(settings.base(Family::kIpv6), &settings.uplinks[0]);
}

TEST(GatewayIpv6Settings, WithoutAnyIpv4NobodyServesDhcp) {
  const std::string only = with(
      "next_hop = \"172.16.1.2\"\nindex = 1\nsource_prefix = \"10.1.0.0/16\"\n", "index = 1\n");
  const auto settings = good(only);
  EXPECT_EQ(settings.dhcp.mode, DhcpMode::kOff);
  EXPECT_EQ(settings.base(Family::kIpv4), nullptr);
  EXPECT_THAT(complaint("dhcp = \"kea\"\n" + only),
              HasSubstr("g.toml:1:8: DHCP for IPv4 has nothing to hand out: no uplink has IPv4"));
}

TEST(GatewayIpv6Settings, DhcpV6HasAShortForm) {
  EXPECT_EQ(good("dhcp6 = \"kea\"\n" + std::string(kTwo)).dhcp6.mode, DhcpMode::kKea);
  EXPECT_EQ(good(std::string(kTwo) + "[dhcp6]\nmode = \"external\"\n").dhcp6.mode,
            DhcpMode::kExternal);
  EXPECT_THAT(complaint("dhcp6 = \"kea\"\n[lan]\ninterface = \"lan0\"\n[[uplink]]\nname = \"a\"\n"
                        "interface = \"up1\"\nnext_hop = \"172.16.1.2\"\nindex = 1\n"
                        "source_prefix = \"10.1.0.0/16\"\n"),
              HasSubstr("g.toml:1:9: DHCPv6 has nothing to hand out: no uplink has IPv6"));
}

TEST(GatewayIpv6Settings, APathsDomainIsNamedAfterItsPrefixes) {
  const auto settings = good(kTwo);
  EXPECT_THAT(settings.uplinks[0].pvd, MatchesRegex("path1\\.[0-9a-f]+\\.home\\.arpa"));
  EXPECT_EQ(good(kTwo).uplinks[0].pvd, settings.uplinks[0].pvd);
  const auto elsewhere = good(with("2001:db8:1::/64", "2001:db8:9::/64"));
  EXPECT_NE(elsewhere.uplinks[0].pvd, settings.uplinks[0].pvd);
  EXPECT_EQ(elsewhere.uplinks[1].pvd, settings.uplinks[1].pvd)
      << "of the other nothing has changed";
}

TEST(GatewayIpv6Settings, ADomainOfOnesOwnIsWrittenAsTheProtocolHasIt) {
  EXPECT_EQ(good(with("index = 1", "index = 1\npvd = \"ISP1.Example.Net.\"")).uplinks[0].pvd,
            "isp1.example.net");
}

TEST(GatewayIpv6Settings, PrefixesAreDelegatedInPieces) {
  const auto settings = good(with("next_hop = \"fe80::1\"",
                                  "next_hop = \"fe80::1\"\ndelegated = \"2001:db8:100::/40\"\n"
                                  "delegated_length = 56"));
  EXPECT_EQ(settings.uplinks[0].ipv6->delegated->text(), "2001:db8:100::/40");
  EXPECT_EQ(settings.uplinks[0].ipv6->delegated_length, 56u);
}

TEST(GatewayIpv6Settings, LocalPrefixesAreOfEitherFamily) {
  const auto settings = good(with("interface = \"lan0\"",
                                  "interface = \"lan0\"\nlocal_prefixes = [\"10.9.0.0/16\", "
                                  "\"fd00:9::/48\"]"));
  ASSERT_EQ(settings.local_prefixes.size(), 2u);
  EXPECT_EQ(settings.local_prefixes[1].text(), "fd00:9::/48");
}

struct Wrong {
  std::string line;
  std::string instead;
  std::string expected;
};

class GatewayIpv6SettingsRefused : public ::testing::TestWithParam<Wrong> {};

TEST_P(GatewayIpv6SettingsRefused, WithPlaceAndHint) {
  EXPECT_THAT(complaint(with(GetParam().line, GetParam().instead)), HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    Each, GatewayIpv6SettingsRefused,
    ::testing::Values(
        Wrong{"index = 2", "index = 2\nrouter = \"10.2.0.1\"", "'next_hop' is missing"},
        Wrong{"source_prefix = \"fd00:2::/64\"\n", "",
              "'source_prefix' is missing in [uplink.ipv6]"},
        Wrong{"fd00:2::/64", "fd00:2::/56", "g.toml:17:17: fd00:2::/56 is not a /64"},
        Wrong{"fd00:2::/64", "10.2.0.0/16", "'source_prefix' is not an IPv6 prefix"},
        Wrong{"fd00:2::/64", "fe80::/64", "fe80::/64 holds no addresses that are forwarded"},
        Wrong{"fd00:2::/64", "2001:db8:1::/64",
              "2001:db8:1::/64 overlaps 2001:db8:1::/64 of the uplink 'isp1'"},
        Wrong{"2001:db8:2::/64", "2001:db8:1::/64",
              "g.toml:20:19: 2001:db8:1::/64 overlaps 2001:db8:1::/64 of the uplink 'isp1'"},
        Wrong{"2001:db8:2::/64", "fd00:2::/64", "the uplink's own 'source_prefix'"},
        Wrong{"2001:db8:2::/64", "2001:db8::/48", "2001:db8::/48 is not a /64"},
        Wrong{"external_prefix = \"2001:db8:2::/64\"", "",
              "g.toml:19:7: nat = \"stateful\" needs 'external_prefix'"},
        Wrong{"nat = \"stateful\"", "nat = \"none\"",
              "'external_prefix' has no meaning with nat = \"none\""},
        Wrong{"nat = \"stateful\"", "nat = \"prefix\"", "'nat' cannot be \"prefix\""},
        Wrong{"2001:db8:ff::2", "2001:db8:1::2",
              "the next hop 2001:db8:1::2 lies in the LAN's 2001:db8:1::/64"},
        Wrong{"2001:db8:ff::2", "ff02::2", "ff02::2 cannot be a router's address"},
        Wrong{"2001:db8:ff::2", "172.16.2.2", "'next_hop' is not an IPv6 address"},
        Wrong{"nat = \"stateful\"", "nat = \"stateful\"\nrouter = \"fd00:2::\"",
              "fd00:2:: is no host address of fd00:2::/64"},
        Wrong{"nat = \"stateful\"", "nat = \"stateful\"\npool = \"fd00:2::1-fd00:2::ff\"",
              "holds the router's address fd00:2::1"},
        Wrong{"nat = \"stateful\"", "nat = \"stateful\"\npool = \"fd00:3::5-fd00:3::ff\"",
              "the pool lies outside fd00:2::/64"},
        Wrong{"nat = \"stateful\"", "nat = \"stateful\"\npool = \"10.2.0.5-10.2.0.9\"",
              "'pool' is not a range of IPv6 addresses"},
        Wrong{"nat = \"stateful\"", "nat = \"stateful\"\ndelegated_length = 60",
              "'delegated_length' has no meaning without 'delegated'"},
        Wrong{"nat = \"stateful\"",
              "nat = \"stateful\"\ndelegated = \"fd00:8000::/60\"\ndelegated_length = 56",
              "nothing of /56 can be delegated from fd00:8000::/60"},
        Wrong{"nat = \"stateful\"", "nat = \"stateful\"\ndelegated = \"fd00:2::/48\"",
              "fd00:2::/48 overlaps fd00:2::/64, the uplink's own 'source_prefix'"},
        Wrong{"index = 2", "index = 2\ndns = [\"192.0.2.53\"]",
              "'192.0.2.53' is not an IPv6 address"},
        Wrong{"index = 2", "index = 2\npvd = \"no name\"", "'no name' is not a domain name"},
        Wrong{"index = 2", "index = 2\npvd = \"isp2\"", "'isp2' is not a domain name"},
        Wrong{"index = 2", "index = 2\npvd = \"-a.example\"", "'-a.example' is not a domain name"},
        Wrong{"index = 2", "index = 2\nfail_open = \"isp3\"", "'isp3' is not another uplink"},
        Wrong{"interface = \"lan0\"",
              "interface = \"lan0\"\nvia = \"main\"\n[dhcp6]\nmode = \"kea\"",
              "the gateway's own DHCPv6 serves hosts on its LAN only"},
        Wrong{"interface = \"lan0\"", "interface = \"lan0\"\n[advertise]\ninterval = \"1s\"",
              "'interval' is out of range\n  hint: from 4 s to 30 min"},
        Wrong{"interface = \"lan0\"", "interface = \"lan0\"\n[advertise]\nlifetime = \"30s\"",
              "lifetime 30 s is shorter than the interval 1 min"},
        Wrong{"interface = \"lan0\"", "interface = \"lan0\"\n[advertise]\npreferred = \"2h\"",
              "preferred 2 h is longer than valid 1 h"},
        Wrong{"interface = \"lan0\"", "interface = \"lan0\"\n[advertise]\npreferred = \"1min\"",
              "addresses would run out between two advertisements"},
        Wrong{"interface = \"lan0\"", "interface = \"lan0\"\n[advertise]\nmtu = 1000",
              "'mtu' is out of range"}));

TEST(GatewayIpv6Settings, ARouterThatIsNoneIsAdvertisedWithLifetimeZero) {
  EXPECT_EQ(good(std::string(kTwo) + "[advertise]\nlifetime = \"0s\"\n").advertise.router,
            seconds(0));
}

TEST(GatewayIpv6Settings, OneDomainIsOnePaths) {
  EXPECT_THAT(
      complaint("[lan]\ninterface = \"lan0\"\n[[uplink]]\nname = \"a\"\ninterface = \"u1\"\n"
                "index = 1\npvd = \"p.example\"\n[uplink.ipv6]\nsource_prefix = "
                "\"2001:db8:1::/64\"\nnext_hop = \"fe80::1\"\n[[uplink]]\nname = \"b\"\n"
                "interface = \"u2\"\nindex = 2\npvd = \"P.example\"\n[uplink.ipv6]\n"
                "source_prefix = \"2001:db8:2::/64\"\nnext_hop = \"fe80::2\"\n"),
      HasSubstr("g.toml:15:7: pvd 'p.example' is that of the uplink 'a' already"));
}

TEST(GatewayIpv6Settings, FailOpenNeedsAFamilyThatBothHave) {
  const std::string isp3 =
      "[[uplink]]\nname = \"isp3\"\ninterface = \"up3\"\nindex = 3\nnext_hop = \"172.16.3.2\"\n"
      "source_prefix = \"10.3.0.0/16\"\n";
  EXPECT_THAT(complaint(with("index = 2", "index = 2\nfail_open = \"isp3\"") + isp3),
              HasSubstr("'isp3' carries nothing of what this one carries"));
  EXPECT_THAT(complaint(with("index = 2", "index = 2\nfail_open = \"isp1\"") + isp3), "accepted");
}

}  // namespace
}  // namespace anabranch::gateway
