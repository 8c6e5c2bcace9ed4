// SPDX-License-Identifier: MIT
// Given these settings, the data plane's maps hold this.
#include "balancer/plan.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "support/frames.hpp"

namespace anabranch::balancer {
namespace {

using test::at;

const Endpoint kHttps = at("198.51.100.10:443");
const Endpoint kHttp = at("198.51.100.10:80");
const Endpoint kHttps6 = at("[2001:db8::10]:443");
const IpAddress kOwn = at("198.51.100.21:0").address;

BalancerSettings settings() {
  BalancerSettings out;
  out.first_join_port = 1024;
  out.inserts_per_second = 5;
  out.sources[0] = at("192.0.2.10:0").address;
  out.vips = {{.address = kHttps, .by_port = true, .by_address = true, .servers = {1, 9}},
              {.address = kHttp, .servers = {1}}};
  out.servers = {{.name = "a",
                  .id = 1,
                  .addresses = {at("192.0.2.21:0").address, {}},
                  .encapsulates = true,
                  .join_addresses = {kOwn}},
                 {.name = "b",
                  .id = 9,
                  .addresses = {at("192.0.2.22:0").address, {}},
                  .weight = 0,
                  .join_addresses = {}}};
  return out;
}

const ServiceNumbers kNumbers{{kHttps, 4}, {kHttp, 2}};

Vip vip(const Endpoint& address) {
  Vip out;
  out.address = address;
  return out;
}

const steer_target& target(const PlaneContents& plan, const Endpoint& at) {
  return plan.targets.at(destination_of(at.address, at.port));
}

TEST(BalancerPlan, AServiceHasItsNumberAndItsRing) {
  const auto out = plan(settings(), kNumbers, {});
  EXPECT_EQ(target(out, kHttps).kind, STEER_SERVICE);
  EXPECT_EQ(target(out, kHttps).service, 4U);
  EXPECT_EQ(target(out, kHttps).joins, STEER_JOINS_REFUSED);
  EXPECT_EQ(target(out, kHttp).joins, STEER_JOINS_SPREAD) << "without a cure";
  auto by_token = settings();
  by_token.vips[0].by_token = by_token.vips[1].by_token = true;
  EXPECT_EQ(target(plan(by_token, kNumbers, {}), kHttp).joins, STEER_JOINS_BY_TOKEN);
  EXPECT_EQ(target(plan(by_token, kNumbers, {}), kHttps).joins, STEER_JOINS_BY_TOKEN)
      << "beside others";
  EXPECT_EQ(out.rings.size(), 2U);
  const auto& ring = out.rings.at(4);
  EXPECT_EQ(std::ranges::count(ring, 1), STEER_RING_PLACES) << "the other one has weight 0";
  EXPECT_EQ(out.limits.inserts_per_second, 5U);
}

TEST(BalancerPlan, JoinPortsOfAnAddressReachToTheHighestId) {
  const auto out = plan(settings(), kNumbers, {});
  const auto& address = target(out, {kHttps.address, 0});
  EXPECT_EQ(address.kind, STEER_ADDRESS);
  EXPECT_EQ(address.first_join_port, 1024U);
  EXPECT_EQ(address.join_ports, 10U);
  auto without = settings();
  without.vips[0].by_port = false;
  EXPECT_EQ(target(plan(without, kNumbers, {}), {kHttps.address, 0}).join_ports, 0U);
}

TEST(BalancerPlan, AServersOwnAddressIsThereForThatCureOnly) {
  auto wanted = settings();
  EXPECT_EQ(target(plan(wanted, kNumbers, {}), {kOwn, 0}).server, 1U);
  wanted.vips[0].by_address = false;
  EXPECT_FALSE(plan(wanted, kNumbers, {}).targets.contains(destination_of(kOwn, 0)));
}

TEST(BalancerPlan, AServerIsReachedWhereItsNextHopIsKnown) {
  steer_next_hop hop{};
  hop.interface = 3;
  const auto out = plan(settings(), kNumbers, {{{1, Family::kIpv4}, hop}});
  const auto& known = out.servers.at(1);
  EXPECT_EQ(known.state, STEER_SERVING);
  EXPECT_EQ(known.next_hop[0].interface, 3U);
  EXPECT_EQ(known.next_hop[1].interface, 0U);
  EXPECT_TRUE(known.encapsulates);
  EXPECT_EQ(known.outer4[0], STEER_TO_WIRE_32(0xc000020a));
  EXPECT_EQ(known.outer4[1], STEER_TO_WIRE_32(0xc0000215));
  EXPECT_EQ(out.servers.at(9).state, STEER_DRAINING) << "weight 0";
  EXPECT_EQ(out.servers.at(9).next_hop[0].interface, 0U);
}

TEST(BalancerPlan, RingsFollowTheWeightsThatServersHaveNow) {
  Weights weights;
  weights.services[kHttps].ring = {{1, 1000}, {9, 3000}};
  weights.leaving = {1};
  const auto out = plan(settings(), kNumbers, {}, weights);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(out.rings.at(4), 9)), 0.75 * STEER_RING_PLACES,
              300);
  EXPECT_EQ(std::ranges::count(out.rings.at(2), 1), STEER_RING_PLACES) << "as configured";
  EXPECT_EQ(out.servers.at(1).state, STEER_DRAINING);
}

TEST(BalancerPlan, ARingOfTheSameWeightsIsNotMadeTwice) {
  auto former = plan(settings(), kNumbers, {});
  former.rings.at(4)[0] = 77;
  const auto same = plan(settings(), kNumbers, {}, {}, former);
  EXPECT_EQ(same.rings.at(4)[0], 77) << "the former one";
  auto other = settings();
  other.servers[1].weight = 2;
  EXPECT_NE(plan(other, kNumbers, {}, {}, former).rings.at(4)[0], 77);
}

TEST(BalancerPlan, ServicesKeepTheirNumbersWhenOthersComeAndGo) {
  const std::vector<Vip> vips{vip(kHttps6), vip(kHttps)};
  const auto numbers = number_services(vips, {{kHttps, 1}, {kHttp, 0}});
  EXPECT_EQ(numbers.at(kHttps), 1U);
  EXPECT_EQ(numbers.at(kHttps6), 2U) << "0 is left to packets of the one that goes";
  EXPECT_EQ(numbers.size(), 2U);
  EXPECT_EQ(number_services(vips, {}).at(kHttps6), 0U);
}

TEST(BalancerPlan, ANumberIsUsedAgainWhenThereIsNoOther) {
  ServiceNumbers former;
  for (std::uint32_t i = 0; i < STEER_MOST_SERVICES; ++i)
    former.emplace(Endpoint{IpAddress::v4(i + 1), 80}, i);
  const auto numbers = number_services({vip(kHttps)}, former);
  EXPECT_EQ(numbers.at(kHttps), 0U);
}

TEST(BalancerPlan, ADestinationIsWrittenAndReadBack) {
  for (const auto& endpoint : {kHttps, kHttps6}) {
    const auto destination = destination_of(endpoint.address, endpoint.port);
    EXPECT_EQ(endpoint_of(destination.address, destination.port), endpoint);
  }
}

}  // namespace
}  // namespace anabranch::balancer
