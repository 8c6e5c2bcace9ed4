// SPDX-License-Identifier: MIT
// Given these settings, the kernel's program on a server knows this.
#include "balancer/server_plane_plan.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/frames.hpp"

namespace anabranch::balancer {
namespace {

using test::at;
using ::testing::UnorderedElementsAre;

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

const Endpoint kService = at("198.51.100.10:443");
const ServiceNumbers kNumbers{{kService, 4}};

BalancerSettings settings() {
  BalancerSettings out;
  out.first_join_port = 1024;
  out.sources[0] = address("192.0.2.10");
  for (const std::uint16_t id : {std::uint16_t{1}, std::uint16_t{2}}) {
    Server server;
    server.id = id;
    server.name = "server" + std::to_string(id);
    server.addresses[0] = address("192.0.2.2" + std::to_string(id));
    out.servers.push_back(server);
  }
  Vip vip;
  vip.address = kService;
  vip.by_port = true;
  vip.servers = {1, 2};
  out.vips = {vip};
  return out;
}

TEST(ServerPlanePlan, ItIsToldWhoItIsAndWhatIsServed) {
  const auto all = settings();
  const auto out = plan_server_plane(all, all.servers[0], kNumbers, {});
  EXPECT_EQ(out.own.id, 1U);
  EXPECT_EQ(endpoint_of(out.own.address[0], 0).address, address("192.0.2.21"));
  EXPECT_EQ(out.targets.at(destination_of(kService.address, kService.port)).service, 4U);
  EXPECT_EQ(out.targets.at(destination_of(kService.address, 0)).kind, STEER_ADDRESS);
}

TEST(ServerPlanePlan, BalancersAndTheOtherServersMayEncapsulate) {
  const auto all = settings();
  EXPECT_THAT(plan_server_plane(all, all.servers[0], kNumbers, {}).sources,
              UnorderedElementsAre(address("192.0.2.10"), address("192.0.2.22")));
}

TEST(ServerPlanePlan, OthersAreReachedFromThisServer) {
  auto all = settings();
  const std::pair key{std::uint16_t{2}, Family::kIpv4};
  ::steer_next_hop hop{};
  hop.interface = 3;
  const auto near = plan_server_plane(all, all.servers[0], kNumbers, {{key, hop}}).others;
  ASSERT_EQ(near.size(), 1U) << "without itself";
  EXPECT_FALSE(near.at(2).encapsulates);
  EXPECT_EQ(near.at(2).next_hop[0].interface, 3U);
  all.servers[0].encapsulates = true;
  const auto far = plan_others(all, all.servers[0], {});
  EXPECT_TRUE(far.at(2).encapsulates) << "this one is on another network";
  const auto own = address("192.0.2.21");
  EXPECT_TRUE(std::ranges::equal(
      own.octets(),
      std::span(reinterpret_cast<const std::uint8_t*>(&far.at(2).outer4[0]), own.octets().size())));
}

}  // namespace
}  // namespace anabranch::balancer
