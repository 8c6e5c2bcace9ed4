// SPDX-License-Identifier: MIT
#include <algorithm>

#include <gtest/gtest.h>

#include "base/registry.hpp"
#include "host/plan.hpp"

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
const MonotonicTime kNow(1h);
constexpr auto kTable = registry::kHostTableBase + 42;

Ipv6PathFacts path_two() {
  Ipv6PathFacts out;
  out.index = 2;
  out.ifindex = 7;
  out.addresses = {{prefix("2001:db8:2::5/64"), true, 3600s, 1800s}};
  out.router = address("fe80::2");
  out.on_link = {prefix("2001:db8:2::/64")};
  out.routes = {prefix("2001:db8:aa::/48")};
  out.resolvers = {address("2001:db8:ff::53")};
  out.mtu = 1400;
  return out;
}

HostFacts facts() {
  HostFacts out;
  out.ifindex = 4;
  out.index = 1;
  out.paths = 2;
  out.macvlans = {7};
  out.ipv6 = {path_two()};
  return out;
}

Lease lease(const char* held) {
  Lease out;
  out.address = prefix(held);
  out.obtained = kNow;
  return out;
}

std::vector<std::pair<unsigned, std::string>> endpoints(const HostFacts& facts) {
  std::vector<std::pair<unsigned, std::string>> out;
  for (const auto& endpoint : plan_endpoints(facts))
    out.emplace_back(endpoint.id, endpoint.address.text());
  return out;
}
using Endpoints = std::vector<std::pair<unsigned, std::string>>;

TEST(HostPlanIpv6, APathIsAnAddressATableAndARule) {
  const auto result = plan(facts(), kNow);
  ASSERT_EQ(result.network.addresses.size(), 1u);
  const auto& held = result.network.addresses[0];
  EXPECT_EQ(held.ifindex, 7u);
  EXPECT_EQ(held.prefix, prefix("2001:db8:2::5/64"));
  EXPECT_FALSE(held.prefix_route) << "the main table must not learn a second way to the link";
  EXPECT_EQ(held.valid, 3600s);
  EXPECT_EQ(held.preferred, 1800s);
  EXPECT_FALSE(held.detect_duplicates) << "put back at once when somebody deletes it";

  ASSERT_EQ(result.network.routes.size(), 3u);
  for (const auto& route : result.network.routes) {
    EXPECT_EQ(route.table, kTable) << "the same number as in IPv4";
    EXPECT_EQ(route.ifindex, 7u);
    EXPECT_EQ(route.source, address("2001:db8:2::5"));
    EXPECT_EQ(route.mtu, 1400u);
    EXPECT_NE(route.metric, 0u) << "the kernel would put one of its own";
    EXPECT_TRUE(result.scope.owns(route));
  }
  EXPECT_EQ(result.network.routes[0].to, prefix("2001:db8:2::/64"));
  EXPECT_EQ(result.network.routes[0].via, std::nullopt);
  EXPECT_EQ(result.network.routes[1].to, prefix("2001:db8:aa::/48"));
  EXPECT_EQ(result.network.routes[1].via, address("fe80::2"));
  EXPECT_EQ(result.network.routes[2].to, prefix("::/0"));
  EXPECT_EQ(result.network.routes[2].via, address("fe80::2"));

  const auto& rule = result.network.rules.at(0);
  EXPECT_EQ(rule.family, Family::kIpv6);
  EXPECT_EQ(rule.from, prefix("2001:db8:2::5/128"));
  EXPECT_EQ(rule.table, kTable);
  EXPECT_EQ(rule.priority, registry::kHostRuleBase + 42);
}

TEST(HostPlanIpv6, AResolverOfThePathIsReachedByItBehindTheRulesOfSources) {
  const auto result = plan(facts(), kNow);
  ASSERT_EQ(result.network.rules.size(), 2u);
  const auto& rule = result.network.rules[1];
  EXPECT_EQ(rule.to, prefix("2001:db8:ff::53/128"));
  EXPECT_EQ(rule.from, std::nullopt);
  EXPECT_EQ(rule.table, kTable);
  EXPECT_EQ(rule.priority, registry::kHostRuleBase + 49);
  EXPECT_TRUE(result.scope.owns(rule));
  auto withdrawn = facts();
  withdrawn.withdrawn = {2};
  EXPECT_EQ(plan(withdrawn, kNow).network.rules.size(), 1u);
}

TEST(HostPlanIpv6, ATentativeAddressIsNothingButAnAddressWithoutAnEnd) {
  auto with = facts();
  with.ipv6[0].addresses[0].ready = false;
  const auto result = plan(with, kNow);
  ASSERT_EQ(result.network.addresses.size(), 1u);
  EXPECT_TRUE(result.network.addresses[0].detect_duplicates);
  EXPECT_EQ(result.network.addresses[0].valid, std::nullopt)
      << "the kernel deletes a duplicate that has an end, and we would not see it";
  EXPECT_TRUE(result.network.routes.empty());
  EXPECT_TRUE(result.network.rules.empty());
  EXPECT_TRUE(result.endpoints.empty());
}

TEST(HostPlanIpv6, OnTheInterfaceItselfItIsNoSourceThatIsChosen) {
  auto with = facts();
  with.ipv6[0].ifindex = 4;
  for (const bool ready : {true, false}) {
    with.ipv6[0].addresses[0].ready = ready;
    const auto result = plan(with, kNow);
    ASSERT_EQ(result.network.addresses.size(), 1u);
    EXPECT_EQ(result.network.addresses[0].prefix, prefix("2001:db8:2::5/128"));
    EXPECT_EQ(result.network.addresses[0].preferred, 0s) << "RFC 6724 rule 3";
    EXPECT_TRUE(result.scope.owns(result.network.addresses[0]));
  }
}

TEST(HostPlanIpv6, ANewPrefixTakesOverFromADeprecatedOneWhoseConnectionsGoOn) {
  auto with = facts();
  auto& path = with.ipv6[0];
  path.addresses[0].preferred = 0s;
  EXPECT_EQ(endpoints(with), (Endpoints{{102, "2001:db8:2::5"}}))
      << "as long as it is the only one";
  path.addresses.push_back({prefix("2001:db8:3::5/64"), true, 3600s, 1800s});
  path.on_link.push_back(prefix("2001:db8:3::/64"));
  EXPECT_EQ(endpoints(with), (Endpoints{{102, "2001:db8:3::5"}}));
  const auto result = plan(with, kNow);
  EXPECT_EQ(result.network.addresses.size(), 2u);
  const auto rule_from = [&](const char* from) {
    return std::ranges::count(result.network.rules, prefix(from),
                              [](const auto& rule) { return rule.from.value_or(IpPrefix()); });
  };
  EXPECT_EQ(rule_from("2001:db8:2::5/128"), 1);
  EXPECT_EQ(rule_from("2001:db8:3::5/128"), 1);
}

TEST(HostPlanIpv6, WithoutARouterAPathIsNoEndpoint) {
  auto with = facts();
  with.ipv6[0].router.reset();
  EXPECT_TRUE(endpoints(with).empty());
  const auto result = plan(with, kNow);
  EXPECT_EQ(result.network.addresses.size(), 1u);
  for (const auto& route : result.network.routes) EXPECT_NE(route.to.length(), 0u);
}

TEST(HostPlanIpv6, BothFamiliesOfAPathHaveTheirEndpointAndNoIdTwice) {
  auto with = facts();
  with.address = address("10.1.0.50");
  with.own_ipv6 = address("2001:db8:1::5");
  with.leased = {{2, 7, lease("10.2.16.5/16")}};
  EXPECT_EQ(
      endpoints(with),
      (Endpoints{
          {1, "10.1.0.50"}, {2, "10.2.16.5"}, {101, "2001:db8:1::5"}, {102, "2001:db8:2::5"}}));
}

TEST(HostPlanIpv6, AWithdrawnPathLosesTheEndpointsOfBothFamiliesAndNothingElse) {
  auto with = facts();
  with.address = address("10.1.0.50");
  with.leased = {{2, 7, lease("10.2.16.5/16")}};
  const auto before = plan(with, kNow);
  with.withdrawn = {2};
  EXPECT_EQ(endpoints(with), (Endpoints{{1, "10.1.0.50"}}));
  const auto after = plan(with, kNow);
  EXPECT_EQ(after.network.addresses.size(), before.network.addresses.size());
  EXPECT_EQ(after.network.routes, before.network.routes);
  with.withdrawn = {1};
  EXPECT_EQ(endpoints(with), (Endpoints{{2, "10.2.16.5"}, {102, "2001:db8:2::5"}}))
      << "the interface's own path likewise";
}

TEST(HostPlanIpv6, WhenThereIsNoRoomForBothFamiliesEachPathComesFirst) {
  HostFacts with;
  with.ifindex = 4;
  with.index = 1;
  with.address = address("10.1.0.50");
  with.own_ipv6 = address("2001:db8:1::5");
  for (const unsigned index : {2u, 3u, 4u, 5u}) {
    with.leased.push_back(
        {index, 10 + index, lease(("10." + std::to_string(index) + ".0.5/16").c_str())});
    auto path = path_two();
    path.index = index;
    path.addresses = {
        {prefix(("2001:db8:" + std::to_string(index) + "::5/64").c_str()), true, {}, {}}};
    with.ipv6.push_back(path);
  }
  auto only_ipv6 = with.ipv6.back();
  only_ipv6.index = 6;
  only_ipv6.addresses[0].address = prefix("2001:db8:6::5/64");
  with.ipv6.push_back(only_ipv6);
  const auto chosen = endpoints(with);
  ASSERT_EQ(chosen.size(), kMostEndpoints);
  EXPECT_EQ(chosen[4], (std::pair<unsigned, std::string>(5, "10.5.0.5")));
  EXPECT_EQ(chosen[5], (std::pair<unsigned, std::string>(106, "2001:db8:6::5")))
      << "the path that has no IPv4";
  EXPECT_EQ(chosen[6].first, 101u);
  EXPECT_EQ(chosen[7].first, 102u);
  with.endpoint_room = 6;
  EXPECT_EQ(endpoints(with).size(), 6u) << "an operator has two";
}

TEST(HostPlanIpv6, TheInterfacesOwnAddressKeepsItsRouterAndWhateverElseTheMainTableSays) {
  auto with = facts();
  with.ipv6.clear();
  with.own_ipv6 = address("2001:db8:1::7");
  EXPECT_TRUE(plan(with, kNow).network.rules.empty()) << "no router is known";
  with.own_ipv6_router = address("fe80::1");
  const auto result = plan(with, kNow);
  EXPECT_TRUE(result.network.addresses.empty()) << "it is not ours";
  ASSERT_EQ(result.network.routes.size(), 1u);
  const auto& route = result.network.routes[0];
  EXPECT_EQ(route.to, prefix("::/0"));
  EXPECT_EQ(route.via, address("fe80::1"));
  EXPECT_EQ(route.ifindex, 4u);
  EXPECT_TRUE(result.scope.owns(route));
  ASSERT_EQ(result.network.rules.size(), 2u);
  for (const auto& rule : result.network.rules) {
    EXPECT_EQ(rule.from, prefix("2001:db8:1::7/128"));
    EXPECT_TRUE(result.scope.owns(rule));
  }
  EXPECT_EQ(result.network.rules[0].table, kernel::kMainTable);
  EXPECT_EQ(result.network.rules[0].suppress_prefix_length, 0u) << "but for the default route";
  EXPECT_EQ(result.network.rules[1].table, route.table);
  EXPECT_LT(result.network.rules[0].priority, result.network.rules[1].priority);
}

}  // namespace
}  // namespace anabranch::host
