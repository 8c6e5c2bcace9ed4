// SPDX-License-Identifier: MIT
// What `balancer show` says.
#include "balancer/report.hpp"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "balancer/report_text.hpp"

namespace anabranch::balancer {
namespace {

using ::testing::AllOf;
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
  EXPECT_THAT(text, HasSubstr("198.51.100.10:443  cures: port  check: none\n"));
  EXPECT_THAT(text, HasSubstr("75.0 %  join port 1025"));
  EXPECT_THAT(text, HasSubstr("by-join-port         12"));
  EXPECT_THAT(text, Not(HasSubstr("lost-join"))) << "what did not happen is left out";
  EXPECT_THAT(text, HasSubstr("left (id 1, weight 3, ethernet): 5 packets"));
  EXPECT_THAT(text, HasSubstr("192.0.2.21 at 00:00:00:00:00:07 by interface 3"));
  EXPECT_THAT(text, HasSubstr("192.0.2.22 at no link address known"));
}

/// The first one is `standing`, as `change` makes it.
std::string shown(const std::function<void(BalancerView&, const Vip&)>& change) {
  static const auto kSettings = settings();
  static const auto kNumbers = number_services(kSettings.vips, {});
  static const auto kContents = plan(kSettings, kNumbers, {});
  BalancerView view{
      .file = "b.toml", .settings = kSettings, .numbers = kNumbers, .contents = kContents};
  view.now = MonotonicTime() + seconds(12);
  change(view, kSettings.vips[0]);
  return balancer_report_json(view);
}

void check(BalancerView& view, const Vip& vip, const std::string& trouble) {
  view.health.try_emplace({vip.address, 1}, MonotonicTime(), true)
      .first->second.take(vip.health, trouble, MonotonicTime());
}

TEST(BalancerReport, SaysHowAServerStandsAndWhy) {
  const auto text = [](const auto& change) { return balancer_report_text(shown(change)).value(); };
  EXPECT_THAT(text([](auto&, auto&) {}), HasSubstr("join port 1025  up\n")) << "without checks";
  EXPECT_THAT(text([](auto& view, auto& vip) { check(view, vip, ""); }), HasSubstr("up for 12 s"));
  EXPECT_THAT(text([](auto& view, auto& vip) { check(view, vip, "refused"); }),
              HasSubstr("down for 12 s: refused"));
  EXPECT_THAT(
      text([](auto& view, auto& vip) { view.weights.services[vip.address].starting[1] = 400; }),
      HasSubstr("starting, at 40 % of its weight"));
  EXPECT_THAT(text([](auto& view, auto& vip) { view.weights.services[vip.address].panic = true; }),
              HasSubstr("ALL SERVERS ARE DOWN"));
  EXPECT_THAT(text([](auto& view, auto&) { view.drained = {"left"}; }),
              AllOf(HasSubstr("1025  drained\n"), HasSubstr("ethernet, drained)")));
}

TEST(BalancerReport, ExplainIsToldWhoIsOutOfTheRing) {
  const auto down = shown([](auto& view, auto& vip) { check(view, vip, "refused"); });
  EXPECT_EQ(absent_servers(down, 0), (AbsentServers{{1, "down for 12 s: refused"}}));
  EXPECT_TRUE(absent_servers(down, 1).empty()) << "another service";
  EXPECT_TRUE(absent_servers(report(), 0).empty());
  EXPECT_TRUE(absent_servers("nonsense", 0).empty());
}

TEST(BalancerReport, SaysHowMuchAServerGetsNow) {
  const auto text =
      balancer_report_text(shown([](auto& view, auto&) {
        view.rates.take({{1, {.packets = 10, .octets = 1000}}}, MonotonicTime());
        view.rates.take({{1, {.packets = 30, .octets = 251000}}}, MonotonicTime() + seconds(2));
      })).value();
  EXPECT_THAT(text, HasSubstr("now 10 packets/s, 1 Mbit/s"));
  EXPECT_THAT(text, HasSubstr("now 0 packets/s, 0 bit/s")) << "the other one";
}

TEST(BalancerReport, WhatIsNoAnswerIsAnError) {
  EXPECT_FALSE(balancer_report_text("nonsense"));
}

}  // namespace
}  // namespace anabranch::balancer
