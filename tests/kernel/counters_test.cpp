// SPDX-License-Identifier: MIT
#include "kernel/counters.hpp"

#include <gtest/gtest.h>

namespace anabranch::kernel {
namespace {

TEST(Counters, AreNamedByGroupAndColumn) {
  const auto text =
      "TcpExt: SyncookiesSent Timeouts\nTcpExt: 3 18446744073709551615\n"
      "MPTcpExt: MPCapableSYNRX Blackhole\nMPTcpExt: 7 1\n";
  const auto all = parse_counters(text, "");
  EXPECT_EQ(all.at("TcpExtTimeouts"), 18446744073709551615U);
  EXPECT_EQ(all.at("MPTcpExtBlackhole"), 1U);
  EXPECT_EQ(parse_counters(text, "MPTcpExt").size(), 2U);
}

TEST(Counters, LinesThatDoNotFitAreLeftOut) {
  EXPECT_TRUE(parse_counters("", "").empty());
  EXPECT_TRUE(parse_counters("A: x y\nA: 1\n", "").empty());
  EXPECT_TRUE(parse_counters("A: x\nB: 1\n", "").empty());
  EXPECT_TRUE(parse_counters("A: x", "").empty());
}

TEST(Counters, OfThisMachineCanBeRead) {
  const auto counters = read_counters("TcpExt");
  ASSERT_TRUE(counters);
  EXPECT_FALSE(counters->empty());
}

}  // namespace
}  // namespace anabranch::kernel
