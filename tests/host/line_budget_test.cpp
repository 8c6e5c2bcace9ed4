// SPDX-License-Identifier: MIT
#include "host/line_budget.hpp"

#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;

TEST(LineBudget, SoManyLinesAMinuteAndThenTheNumberOfThoseLeftOut) {
  LineBudget lines(3);
  const MonotonicTime begin(1h);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(lines.allow(begin + i * 10s));
    EXPECT_EQ(lines.remark(), "");
  }
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(lines.allow(begin + 40s));
  EXPECT_TRUE(lines.allow(begin + 60s));
  EXPECT_EQ(lines.remark(), " (5 such lines were left out)");
  EXPECT_TRUE(lines.allow(begin + 61s));
  EXPECT_EQ(lines.remark(), "");
}

}  // namespace
}  // namespace anabranch::host
