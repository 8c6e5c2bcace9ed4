// SPDX-License-Identifier: MIT
#include "host/plan.hpp"

#include <array>

#include <gtest/gtest.h>

#include "base/registry.hpp"

namespace anabranch::host {
namespace {

using kernel::MptcpEndpoint;
using namespace std::chrono_literals;

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}
IpPrefix prefix(const char* text) {
  return IpPrefix::parse(text).value();
}
const MacAddress kParent = MacAddress::parse("52:54:00:12:34:56").value();
const MonotonicTime kNow(1h);

Lease lease(const char* held, const char* router) {
  Lease out;
  out.address = prefix(held);
  out.routes = {{IpPrefix::any(Family::kIpv4), address(router)}};
  out.obtained = kNow - 100s;
  out.duration = 600s;
  return out;
}

HostFacts two_paths() {
  HostFacts facts;
  facts.ifindex = 4;
  facts.address = address("10.1.0.50");
  facts.index = 1;
  facts.paths = 2;
  facts.leased = {{2, 7, lease("10.2.16.5/16", "10.2.0.1")}};
  facts.macvlans = {7};
  return facts;
}

TEST(HostPlan, APathIsAnAddressATableAndARule) {
  const auto result = plan(two_paths(), kNow);
  const auto table = registry::kHostTableBase + 42;

  ASSERT_EQ(result.network.addresses.size(), 1u);
  const auto& held = result.network.addresses[0];
  EXPECT_EQ(held.ifindex, 7u);
  EXPECT_EQ(held.prefix, prefix("10.2.16.5/16"));
  EXPECT_FALSE(held.prefix_route) << "the main table must not learn a second way to the wire";
  EXPECT_EQ(held.valid, 500s) << "what is left of the lease";

  ASSERT_EQ(result.network.routes.size(), 2u);
  for (const auto& route : result.network.routes) {
    EXPECT_EQ(route.table, table);
    EXPECT_EQ(route.ifindex, 7u);
    EXPECT_EQ(route.source, address("10.2.16.5"));
    EXPECT_FALSE(route.onlink);
  }
  EXPECT_EQ(result.network.routes[0].to, prefix("10.2.0.0/16"));
  EXPECT_EQ(result.network.routes[1].to, prefix("0.0.0.0/0"));
  EXPECT_EQ(result.network.routes[1].via, address("10.2.0.1"));

  ASSERT_EQ(result.network.rules.size(), 1u);
  EXPECT_EQ(result.network.rules[0].from, prefix("10.2.16.5/32"));
  EXPECT_EQ(result.network.rules[0].table, table);
  EXPECT_EQ(result.network.rules[0].priority, registry::kHostRuleBase + 42);
}

TEST(HostPlan, EveryPathIsAnMptcpEndpointWithItsIndexAsId) {
  const auto result = plan(two_paths(), kNow);
  EXPECT_EQ(result.endpoints,
            (std::vector<MptcpEndpoint>{{1, address("10.1.0.50"), 0, MptcpEndpoint::kSubflow, 4},
                                        {2, address("10.2.16.5"), 0, MptcpEndpoint::kSubflow, 7}}));
  EXPECT_EQ(result.subflows, 2u);
}

TEST(HostPlan, ASharedPathIsAHostAddressOnTheInterfaceItself) {
  auto facts = two_paths();
  facts.leased[0].ifindex = facts.ifindex;
  facts.macvlans.clear();
  const auto result = plan(facts, kNow);
  ASSERT_EQ(result.network.addresses.size(), 1u);
  EXPECT_EQ(result.network.addresses[0].ifindex, 4u);
  EXPECT_EQ(result.network.addresses[0].prefix, prefix("10.2.16.5/32"))
      << "its subnet must not make it the primary of somebody else's address";
  EXPECT_FALSE(result.network.addresses[0].prefix_route);
  ASSERT_EQ(result.network.routes.size(), 2u);
  EXPECT_EQ(result.network.routes[0].to, prefix("10.2.0.0/16")) << "the router is on the link";
  EXPECT_EQ(result.network.routes[1].via, address("10.2.0.1"));
  for (const auto& route : result.network.routes) {
    EXPECT_EQ(route.ifindex, 4u);
    EXPECT_NE(route.table, kernel::kMainTable);
    EXPECT_TRUE(result.scope.owns(route));
  }
  EXPECT_EQ(result.endpoints.back(),
            (MptcpEndpoint{2, address("10.2.16.5"), 0, MptcpEndpoint::kSubflow, 4}));
  EXPECT_TRUE(result.scope.owns(result.network.addresses[0]));
}

TEST(HostPlan, OursOnThePhysicalInterfaceAreTheHostAddressesWithOurProtocol) {
  const kernel::Address own{4, prefix("10.1.0.50/32"), true, 0};
  const kernel::Address routers{4, prefix("10.3.0.1/16"), true, registry::kRouteProtocol};
  const kernel::Address ours{4, prefix("10.2.16.5/32"), false, registry::kRouteProtocol};
  const kernel::Address elsewhere{5, prefix("10.2.16.6/32"), false, registry::kRouteProtocol};
  EXPECT_EQ(shared_addresses(std::vector{own, routers, ours, elsewhere}, 4),
            std::vector{address("10.2.16.5")});
}

TEST(HostPlan, TheInterfacesOwnAddressesAndTheMainTableAreNotPlanned) {
  const auto result = plan(two_paths(), kNow);
  for (const auto& held : result.network.addresses) EXPECT_NE(held.ifindex, 4u);
  for (const auto& route : result.network.routes) EXPECT_NE(route.table, kernel::kMainTable);
  EXPECT_FALSE(result.scope.owns(
      kernel::Address{4, prefix("10.1.0.50/16"), true, registry::kRouteProtocol}));
}

TEST(HostPlan, EverythingPlannedLiesInTheScopeThatCleanupEmpties) {
  const auto result = plan(two_paths(), kNow);
  for (const auto& held : result.network.addresses) EXPECT_TRUE(result.scope.owns(held));
  for (const auto& route : result.network.routes) EXPECT_TRUE(result.scope.owns(route));
  for (const auto& rule : result.network.rules) EXPECT_TRUE(result.scope.owns(rule));
}

TEST(HostPlan, ARouterOutsideTheSubnetIsOnLink) {
  auto facts = two_paths();
  facts.leased[0].lease = lease("10.2.16.5/32", "10.9.0.1");
  const auto result = plan(facts, kNow);
  ASSERT_EQ(result.network.routes.size(), 1u) << "a /32 has no subnet route";
  EXPECT_TRUE(result.network.routes[0].onlink);
}

TEST(HostPlan, ClasslessRoutesAreInstalledAsGiven) {
  auto facts = two_paths();
  facts.leased[0].lease.routes = {{prefix("10.9.0.1/32"), std::nullopt},
                                  {prefix("0.0.0.0/0"), address("10.9.0.1")},
                                  {prefix("0.0.0.0/0"), address("10.9.0.2")}};
  const auto routes = plan(facts, kNow).network.routes;
  ASSERT_EQ(routes.size(), 3u) << "subnet, on-link route, first default route";
  EXPECT_EQ(routes[1].to, prefix("10.9.0.1/32"));
  EXPECT_FALSE(routes[1].via);
  EXPECT_EQ(routes[2].via, address("10.9.0.1"));
}

TEST(HostPlan, AnInfiniteLeaseIsAnAddressForEver) {
  auto facts = two_paths();
  facts.leased[0].lease.duration.reset();
  EXPECT_FALSE(plan(facts, kNow).network.addresses[0].valid);
}

TEST(HostPlan, WithoutLeaseOnlyTheFirstPathRemains) {
  auto facts = two_paths();
  facts.leased.clear();
  const auto result = plan(facts, kNow);
  EXPECT_TRUE(result.network.addresses.empty() && result.network.routes.empty() &&
              result.network.rules.empty());
  EXPECT_EQ(result.endpoints.size(), 1u);
}

TEST(HostPlan, EveryCountedIndexButTheFirstPathsOwnIsWanted) {
  EXPECT_EQ(wanted_indices({1, 2}, 8, {}), (std::vector<unsigned>{2}));
  EXPECT_EQ(wanted_indices({2, 3}, 8, {}), (std::vector<unsigned>{1, 3}));
  EXPECT_EQ(wanted_indices({1, 1}, 8, {}), std::vector<unsigned>{});
}

TEST(HostPlan, NoMorePathsThanTheLimitWhateverTheServerClaims) {
  EXPECT_EQ(wanted_indices({1, 255}, 8, {}).size(), 7u);
  EXPECT_EQ(wanted_indices({1, 4}, 2, {}), (std::vector<unsigned>{2}));
  EXPECT_TRUE(wanted_indices({1, 4}, 1, {}).empty());
}

TEST(HostPlan, WithUnknownCountTheNextIndexIsTriedOnceTheLastHasALease) {
  EXPECT_EQ(wanted_indices({1, 0}, 8, {}), (std::vector<unsigned>{2}));
  std::vector<PathProgress> progress{{2, true}};
  EXPECT_EQ(wanted_indices({1, 0}, 8, progress), (std::vector<unsigned>{2, 3}));
  progress.push_back({3, false});
  EXPECT_EQ(wanted_indices({1, 0}, 8, progress), (std::vector<unsigned>{2, 3}))
      << "3 is not offered: it is asked for again later, and 4 is not tried";
}

TEST(HostPlan, AShrunkCountKeepsPathsUntilTheirLeasesEnd) {
  std::vector<PathProgress> progress{{2, true}, {3, true}};
  EXPECT_EQ(wanted_indices({1, 2}, 8, progress), (std::vector<unsigned>{2, 3}));
  progress[1].leased = false;
  EXPECT_EQ(wanted_indices({1, 2}, 8, progress), (std::vector<unsigned>{2}));
}

TEST(HostPlan, MacvlanNamesFitTheKernelAndTellWhoseTheyAre) {
  EXPECT_EQ(macvlan_name(4, 2), "anab4p2");
  EXPECT_LE(macvlan_name(99999999, 8).size(), 15u);
  EXPECT_EQ(macvlan_alias("eth0", 2), "anabranch path 2 of eth0");
  kernel::LinkInfo link;
  link.kind = "macvlan";
  link.name = "anab4p2";
  link.alias = macvlan_alias("eth0", 2);
  link.parent = 4;
  EXPECT_TRUE(is_our_macvlan(link, 4));
  EXPECT_FALSE(is_our_macvlan(link, 5));
  link.alias = "an operator's";
  EXPECT_FALSE(is_our_macvlan(link, 4));
}

constexpr std::array<std::uint8_t, 4> kDuid{0, 4, 1, 2};
constexpr std::array<std::uint8_t, 4> kOtherDuid{0, 4, 1, 3};

TEST(HostPlan, MacvlanAddressesAreStableDistinctAndLocallyAdministered) {
  EXPECT_EQ(macvlan_mac(kParent, kDuid, 2), macvlan_mac(kParent, kDuid, 2));
  EXPECT_NE(macvlan_mac(kParent, kDuid, 2), macvlan_mac(kParent, kDuid, 3));
  EXPECT_NE(macvlan_mac(kParent, kDuid, 2), kParent);
  EXPECT_NE(macvlan_mac(kParent, kDuid, 2), macvlan_mac(kParent, kOtherDuid, 2))
      << "of two hosts with one Ethernet address";
  for (unsigned index = 1; index <= 8; ++index)
    EXPECT_EQ(macvlan_mac(kParent, kDuid, index).octets[0] & 3, 2);
}

TEST(HostPlan, IdentityAssociationsDifferByPath) {
  EXPECT_EQ(path_iaid(kParent, 2), path_iaid(kParent, 0) + 2);
}

TEST(HostPlan, EndpointsOfOthersAreLeftAlone) {
  const MptcpEndpoint operators{5, address("192.0.2.1"), 0, MptcpEndpoint::kSignal, 0};
  const MptcpEndpoint first{1, address("10.1.0.50"), 0, MptcpEndpoint::kSubflow, 4};
  const MptcpEndpoint second{2, address("10.2.16.5"), 0, MptcpEndpoint::kSubflow, 7};
  const auto old = address("10.2.16.4");
  const MptcpEndpoint stale{2, old, 0, MptcpEndpoint::kSubflow, 7};

  const auto changes =
      compare_endpoints(std::vector{first, second}, std::vector{operators, first, stale},
                        std::vector{first.address, old});
  EXPECT_EQ(changes.add, std::vector{second});
  EXPECT_EQ(changes.remove, std::vector{stale});
}

TEST(HostPlan, AnOperatorsEndpointForOurAddressServes) {
  const MptcpEndpoint first{1, address("10.1.0.50"), 0, MptcpEndpoint::kSubflow, 4};
  const MptcpEndpoint theirs{3, address("10.1.0.50"), 0, MptcpEndpoint::kFullmesh, 0};
  const auto changes = compare_endpoints(std::vector{first}, std::vector{theirs}, {});
  EXPECT_TRUE(changes.add.empty());
  EXPECT_TRUE(changes.remove.empty());
}

TEST(HostPlan, AnotherIdThanWeAskedForIsNoDifference) {
  const MptcpEndpoint wanted{2, address("10.2.16.5"), 0, MptcpEndpoint::kSubflow, 7};
  auto found = wanted;
  found.id = 9;
  const auto changes =
      compare_endpoints(std::vector{wanted}, std::vector{found}, std::vector{wanted.address});
  EXPECT_TRUE(changes.add.empty() && changes.remove.empty());
}

}  // namespace
}  // namespace anabranch::host
