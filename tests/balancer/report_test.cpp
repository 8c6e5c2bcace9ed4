// SPDX-License-Identifier: MIT
// What `balancer show` says.
#include "balancer/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "balancer/report_text.hpp"

namespace anabranch::balancer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

BalancerSettings settings() {
  return parse_balancer_settings(R"([balancer]
interface = "eth0"
[[vip]]
address = "198.51.100.10:443"
[[server]]
name = "left"
id = 1
addresses = ["192.0.2.21"]
weight = 3
[[server]]
name = "right"
id = 2
addresses = ["192.0.2.22"]
)",
                                 "b.toml")
      .value();
}

std::string report() {
  static const auto kSettings = settings();
  static const auto kNumbers = number_services(kSettings.vips, {});
  steer_next_hop hop{};
  hop.interface = 3;
  hop.destination[5] = 7;
  static const auto kContents = plan(kSettings, kNumbers, {{{1, Family::kIpv4}, hop}});
  BalancerView view{
      .file = "b.toml", .settings = kSettings, .numbers = kNumbers, .contents = kContents};
  view.counts[0].packets[STEER_BY_JOIN_PORT] = 12;
  view.traffic[1] = {.packets = 5, .octets = 5000};
  return balancer_report_json(view);
}

TEST(BalancerReport, JsonHasSharesPortsAndCounts) {
  const auto out = nlohmann::json::parse(report());
  EXPECT_EQ(out["hook"], "tc");
  const auto& vip = out["vips"][0];
  EXPECT_EQ(vip["cures"], nlohmann::json({"port"}));
  EXPECT_EQ(vip["servers"][0]["join_port"], 1025);
  EXPECT_NEAR(vip["servers"][0]["places"].get<double>(), 0.75 * STEER_RING_PLACES, 300);
  EXPECT_EQ(vip["packets"]["by-join-port"], 12);
  EXPECT_EQ(vip["packets"]["lost-join"], 0);
  EXPECT_EQ(out["servers"][0]["octets"], 5000);
  EXPECT_TRUE(out["servers"][1]["addresses"][0]["next_hop"].is_null());
}

TEST(BalancerReport, TheTableSaysWhatGoesWhere) {
  const auto text = balancer_report_text(report()).value();
  EXPECT_THAT(text, HasSubstr("balancer on eth0 by tc\n"));
  EXPECT_THAT(text, HasSubstr("198.51.100.10:443  cures: port\n"));
  EXPECT_THAT(text, HasSubstr("75.0 %  join port 1025"));
  EXPECT_THAT(text, HasSubstr("by-join-port         12"));
  EXPECT_THAT(text, Not(HasSubstr("lost-join"))) << "what did not happen is left out";
  EXPECT_THAT(text, HasSubstr("left (id 1, weight 3, ethernet): 5 packets"));
  EXPECT_THAT(text, HasSubstr("192.0.2.21 at 00:00:00:00:00:07 by interface 3"));
  EXPECT_THAT(text, HasSubstr("192.0.2.22 at no link address known"));
}

TEST(BalancerReport, WhatIsNoAnswerIsAnError) {
  EXPECT_FALSE(balancer_report_text("nonsense"));
}

}  // namespace
}  // namespace anabranch::balancer
