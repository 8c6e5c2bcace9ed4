// SPDX-License-Identifier: MIT
#include "lab/failover_plan.hpp"

#include <set>

#include <gtest/gtest.h>

namespace anabranch::lab {
namespace {

TEST(FailoverPlan, ALongOutageAndTwoShortOnesEachAfterThePathsHadTimeToReturn) {
  std::mt19937 random(1);
  const auto round = plan_failover(random, seconds(9), seconds(5));
  ASSERT_EQ(round.cuts.size(), 3u);
  EXPECT_EQ(round.cuts[0].outage, seconds(9));
  EXPECT_GE(round.cuts[0].at, seconds(2));
  EXPECT_GE(round.cuts[1].at - round.cuts[0].heals(), seconds(5));
  EXPECT_EQ(round.cuts[1].outage, kShortOutage);
  EXPECT_GE(round.cuts[2].at - round.cuts[1].heals(), seconds(3));
  EXPECT_EQ(round.cuts[2].outage, kShortOutage);
  EXPECT_GE(round.duration - round.cuts[2].heals(), seconds(3));
}

TEST(FailoverPlan, StrikesEitherPathAtRandomMoments) {
  std::mt19937 random(1);
  std::set<unsigned> paths;
  std::set<nanoseconds> moments;
  for (int i = 0; i < 20; ++i) {
    const auto round = plan_failover(random, seconds(3), seconds(5));
    moments.insert(round.cuts[0].at);
    for (const auto& cut : round.cuts) paths.insert(cut.path);
  }
  EXPECT_EQ(paths, (std::set<unsigned>{1, 2}));
  EXPECT_GT(moments.size(), 10u);
}

TEST(FailoverPlan, IsTheSameInEveryRun) {
  std::mt19937 one(7);
  std::mt19937 other(7);
  EXPECT_EQ(plan_failover(one, seconds(3), seconds(5)).duration,
            plan_failover(other, seconds(3), seconds(5)).duration);
}

}  // namespace
}  // namespace anabranch::lab
