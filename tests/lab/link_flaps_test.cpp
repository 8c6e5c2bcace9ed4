// SPDX-License-Identifier: MIT
#include "lab/link_flaps.hpp"

#include <gtest/gtest.h>

namespace anabranch::lab {
namespace {

std::vector<TimedAction> flaps(unsigned seed, nanoseconds end, unsigned count) {
  static WireControl nowhere(-1);
  std::mt19937 random(seed);
  return flap_actions(nowhere, {"isp1", "isp2"}, {}, random, seconds(1), end, count);
}

TEST(LinkFlaps, OneLinkAtATimeIsDownWithinTheBounds) {
  const auto actions = flaps(1, seconds(3600), 100);
  ASSERT_EQ(actions.size(), 200u);
  nanoseconds up{};
  for (std::size_t i = 0; i < actions.size(); i += 2) {
    const auto down = actions[i].after;
    EXPECT_GE(down, seconds(1));
    if (i > 0) {
      EXPECT_GE(down - up, milliseconds(100));
      EXPECT_LE(down - up, milliseconds(300));
    }
    up = actions[i + 1].after;
    EXPECT_GE(up - down, milliseconds(100));
    EXPECT_LE(up - down, milliseconds(300));
  }
}

TEST(LinkFlaps, ThoseThatWouldNotEndInTimeAreLeftOut) {
  const auto actions = flaps(1, seconds(5), 100);
  ASSERT_FALSE(actions.empty());
  EXPECT_LT(actions.size(), 200u);
  EXPECT_LE(actions.back().after, seconds(5));
}

TEST(LinkFlaps, AreTheSameInEveryRun) {
  const auto one = flaps(7, seconds(3600), 10);
  const auto other = flaps(7, seconds(3600), 10);
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i].after, other[i].after);
}

}  // namespace
}  // namespace anabranch::lab
