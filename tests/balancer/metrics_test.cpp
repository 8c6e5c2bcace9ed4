// SPDX-License-Identifier: MIT
#include "balancer/metrics.hpp"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "support/metrics_table.hpp"

namespace anabranch::balancer {
namespace {

using Labels = decltype(status::Metric::labels);

/// Two servers of one service; the second is down and the first one drained.
std::vector<status::Metric> figures() {
  static const auto kSettings = parse_balancer_settings(R"([balancer]
interface = "eth0"
[health]
[[vip]]
address = "198.51.100.10:443"
[[server]]
name = "a"
id = 1
addresses = ["192.0.2.21"]
[[server]]
name = "b"
id = 2
addresses = ["192.0.2.22"]
)",
                                                        "b.toml")
                                    .value();
  static const auto kNumbers = number_services(kSettings.vips, {});
  const auto& vip = kSettings.vips[0];
  static const auto kContents = plan(kSettings, kNumbers, {});
  BalancerView view{
      .file = "b.toml", .settings = kSettings, .numbers = kNumbers, .contents = kContents};
  for (const std::uint16_t id : std::array<std::uint16_t, 2>{1, 2})
    view.health.try_emplace({vip.address, id}, MonotonicTime(), true)
        .first->second.take(vip.health, id == 2 ? "refused" : "", MonotonicTime());
  view.drained = {"a"};
  view.weights.services[vip.address].panic = true;
  view.counts[0].packets[STEER_BY_RING] = 12;
  view.counts[0].packets[STEER_LOST_JOIN] = 3;
  view.counts[0].packets[STEER_NOTED_CAPABLE] = 4;
  view.traffic[1] = {.packets = 5, .octets = 5000};
  view.rings_written = 7;
  return balancer_metrics(view);
}

double figure(std::string_view name, const Labels& labels) {
  for (const auto& metric : figures())
    if (metric.definition->name == "anabranch_balancer_" + std::string(name) &&
        metric.labels == labels)
      return metric.value;
  ADD_FAILURE() << "there is no such figure: " << name;
  return -1;
}

TEST(BalancerMetrics, TellWhatBecameOfPackets) {
  const std::string vip = "198.51.100.10:443";
  EXPECT_EQ(figure("packets_total", {{"vip", vip}, {"reason", "by-ring"}}), 12);
  EXPECT_EQ(figure("packets_total", {{"vip", vip}, {"reason", "lost-join"}}), 3);
  EXPECT_EQ(figure("noted_total", {{"vip", vip}, {"what", "capables"}}), 4);
  EXPECT_EQ(figure("server_packets_total", {{"server", "a"}}), 5);
  EXPECT_EQ(figure("server_bytes_total", {{"server", "a"}}), 5000);
}

TEST(BalancerMetrics, TellHowServersStand) {
  const auto of = [](const char* server) {
    return Labels{{"vip", "198.51.100.10:443"}, {"server", server}};
  };
  EXPECT_EQ(figure("server_up", of("a")), 1);
  EXPECT_EQ(figure("server_up", of("b")), 0);
  auto failed = of("b");
  failed.emplace_back("outcome", "failed");
  EXPECT_EQ(figure("server_checks_total", failed), 1);
  EXPECT_NEAR(figure("server_share_ratio", of("a")), 0.5, 0.01);
  EXPECT_EQ(figure("server_drained", {{"server", "a"}}), 1);
  EXPECT_EQ(figure("server_drained", {{"server", "b"}}), 0);
  EXPECT_EQ(figure("panic", {{"vip", "198.51.100.10:443"}}), 1);
  EXPECT_EQ(figure("rings_written_total", {}), 7);
}

TEST(BalancerMetrics, EveryDefinitionIsUsed) {
  const auto made = figures();
  for (const auto& definition : balancer_metric_definitions())
    EXPECT_TRUE(std::ranges::any_of(made, [&](const auto& metric) {
      return metric.definition == &definition;
    })) << definition.name;
}

TEST(BalancerMetrics, StandInTheManual) {
  test_support::expect_in_manual("anabranch_balancer_", balancer_metric_definitions());
}

}  // namespace
}  // namespace anabranch::balancer
