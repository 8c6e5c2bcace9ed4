// SPDX-License-Identifier: MIT
#include "lab/balanced.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "lab/balanced_churn.hpp"
#include "lab/balanced_cures.hpp"
#include "lab/balanced_roles.hpp"

namespace anabranch::lab {
namespace {

const Node& node(const Topology& topology, const std::string& name) {
  return *std::ranges::find(topology.nodes, name, &Node::name);
}

bool has_address(const Node& node, const std::string& interface, const IpAddress& address) {
  return std::ranges::any_of(node.addresses, [&](const InterfaceAddress& at) {
    return at.interface == interface && at.address.address() == address;
  });
}

TEST(BalancedNetwork, ItsTopologyHasNoContradiction) {
  EXPECT_EQ(find_contradiction(balanced_topology(4)), std::nullopt);
}

TEST(BalancedNetwork, EveryServerHasTheServicesAddressesAndOnesOfItsOwn) {
  const auto topology = balanced_topology(4);
  for (unsigned number = 1; number <= 4; ++number)
    for (const auto family : {Family::kIpv4, Family::kIpv6}) {
      const auto& server = node(topology, balanced_server(number));
      EXPECT_TRUE(has_address(server, "lo", service_address(family)));
      EXPECT_TRUE(has_address(server, "lo", own_address(family, number)));
      EXPECT_TRUE(has_address(server, "eth0", segment_address(family, number)));
      EXPECT_EQ(server.sysctls.at("net/ipv4/conf/all/arp_ignore"), "1");
    }
}

TEST(BalancedNetwork, WhatIsForTheServiceOrAServersOwnAddressGoesToTheBalancer) {
  const auto topology = balanced_topology(4);
  for (const auto family : {Family::kIpv4, Family::kIpv6})
    for (const auto& wanted : {service_address(family), own_address(family, 4)})
      EXPECT_TRUE(std::ranges::any_of(node(topology, "router").routes,
                                      [&](const StaticRoute& route) {
                                        return route.to.contains(wanted) &&
                                               route.via == balancer_address(family);
                                      }))
          << wanted.text();
}

TEST(BalancedNetwork, AClientsSecondAddressHasAWayOfItsOwn) {
  const auto topology = balanced_topology(4);
  for (unsigned number = 1; number <= kBalancedClients; ++number) {
    const auto& client = node(topology, balanced_client(number));
    for (const auto family : {Family::kIpv4, Family::kIpv6}) {
      EXPECT_TRUE(has_address(client, "eth1", second_address(family, number)));
      EXPECT_TRUE(std::ranges::any_of(client.rules, [&](const SourceRule& rule) {
        return rule.from.contains(second_address(family, number));
      }));
    }
  }
}

TEST(BalancerFile, TellsCuresWeightsAndWhetherConnectionsAreRemembered) {
  const auto text = balancer_toml({.cure = Cure::kBoth, .weights = {1, 0}});
  EXPECT_NE(text.find("cures = [\"port\", \"address\"]"), std::string::npos);
  EXPECT_NE(text.find("name = \"server1\"\nid = 1\n"), std::string::npos);
  EXPECT_NE(text.find("weight = 0\n"), std::string::npos);
  EXPECT_EQ(text.find("server3"), std::string::npos);
  EXPECT_EQ(text.find("inserts_per_second = 0\n"), std::string::npos);
  const auto stateless =
      balancer_toml({.cure = Cure::kNone, .weights = {1}, .memory = Memory::kNone});
  EXPECT_NE(stateless.find("cures = []"), std::string::npos);
  EXPECT_NE(stateless.find("inserts_per_second = 0\n"), std::string::npos);
  EXPECT_EQ(stateless.find("[control]"), std::string::npos);
  const auto chain = balancer_toml({.cure = Cure::kNone, .weights = {1}, .memory = Memory::kChain});
  EXPECT_NE(chain.find("inserts_per_second = 0\n"), std::string::npos);
  EXPECT_NE(chain.find("[control]\nlisten = ["), std::string::npos);
}

TEST(Cures, WithBothEachConnectionHasTwoFurtherSubflows) {
  EXPECT_EQ(traits(Cure::kNone).further_subflows(), 1U);
  EXPECT_EQ(traits(Cure::kPort).further_subflows(), 1U);
  EXPECT_EQ(traits(Cure::kBoth).further_subflows(), 2U);
  EXPECT_FALSE(traits(Cure::kNone).cures());
  EXPECT_FALSE(traits(Cure::kNone).announces());
  EXPECT_FALSE(traits(Cure::kToken).announces());
}

TEST(Cures, AreChosenByTheirWords) {
  EXPECT_EQ(cures_wanted({}).size(), all_cures().size());
  EXPECT_EQ(cures_wanted({.only = {"port", "ipv6"}}), std::vector{Cure::kPort});
  EXPECT_EQ(families_wanted({.only = {"port", "ipv6"}}), std::vector{Family::kIpv6});
}

TEST(Churn, WhatBreaksBetweenTwoReportsIsCounted) {
  DownloadReport held_before;
  held_before.broken = {{1, 1}};
  held_before.lost_subflows = 2;
  DownloadReport held_after = held_before;
  held_after.broken = {{1, 2}, {3, 1}};
  held_after.lost_subflows = 5;
  const auto broken = broken_between(ChurnEvent::kRingChanged, held_before, held_after, {}, {});
  EXPECT_EQ(broken.held, 2U);
  EXPECT_EQ(broken.subflows, 3U);
  EXPECT_EQ(broken.short_ones, 0U);
  EXPECT_EQ(broken.killed_servers, 0U);
}

TEST(Churn, ConnectionsOfTheKilledServerAreCountedApart) {
  DownloadReport held;
  held.broken = {{2, 10}, {3, 1}};
  DownloadReport load;
  load.broken = {{0, 2}, {2, 1}, {4, 1}};
  const auto broken = broken_between(ChurnEvent::kServerKilled, {}, held, {}, load);
  EXPECT_EQ(broken.killed_servers, 13U);
  EXPECT_EQ(broken.held, 1U);
  EXPECT_EQ(broken.short_ones, 1U);
}

}  // namespace
}  // namespace anabranch::lab
