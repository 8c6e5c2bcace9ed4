// SPDX-License-Identifier: MIT
#include "paths/address_ids.hpp"

#include <gtest/gtest.h>

namespace anabranch::paths {
namespace {

const MonotonicTime kStart{seconds(1000)};
const IpAddress kFirst = IpAddress::v4(0x0a000101);
const IpAddress kSecond = IpAddress::v4(0x0a000201);

TEST(AddressIds, EachIsGivenOnceAndNeverTheInitialSubflows) {
  AddressIds ids;
  EXPECT_TRUE(ids.used(0));
  EXPECT_EQ(ids.fresh(kStart), 1);
  EXPECT_EQ(ids.fresh(kStart), 2);
  EXPECT_TRUE(ids.used(2));
}

TEST(AddressIds, AnAddressHasOneIdUntilItIsReleased) {
  AddressIds ids;
  EXPECT_EQ(ids.of(kFirst, kStart), 1);
  EXPECT_EQ(ids.of(kSecond, kStart), 2);
  EXPECT_EQ(ids.of(kFirst, kStart), 1);
  ids.release(1, kStart);
  EXPECT_FALSE(ids.known(kFirst));
  EXPECT_EQ(ids.of(kFirst, kStart), 3) << "the removal of 1 may still be under way";
}

TEST(AddressIds, WhatTheKernelGaveIsNotGivenAgain) {
  AddressIds ids;
  ids.use(1, kFirst);
  ids.use(3, kSecond);
  EXPECT_EQ(ids.of(kFirst, kStart), 1);
  EXPECT_EQ(ids.fresh(kStart), 4);
}

TEST(AddressIds, AReleasedIdRestsAndThenComesFirst) {
  AddressIds ids;
  EXPECT_EQ(ids.fresh(kStart), 1);
  ids.release(1, kStart);
  EXPECT_EQ(ids.fresh(kStart + AddressIds::kRest - seconds(1)), 2);
  EXPECT_EQ(ids.fresh(kStart + AddressIds::kRest), 1);
}

TEST(AddressIds, HundredsOfChangesNeverRunOut) {
  AddressIds ids;
  const auto keeps = ids.fresh(kStart);
  std::uint8_t before = 0;
  for (int change = 0; change < 2000; ++change) {
    const auto id = ids.fresh(kStart + seconds(change) / 10);
    ASSERT_NE(id, 0);
    ASSERT_NE(id, keeps) << "it is in use";
    ASSERT_NE(id, before) << "it was removed just now";
    ids.release(id, kStart + seconds(change) / 10);
    before = id;
  }
}

TEST(AddressIds, GapsBelowWhatTheKernelGaveAreFoundWhenAllElseIsInUse) {
  AddressIds ids;
  ids.use(255, kFirst);
  EXPECT_EQ(ids.fresh(kStart), 1);
  for (int i = 2; i < 255; ++i) EXPECT_NE(ids.fresh(kStart), 0);
  EXPECT_EQ(ids.fresh(kStart), 0) << "255 addresses are all there can be";
}

TEST(AddressIds, ReleasingTwiceGivesNothingTwice) {
  AddressIds ids;
  EXPECT_EQ(ids.fresh(kStart), 1);
  ids.release(1, kStart);
  ids.release(1, kStart);
  const auto later = kStart + 2 * AddressIds::kRest;
  EXPECT_EQ(ids.fresh(later), 1);
  EXPECT_EQ(ids.fresh(later), 2);
}

}  // namespace
}  // namespace anabranch::paths
