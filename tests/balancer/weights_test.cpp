// SPDX-License-Identifier: MIT
// Who gets new connections: weights, health, drain and slow start together.
#include "balancer/weights.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/frames.hpp"

namespace anabranch::balancer {
namespace {

using test::at;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Endpoint kHttps = at("198.51.100.10:443");
const Endpoint kHttp = at("198.51.100.10:80");
constexpr std::array<std::uint16_t, 3> kIds{1, 2, 3};
const MonotonicTime kStart = MonotonicTime() + seconds(100);
const HealthCheck kAtOnce{.kind = CheckKind::kTcp, .rise = 1, .fall = 1};

Vip vip(const Endpoint& address, std::vector<std::uint16_t> servers) {
  Vip out;
  out.address = address;
  out.servers = std::move(servers);
  return out;
}

struct Cluster {
  BalancerSettings settings;
  HealthStates health;
  std::set<std::string> drained;
  Weigher weigher;

  Cluster() {
    settings.slow_start = seconds(10);
    settings.vips = {vip(kHttps, {1, 2, 3})};
    for (const auto id : kIds)
      settings.servers.push_back({.name = "server" + std::to_string(id),
                                  .id = id,
                                  .addresses = {},
                                  .weight = id == 3 ? 4U : 2U,
                                  .join_addresses = {}});
  }
  void check(std::uint16_t id, bool good, const Endpoint& service = kHttps) {
    health.try_emplace({service, id}, kStart, true)
        .first->second.take(kAtOnce, good ? "" : "bad", kStart);
  }
  Weights weigh(nanoseconds since_start = {}) {
    return weigher.weigh(settings, health, drained, kStart + since_start);
  }
  std::vector<RingServer> ring(nanoseconds since_start = {}) {
    return weigh(since_start).services.at(kHttps).ring;
  }
};

RingServer server(std::uint16_t id, unsigned weight) {
  return {id, weight};
}

TEST(BalancerWeights, WithoutChecksAreTheConfiguredOnes) {
  Cluster cluster;
  EXPECT_THAT(cluster.ring(), ElementsAre(server(1, 2000), server(2, 2000), server(3, 4000)));
  EXPECT_EQ(cluster.ring(), configured_weights(cluster.settings.vips[0], cluster.settings));
}

TEST(BalancerWeights, AScaledRingIsTheSameRing) {
  const std::vector<RingServer> plain{{1, 2}, {2, 2}, {3, 4}};
  EXPECT_EQ(maglev_ring(plain, 65537), maglev_ring(Cluster().ring(), 65537));
}

TEST(BalancerWeights, OneThatIsDownGetsNothingNewAndKeepsWhatItHas) {
  Cluster cluster;
  cluster.check(1, true);
  cluster.check(2, false);
  const auto weights = cluster.weigh();
  EXPECT_THAT(weights.services.at(kHttps).ring, ElementsAre(server(1, 2000), server(3, 4000)));
  EXPECT_THAT(weights.leaving, ElementsAre(2));
}

TEST(BalancerWeights, ItIsDownForTheServiceThatFails) {
  Cluster cluster;
  cluster.settings.vips.push_back(vip(kHttp, {1, 2}));
  cluster.check(2, false, kHttp);
  const auto weights = cluster.weigh();
  EXPECT_EQ(weights.services.at(kHttps).ring.size(), 3U);
  EXPECT_THAT(weights.services.at(kHttp).ring, ElementsAre(server(1, 2000)));
  EXPECT_THAT(weights.leaving, ElementsAre(2)) << "a SYN that is sent again may go elsewhere";
}

TEST(BalancerWeights, WhenAllAreDownAllGetConnections) {
  Cluster cluster;
  for (const auto id : kIds) cluster.check(id, false);
  cluster.drained = {"server3"};
  const auto weights = cluster.weigh();
  EXPECT_TRUE(weights.services.at(kHttps).panic);
  EXPECT_THAT(weights.services.at(kHttps).ring, ElementsAre(server(1, 2000), server(2, 2000)))
      << "who is drained stays out";
  cluster.check(2, true);
  EXPECT_FALSE(cluster.weigh().services.at(kHttps).panic);
  EXPECT_THAT(cluster.ring(), ElementsAre(server(2, 2000))) << "alone it has no slow start";
}

TEST(BalancerWeights, AServiceWithAllDrainedHasNoServerAndNoPanic) {
  Cluster cluster;
  cluster.drained = {"server1", "server2", "server3"};
  EXPECT_THAT(cluster.ring(), IsEmpty());
  EXPECT_FALSE(cluster.weigh().services.at(kHttps).panic);
}

TEST(BalancerWeights, OneThatComesBackGrows) {
  Cluster cluster;
  EXPECT_FALSE(cluster.weigh().any_starting()) << "at the start all come together";
  cluster.drained = {"server2"};
  cluster.weigh(seconds(1));
  cluster.drained.clear();
  const auto back = cluster.weigh(seconds(20));
  EXPECT_TRUE(back.any_starting());
  EXPECT_EQ(back.services.at(kHttps).starting.at(2), kFirstWeight);
  EXPECT_THAT(back.services.at(kHttps).ring,
              ElementsAre(server(1, 2000), server(2, 200), server(3, 4000)));
  EXPECT_THAT(cluster.ring(seconds(25)),
              ElementsAre(server(1, 2000), server(2, 1100), server(3, 4000)));
  EXPECT_THAT(cluster.ring(seconds(30)),
              ElementsAre(server(1, 2000), server(2, 2000), server(3, 4000)));
  EXPECT_FALSE(cluster.weigh(seconds(30)).any_starting());
}

TEST(BalancerWeights, AServerThatIsAddedGrowsAndAServiceThatIsAddedDoesNot) {
  Cluster cluster;
  cluster.settings.vips[0].servers = {1, 3};
  cluster.weigh();
  cluster.settings.vips[0].servers = {1, 2, 3};
  cluster.settings.vips.push_back(vip(kHttp, {1, 2}));
  const auto weights = cluster.weigh(seconds(1));
  EXPECT_EQ(weights.services.at(kHttps).starting.count(2), 1U);
  EXPECT_THAT(weights.services.at(kHttp).starting, IsEmpty());
}

TEST(BalancerWeights, WithoutSlowStartItIsWholeAtOnce) {
  Cluster cluster;
  cluster.settings.slow_start = {};
  cluster.drained = {"server2"};
  cluster.weigh();
  cluster.drained.clear();
  EXPECT_FALSE(cluster.weigh(seconds(1)).any_starting());
}

}  // namespace
}  // namespace anabranch::balancer
