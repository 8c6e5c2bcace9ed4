// SPDX-License-Identifier: MIT
#include "lab/proxy_cases.hpp"

#include <set>

#include <gtest/gtest.h>

#include "lab/proxy_pair.hpp"
#include "lab/proxy_pair_roles.hpp"
#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

constexpr bool kWhole = true;
constexpr bool kPart = false;

TEST(ProxyCases, TheWholeIsEveryCaseAndEachUplinkCutInEach) {
  EXPECT_EQ(proxy_cases({}, kWhole).size(), 8U);
  EXPECT_EQ(proxy_cuts({}, kWhole).size(), 16U);
}

TEST(ProxyCases, APartMeetsEachOpenerWithEachFamilyAndDirection) {
  std::set<std::pair<Opener, Family>> families;
  std::set<std::pair<Opener, bool>> directions;
  std::set<std::pair<Family, bool>> both;
  const auto cases = proxy_cases({}, kPart);
  for (const auto& of : cases) {
    families.insert({of.opener, of.family});
    directions.insert({of.opener, of.upload});
    both.insert({of.family, of.upload});
  }
  EXPECT_EQ(cases.size(), 4U);
  EXPECT_EQ(families.size(), 4U);
  EXPECT_EQ(directions.size(), 4U);
  EXPECT_EQ(both.size(), 4U);
}

TEST(ProxyCases, APartOfTheCutsMeetsEachUplinkWithEachDirectionAndOpener) {
  std::set<std::pair<unsigned, bool>> directions;
  std::set<std::pair<unsigned, Opener>> openers;
  const auto cuts = proxy_cuts({}, kPart);
  for (const auto& cut : cuts) {
    directions.insert({cut.uplink, cut.transfer.upload});
    openers.insert({cut.uplink, cut.transfer.opener});
  }
  EXPECT_EQ(cuts.size(), 4U);
  EXPECT_EQ(directions.size(), 4U);
  EXPECT_EQ(openers.size(), 4U);
}

TEST(ProxyCases, AChoiceIsMeasuredEvenIfThePartWouldLeaveItOut) {
  const auto cases = proxy_cases({.only = {"incoming", "ipv6", "upload"}}, kPart);
  ASSERT_EQ(cases.size(), 1U);
  EXPECT_EQ(cases.front(), (ProxyCase{Opener::kRemote, Family::kIpv6, true}));
}

TEST(ProxyCases, ALanHostConnectsToTheServerAndLearnsOfNoConverter) {
  const auto plan = ProxyCase{Opener::kHost, Family::kIpv6, true}.transfer(seconds(1));
  EXPECT_EQ(plan.client, "host");
  EXPECT_EQ(plan.server, "server");
  EXPECT_EQ(plan.server_address, server_address(Family::kIpv6));
  EXPECT_TRUE(plan.upload);
  EXPECT_FALSE(plan.mptcp);
}

TEST(ProxyCases, ARemoteHostConnectsToTheConvertersPortAndReadsWhatLeavesTheLan) {
  const auto plan = ProxyCase{Opener::kRemote, Family::kIpv4, true}.transfer(seconds(1));
  EXPECT_EQ(plan.client, "server");
  EXPECT_EQ(plan.server, "host");
  EXPECT_EQ(plan.server_address, converter_address(Family::kIpv4));
  EXPECT_EQ(plan.port, kIncomingPort);
  EXPECT_FALSE(plan.upload);
}

}  // namespace
}  // namespace anabranch::lab
