// SPDX-License-Identifier: MIT
#include "gateway/lease_limit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr MonotonicTime kStart{std::chrono::hours(1)};
constexpr MacAddress kHost{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kOther{{2, 0, 0, 0, 0, 2}};

IpAddress address(unsigned last) {
  return IpAddress::v4(0x0a010000u + last);
}

/// A limit of two, and kHost beyond it with addresses 1, 2, 3.
LeaseLimit exceeded() {
  LeaseLimit limit;
  limit.set_most(2);
  for (unsigned n : {1u, 2u, 3u}) limit.note(kHost, address(n), seconds(600), kStart);
  return limit;
}

TEST(LeaseLimit, OneBeyondItIsHeldBack) {
  LeaseLimit limit;
  limit.set_most(2);
  EXPECT_FALSE(limit.note(kHost, address(1), seconds(600), kStart));
  EXPECT_FALSE(limit.note(kHost, address(2), seconds(600), kStart));
  EXPECT_FALSE(limit.note(kOther, address(4), seconds(600), kStart)) << "counted for itself";
  EXPECT_FALSE(limit.note(kHost, address(2), seconds(600), kStart)) << "a renewal is no new lease";
  EXPECT_TRUE(limit.note(kHost, address(3), seconds(600), kStart));
  EXPECT_FALSE(limit.note(kHost, address(5), seconds(600), kStart)) << "told once";
  EXPECT_THAT(limit.held_back(), ElementsAre(kHost));
}

TEST(LeaseLimit, LeasesThatHaveEndedDoNotCount) {
  LeaseLimit limit;
  limit.set_most(2);
  limit.note(kHost, address(1), seconds(30), kStart);
  limit.note(kHost, address(2), seconds(30), kStart);
  EXPECT_FALSE(limit.note(kHost, address(3), seconds(30), kStart + seconds(31)));
}

TEST(LeaseLimit, ZeroIsNone) {
  LeaseLimit limit;
  for (unsigned n = 1; n < 100; ++n)
    EXPECT_FALSE(limit.note(kHost, address(n), seconds(600), kStart));
}

TEST(LeaseLimit, WhatItHadFirstStaysHoweverRecentlyRenewed) {
  auto limit = exceeded();
  const auto verdict = limit.judge(kHost,
                                   {{address(1), seconds(1), seconds(599)},
                                    {address(2), seconds(90), seconds(510)},
                                    {address(3), seconds(80), seconds(520)},
                                    {address(9), seconds(70), seconds(530)}},
                                   kStart);
  EXPECT_THAT(verdict.take_back, UnorderedElementsAre(address(3), address(9)));
  EXPECT_EQ(verdict.kept, 2u);
  EXPECT_FALSE(verdict.released);
  EXPECT_EQ(verdict.again, seconds(60));
  EXPECT_THAT(limit.held_back(), ElementsAre(kHost));
}

TEST(LeaseLimit, WithFewerLeasesItIsLetGoAndCountedOn) {
  auto limit = exceeded();
  const auto verdict = limit.judge(kHost, {{address(1), seconds(10), seconds(20)}}, kStart);
  EXPECT_TRUE(verdict.released);
  EXPECT_TRUE(limit.held_back().empty());
  EXPECT_FALSE(limit.note(kHost, address(7), seconds(600), kStart));
  EXPECT_TRUE(limit.note(kHost, address(8), seconds(600), kStart)) << "the one it kept counts";
}

TEST(LeaseLimit, IsLookedAtAgainWhenTheFirstLeaseEnds) {
  auto limit = exceeded();
  const auto verdict = limit.judge(
      kHost, {{address(1), seconds(10), seconds(20)}, {address(2), seconds(1), seconds(29)}},
      kStart);
  EXPECT_EQ(verdict.again, seconds(21));
}

TEST(LeaseLimit, HoldsBackABoundedNumber) {
  LeaseLimit limit;
  limit.set_most(1);
  for (unsigned n = 0; n < 2 * LeaseLimit::kMostHeldBack; ++n) {
    const MacAddress mac{
        {2, 0, 0, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)}};
    limit.note(mac, address(2 * n), seconds(600), kStart);
    limit.note(mac, address(2 * n + 1), seconds(600), kStart);
  }
  EXPECT_EQ(limit.held_back().size(), LeaseLimit::kMostHeldBack);
}

TEST(LeaseLimit, AnotherLimitBeginsAnew) {
  auto limit = exceeded();
  limit.set_most(5);
  EXPECT_TRUE(limit.held_back().empty());
}

}  // namespace
}  // namespace anabranch::gateway
