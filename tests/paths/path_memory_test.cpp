// SPDX-License-Identifier: MIT
// What the machine remembers of a path, and for how long.
#include "paths/path_memory.hpp"

#include <gtest/gtest.h>

namespace anabranch::paths {
namespace {

const IpAddress kPath = *IpAddress::parse("10.1.0.2");

class PathBookTest : public testing::Test {
 protected:
  /// A round trip is seen every ten seconds.
  void seen(nanoseconds rtt, nanoseconds time) {
    for (const auto end = now_ + time; now_ < end; now_ += seconds(10))
      book_.saw_rtt(kPath, rtt, now_);
  }
  nanoseconds smallest() const { return book_.quality(kPath, Direction::kSend, now_).minimum_rtt; }

  PathBook book_;
  MonotonicTime now_{seconds(1000)};
};

TEST_F(PathBookTest, TheSmallestRoundTripCounts) {
  seen(milliseconds(20), seconds(10));
  seen(milliseconds(60), seconds(60));
  EXPECT_EQ(smallest(), milliseconds(20)) << "a queue is no longer path";
  seen(milliseconds(15), seconds(10));
  EXPECT_EQ(smallest(), milliseconds(15));
  EXPECT_EQ(book_.all().at(kPath).minimum_rtt, milliseconds(15)) << "and is what is shown";
}

TEST_F(PathBookTest, ARouteThatHasBecomeLongerIsKnownAsSuchAfterAWhile) {
  seen(milliseconds(20), seconds(60));
  seen(milliseconds(80), PathBook::kRttWindow - seconds(60));
  EXPECT_EQ(smallest(), milliseconds(20));
  seen(milliseconds(80), PathBook::kRttWindow + seconds(60));
  EXPECT_EQ(smallest(), milliseconds(80));
}

TEST_F(PathBookTest, WhatWasSeenBeforeALongRestIsNotComparedWithWhatIsSeenNow) {
  seen(milliseconds(20), seconds(60));
  now_ += 2 * PathBook::kRttWindow;
  EXPECT_EQ(smallest(), milliseconds(20)) << "it is all that is known";
  seen(milliseconds(80), seconds(10));
  EXPECT_EQ(smallest(), milliseconds(80));
}

TEST_F(PathBookTest, NothingIsLeftOfAPathThatIsForgotten) {
  seen(milliseconds(20), seconds(60));
  book_.forget(kPath);
  EXPECT_EQ(smallest(), nanoseconds::zero());
  seen(milliseconds(80), seconds(10));
  EXPECT_EQ(smallest(), milliseconds(80));
}

}  // namespace
}  // namespace anabranch::paths
