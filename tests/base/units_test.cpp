// SPDX-License-Identifier: MIT
#include "base/units.hpp"

#include <gtest/gtest.h>

namespace anabranch {
namespace {

TEST(BitRate, ParsesAndPrints) {
  EXPECT_EQ(BitRate::parse("20 Mbit/s").value(), BitRate::mbit(20));
  EXPECT_EQ(BitRate::parse("500kbit/s").value().text(), "500 kbit/s");
  EXPECT_FALSE(BitRate::parse("20"));
  EXPECT_FALSE(BitRate::parse("-1 Mbit/s"));
}

TEST(BitRate, TimeForAFullFrame) {
  EXPECT_EQ(BitRate::mbit(1).time_for(1500), milliseconds(12));
  EXPECT_EQ(BitRate{}.time_for(1500), nanoseconds(0));
}

TEST(Duration, ParsesAndPrints) {
  EXPECT_EQ(parse_duration("1.5s").value(), milliseconds(1500));
  EXPECT_EQ(duration_text(milliseconds(10)), "10 ms");
  EXPECT_FALSE(parse_duration("10"));
  EXPECT_FALSE(parse_duration("ten ms"));
}

}  // namespace
}  // namespace anabranch
