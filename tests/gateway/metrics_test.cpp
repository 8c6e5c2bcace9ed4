// SPDX-License-Identifier: MIT
#include "gateway/metrics.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "support/metrics_table.hpp"

namespace anabranch::gateway {
namespace {

Settings two_uplinks() {
  return parse(R"(dhcp = "off"
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
next_hop = "172.16.2.2"
index = 2
source_prefix = "10.2.0.0/16"
[uplink.health]
probes = ["icmp:198.51.100.1"]
)",
               "gateway.toml")
      .value();
}

TEST(GatewayMetrics, TellEachUplinksState) {
  Plan plan;
  plan.paths = {{"isp1", 1, PathState::kUp, ""}, {"isp2", 2, PathState::kFailOpen, "no carrier"}};
  Observed observed;
  observed.links.resize(1);
  observed.links[0].name = "up1";
  observed.links[0].sent_octets = 4096;
  observed.health["isp1"] = {.works = true, .rtt = milliseconds(9), .loss = 1};
  observed.health["isp2"] = {.works = true, .rtt = milliseconds(20), .loss = 0.25};
  Counts counts;
  counts.state_changes["isp2"] = 3;
  counts.dhcp.pools[1] = {100, 40, 2};
  counts.dhcp.pools6[2] = {65536, 7, 1};
  counts.dhcp.prefixes6[2] = {256, 3, 0};
  counts.advertiser.told[1] = {.works = true, .age = seconds(60)};
  counts.advertiser.told[2] = {.works = false, .age = seconds(12)};
  counts.ages["isp2"] = seconds(13);
  const auto figures = metrics(two_uplinks(), plan, observed, counts, nullptr);
  const auto figure = [&](std::string_view name, std::string_view uplink) -> std::optional<double> {
    for (const auto& metric : figures)
      if (metric.definition->name == name && !metric.labels.empty() &&
          metric.labels.at(0).second == uplink)
        return metric.value;
    return std::nullopt;
  };
  EXPECT_EQ(figure("anabranch_gateway_uplink_up", "isp1"), 1);
  EXPECT_EQ(figure("anabranch_gateway_uplink_up", "isp2"), 0);
  EXPECT_EQ(figure("anabranch_gateway_uplink_fail_open", "isp2"), 1);
  EXPECT_EQ(figure("anabranch_gateway_uplink_sent_bytes_total", "isp1"), 4096);
  EXPECT_EQ(figure("anabranch_gateway_uplink_sent_bytes_total", "isp2"), std::nullopt)
      << "its interface is not there";
  EXPECT_EQ(figure("anabranch_gateway_uplink_state_changes_total", "isp2"), 3);
  EXPECT_EQ(figure("anabranch_gateway_uplink_probe_rtt_seconds", "isp2"), 0.02);
  EXPECT_EQ(figure("anabranch_gateway_uplink_probe_loss_ratio", "isp2"), 0.25);
  EXPECT_EQ(figure("anabranch_gateway_uplink_probe_loss_ratio", "isp1"), std::nullopt)
      << "it has no probes";
  EXPECT_EQ(figure("anabranch_gateway_pool_addresses", "isp1"), 100);
  EXPECT_EQ(figure("anabranch_gateway_pool_assigned_addresses", "isp1"), 40);
  EXPECT_EQ(figure("anabranch_gateway_pool_declined_addresses", "isp1"), 2);
  EXPECT_EQ(figure("anabranch_gateway_pool_addresses", "isp2"), std::nullopt) << "not known yet";
  EXPECT_EQ(figure("anabranch_gateway_pool6_addresses", "isp2"), 65536);
  EXPECT_EQ(figure("anabranch_gateway_pool6_assigned_addresses", "isp2"), 7);
  EXPECT_EQ(figure("anabranch_gateway_pool6_declined_addresses", "isp2"), 1);
  EXPECT_EQ(figure("anabranch_gateway_pool6_prefixes", "isp2"), 256);
  EXPECT_EQ(figure("anabranch_gateway_pool6_assigned_prefixes", "isp2"), 3);
  EXPECT_EQ(figure("anabranch_gateway_pool6_prefixes", "isp1"), std::nullopt) << "it has none";
  EXPECT_EQ(figure("anabranch_gateway_uplink_advertised", "isp1"), 1);
  EXPECT_EQ(figure("anabranch_gateway_uplink_advertised", "isp2"), 0) << "hosts know it withdrawn";
  EXPECT_EQ(figure("anabranch_gateway_uplink_advertised_seconds", "isp2"), 12);
  EXPECT_EQ(figure("anabranch_gateway_uplink_state_seconds", "isp2"), 13);
}

TEST(GatewayMetrics, AreAllInTheManual) {
  test_support::expect_in_manual("anabranch_gateway_", metric_definitions());
}

}  // namespace
}  // namespace anabranch::gateway
