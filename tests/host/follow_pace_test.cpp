// SPDX-License-Identifier: MIT
#include "host/follow_pace.hpp"

#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{1h};

TEST(FollowPace, AChangeIsFollowedAtOnceAndTheNextOneAfterTwentyMilliseconds) {
  FollowPace pace;
  EXPECT_EQ(pace.heard(kStart, {}), kStart);
  EXPECT_EQ(pace.heard(kStart + 5ms, {}), kStart + 20ms);
  EXPECT_EQ(pace.heard(kStart + 1s, {}), kStart + 1s);
}

TEST(FollowPace, APassThatIsDueSoonerServesAndALaterOneIsPutForward) {
  FollowPace pace;
  EXPECT_EQ(pace.heard(kStart, kStart), std::nullopt);
  EXPECT_EQ(pace.heard(kStart, kStart + 5s), kStart);
  EXPECT_EQ(pace.heard(kStart + 1ms, kStart + 10ms), std::nullopt);
}

TEST(FollowPace, ChangesWithoutEndDoNotPutOffThePassOfTheNextOne) {
  FollowPace pace;
  std::optional<MonotonicTime> pending;
  unsigned passes = 0;
  for (auto now = kStart; now < kStart + 1s; now += 100us) {
    if (pending && *pending <= now) {
      ++passes;
      pending.reset();
    }
    if (const auto due = pace.heard(now, pending)) pending = due;
    ASSERT_TRUE(pending);
    ASSERT_LE(*pending, now + 20ms);
  }
  EXPECT_NEAR(passes, 50, 1);
}

}  // namespace
}  // namespace anabranch::host
