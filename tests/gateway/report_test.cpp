// SPDX-License-Identifier: MIT
#include "gateway/report.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace anabranch::gateway {
namespace {

Settings two_uplinks() {
  return parse(R"(dhcp6 = "kea"
[lan]
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
index = 2
[uplink.ipv6]
source_prefix = "fd00:2::/64"
next_hop = "fe80::b:2"
nat = "stateful"
external_prefix = "2001:db8:2::/64"
delegated = "2001:db8:9000::/40"
delegated_length = 48
)",
               "gateway.toml")
      .value();
}

nlohmann::json report(const DhcpReport& dhcp, const AdvertiserReport& advertiser) {
  Plan plan;
  plan.paths = {{"isp1", 1, PathState::kUp, ""}, {"isp2", 2, PathState::kDown, "no carrier"}};
  return nlohmann::json::parse(status_json(two_uplinks(), plan, {{"isp2", seconds(13)}}, {}, dhcp,
                                           advertiser, "gateway.toml"))["uplinks"];
}

TEST(GatewayReport, SaysWhatHostsWereTold) {
  AdvertiserReport advertiser;
  advertiser.told[2] = {.works = false, .age = seconds(12)};
  const auto uplinks = report({}, advertiser);
  EXPECT_EQ(uplinks[0]["advertised"], nlohmann::json({{"state", "none"}}));
  EXPECT_EQ(uplinks[1]["advertised"], nlohmann::json({{"state", "withdrawn"}, {"since_s", 12.0}}));
  EXPECT_EQ(uplinks[1]["since_s"], 13);
  advertiser.told[2].works = true;
  EXPECT_EQ(report({}, advertiser)[1]["advertised"]["state"], "advertised");
}

TEST(GatewayReport, HasTheUseOfIpv6BesideWhatItIsTranslatedTo) {
  DhcpReport dhcp;
  dhcp.pools6[2] = {65536, 7, 1};
  dhcp.prefixes6[2] = {256, 3, 0};
  const auto ipv6 = report(dhcp, {})[1]["ipv6"];
  EXPECT_EQ(ipv6["next_hop"], "fe80::b:2");
  EXPECT_EQ(ipv6["external_prefix"], "2001:db8:2::/64");
  EXPECT_EQ(ipv6["pool"]["size"], 65536);
  EXPECT_EQ(ipv6["pool"]["assigned"], 7);
  EXPECT_EQ(ipv6["pool"]["declined"], 1);
  EXPECT_EQ(ipv6["delegated"]["prefix"], "2001:db8:9000::/40");
  EXPECT_EQ(ipv6["delegated"]["length"], 48);
  EXPECT_EQ(ipv6["delegated"]["size"], 256);
  EXPECT_EQ(ipv6["delegated"]["assigned"], 3);
}

TEST(GatewayReport, LeavesOutWhatNobodyHasCounted) {
  const auto ipv6 = report({}, {})[1]["ipv6"];
  EXPECT_FALSE(ipv6["pool"].contains("size"));
  EXPECT_FALSE(ipv6["delegated"].contains("assigned"));
}

}  // namespace
}  // namespace anabranch::gateway
