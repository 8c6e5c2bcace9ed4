// SPDX-License-Identifier: MIT
// When a server counts as up.
#include "balancer/health.hpp"

#include <gtest/gtest.h>

namespace anabranch::balancer {
namespace {

const HealthCheck kCheck{.kind = CheckKind::kTcp, .rise = 2, .fall = 3};
const MonotonicTime kStart{};
const std::string kGood;

/// Takes '+' for a check that passes and '-' for one that fails, one a second; how often up()
/// changed.
int take(Health& health, std::string_view outcomes) {
  int changes = 0;
  auto now = kStart;
  for (const char outcome : outcomes)
    changes += health.take(kCheck, outcome == '+' ? kGood : "refused", now += seconds(1));
  return changes;
}

TEST(BalancerHealth, TheFirstCheckDecidesAlone) {
  Health good(kStart, true);
  EXPECT_EQ(take(good, "+"), 0) << "it counted as up before";
  EXPECT_EQ(good.verdict(), Health::Verdict::kUp);
  Health bad(kStart, true);
  EXPECT_EQ(take(bad, "-"), 1);
  EXPECT_FALSE(bad.up());
  EXPECT_EQ(bad.trouble(), "refused");
}

TEST(BalancerHealth, ANewcomerIsNotTrustedUntilItHasPassed) {
  Health health(kStart, false);
  EXPECT_FALSE(health.up());
  EXPECT_EQ(health.verdict(), Health::Verdict::kUnknown);
  EXPECT_EQ(take(health, "+"), 1);
  EXPECT_TRUE(health.up());
}

TEST(BalancerHealth, ItTakesFallInARowToGoDown) {
  Health health(kStart, true);
  EXPECT_EQ(take(health, "+--+--+--"), 0);
  EXPECT_TRUE(health.up());
  EXPECT_EQ(take(health, "-"), 1) << "two were in a row already";
  EXPECT_FALSE(health.up());
}

TEST(BalancerHealth, ItTakesRiseInARowToComeBack) {
  Health health(kStart, true);
  EXPECT_EQ(take(health, "-+-+-"), 1);
  EXPECT_FALSE(health.up());
  EXPECT_EQ(take(health, "++"), 1);
  EXPECT_TRUE(health.up());
}

TEST(BalancerHealth, SaysSinceWhenAndHowOften) {
  Health health(kStart, true);
  take(health, "+---");
  EXPECT_EQ(health.since(), kStart + seconds(4));
  EXPECT_EQ(health.passed(), 1U);
  EXPECT_EQ(health.failed(), 3U);
}

}  // namespace
}  // namespace anabranch::balancer
