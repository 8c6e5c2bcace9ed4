// SPDX-License-Identifier: MIT
#include "balancer/maglev.hpp"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>
#include <steering/hash.h>

namespace anabranch::balancer {
namespace {

constexpr std::uint32_t kPlaces = STEER_RING_PLACES;

std::vector<std::uint16_t> ring_of(std::initializer_list<RingServer> servers) {
  return maglev_ring(std::vector<RingServer>(servers), kPlaces);
}
double share(const std::vector<std::uint16_t>& ring, std::uint16_t id) {
  return static_cast<double>(std::ranges::count(ring, id)) / static_cast<double>(ring.size());
}

TEST(Maglev, EveryServerHasItsShareWithinAPercent) {
  const auto ring = ring_of({{1}, {2}, {3}, {4}, {5}});
  for (std::uint16_t id = 1; id <= 5; ++id) EXPECT_NEAR(share(ring, id), 0.2, 0.002);
}

TEST(Maglev, SharesAreByWeight) {
  const auto ring = ring_of({{1, 1}, {2, 3}, {3, 4}, {4, 0}});
  EXPECT_NEAR(share(ring, 1), 1.0 / 8, 0.002);
  EXPECT_NEAR(share(ring, 2), 3.0 / 8, 0.004);
  EXPECT_NEAR(share(ring, 3), 4.0 / 8, 0.005);
  EXPECT_EQ(share(ring, 4), 0) << "weight 0 takes nothing new";
}

TEST(Maglev, TheOrderOfTheFileDoesNotMatter) {
  EXPECT_EQ(ring_of({{1}, {2, 5}, {3}}), ring_of({{3}, {1}, {2, 5}}));
}

TEST(Maglev, WithoutServersEveryPlaceIsEmpty) {
  EXPECT_EQ(share(ring_of({}), 0), 1);
  EXPECT_EQ(share(ring_of({{7, 0}}), 0), 1);
}

TEST(Maglev, AServerLessMovesLittleBesideItsOwnShare) {
  const auto before = ring_of({{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}});
  const auto after = ring_of({{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}});
  std::size_t moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) moved += before[i] != 10 && before[i] != after[i];
  EXPECT_LT(static_cast<double>(moved) / kPlaces, 0.03);
  EXPECT_EQ(std::ranges::count(after, 10), 0);
}

TEST(Maglev, FlowsThatDifferInOneBitAreSpreadOverTheRing) {
  std::array<unsigned, 16> hits{};
  constexpr unsigned kFlows = 65536;
  for (unsigned port = 0; port < kFlows; ++port) {
    steer_flow flow{};
    steer_map_ipv4(0x0a00000a, flow.client);
    steer_map_ipv4(0x0b00000b, flow.service);
    flow.client_port = static_cast<__be16>(port);
    flow.service_port = 443;
    ++hits.at(steer_ring_place(&flow) * hits.size() / kPlaces);
  }
  for (const auto count : hits) EXPECT_NEAR(count, kFlows / hits.size(), 400);
}

}  // namespace
}  // namespace anabranch::balancer
