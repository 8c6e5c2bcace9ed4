// SPDX-License-Identifier: MIT
#include "host/repairs.hpp"

#include <gtest/gtest.h>

#include "base/registry.hpp"

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;

const MonotonicTime kStart(1h);

Plan two_paths() {
  Plan out;
  const IpAddress address = IpAddress::parse("10.2.16.5").value();
  out.network.addresses = {{7, IpPrefix(address, 16), false, registry::kRouteProtocol}};
  kernel::Route route;
  route.table = 17422;
  route.to = IpPrefix::any(Family::kIpv4);
  route.ifindex = 7;
  out.network.routes = {route};
  kernel::Rule rule;
  rule.priority = 20022;
  rule.from = IpPrefix::host(address);
  out.network.rules = {rule};
  out.endpoints = {{2, address, 0, kernel::MptcpEndpoint::kSubflow, 7}};
  out.subflows = 2;
  return out;
}

TEST(HostRepairs, WhatWasInPlaceAndHadToBeMadeAgainIsNamed) {
  const auto before = two_paths();
  Applied made;
  made.network.add = before.network;
  made.endpoints = before.endpoints;
  made.subflows = 2;
  EXPECT_EQ(repairs(before, made),
            (std::vector<std::string>{"address 10.2.16.5/16", "route default in table 17422",
                                      "rule from 10.2.16.5", "MPTCP endpoint 10.2.16.5",
                                      "MPTCP limit of subflows"}));
}

TEST(HostRepairs, TheRuleOfAResolverIsNamedByItsDestination) {
  auto before = two_paths();
  before.network.rules[0].from.reset();
  before.network.rules[0].to = IpPrefix::parse("2001:db8:ff::53/128").value();
  Applied made;
  made.network.add.rules = before.network.rules;
  EXPECT_EQ(repairs(before, made), std::vector<std::string>{"rule to 2001:db8:ff::53"});
}

TEST(HostRepairs, ANewPathARenewedLifetimeAndAMovedAddressAreNone) {
  const auto before = two_paths();
  Applied made;
  EXPECT_TRUE(repairs(before, made).empty());
  made.network.renew = before.network.addresses;
  made.network.add = before.network;
  made.network.add.addresses[0].ifindex = 8;
  made.network.add.routes[0].ifindex = 8;
  made.network.add.rules[0].from = IpPrefix::parse("10.3.16.5/32").value();
  made.subflows = 3;
  EXPECT_TRUE(repairs(before, made).empty());
}

TEST(HostRepairs, ASingleRepairIsFollowedByNoPause) {
  RepairPace pace;
  EXPECT_LE(pace.not_before(), kStart);
  for (int i = 0; i < 9; ++i) {
    const auto now = kStart + i * 2s;
    EXPECT_TRUE(pace.repaired(now));
    EXPECT_LE(pace.not_before(), now) << "somebody tidies up every two seconds";
  }
}

TEST(HostRepairs, WhoeverKeepsDeletingMeetsAGrowingPause) {
  RepairPace pace;
  auto now = kStart;
  std::vector<MonotonicClock::duration> pauses;
  for (int i = 0; i < 20; ++i) {
    pace.repaired(now);
    pauses.push_back(pace.not_before() - now);
    now = pace.not_before() + 20ms;
  }
  EXPECT_EQ(pauses[4], 0ms);
  EXPECT_EQ(pauses[5], 40ms);
  EXPECT_EQ(pauses[6], 80ms);
  EXPECT_EQ(pauses[19], 30s);
  now += 2s;
  pace.repaired(now);
  EXPECT_EQ(pace.not_before() - now, 0ms) << "peace came: the next is repaired at once";
}

TEST(HostRepairs, TenLinesAMinuteAndThenTheNumberOfThoseUnsaid) {
  RepairPace pace;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(pace.repaired(kStart + i * 100ms));
  for (int i = 0; i < 7; ++i) EXPECT_FALSE(pace.repaired(kStart + 2s + i * 100ms));
  EXPECT_TRUE(pace.repaired(kStart + 61s));
  EXPECT_EQ(pace.unsaid(), 7u);
}

}  // namespace
}  // namespace anabranch::host
