// SPDX-License-Identifier: MIT
#include "gateway/advertisement_timer.hpp"

#include <array>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Due = AdvertisementTimer::Due;

const MonotonicTime kStart{seconds(1000)};
const IpAddress kHost = *IpAddress::parse("fe80::1");
const IpAddress kNobody = *IpAddress::parse("::");

IpAddress host(unsigned number) {
  std::array<std::uint8_t, 16> octets{0xfe, 0x80};
  octets[14] = static_cast<std::uint8_t>(number >> 8);
  octets[15] = static_cast<std::uint8_t>(number);
  return IpAddress::v6(octets);
}

AdvertisementTimer started(nanoseconds interval = seconds(60), std::uint32_t seed = 1) {
  AdvertisementTimer out(seed);
  out.set_interval(interval, kStart);
  out.start(kStart);
  return out;
}

/// One that has just told everything for the first time.
AdvertisementTimer running() {
  auto out = started();
  EXPECT_TRUE(out.take(kStart).everything);
  return out;
}

/// Everything that is due until `end`, each with its time.
std::vector<std::pair<MonotonicTime, Due>> run(AdvertisementTimer& timer, MonotonicTime end) {
  std::vector<std::pair<MonotonicTime, Due>> out;
  while (timer.next() <= end) {
    const auto now = timer.next();
    out.emplace_back(now, timer.take(now));
    if (out.size() > 100'000) {
      ADD_FAILURE() << "it never rests";
      break;
    }
  }
  return out;
}

TEST(AdvertisementTimer, NothingIsDueBeforeTheStart) {
  AdvertisementTimer timer(1);
  timer.set_interval(seconds(60), kStart);
  EXPECT_EQ(timer.next(), MonotonicTime::max());
  EXPECT_EQ(timer.take(kStart), Due{});
}

TEST(AdvertisementTimer, TheFirstThreeAreNoFurtherThan16SecondsApart) {
  for (std::uint32_t seed = 1; seed < 50; ++seed) {
    auto timer = started(seconds(1800), seed);
    const auto all = run(timer, kStart + std::chrono::hours(10));
    EXPECT_EQ(all.at(0).first, kStart) << "at once";
    EXPECT_LE(all.at(1).first - all[0].first, seconds(16));
    EXPECT_LE(all.at(2).first - all[1].first, seconds(16));
    for (std::size_t i = 3; i < all.size(); ++i) {
      EXPECT_GE(all[i].first - all[i - 1].first, seconds(600));
      EXPECT_LE(all[i].first - all[i - 1].first, seconds(1800));
      EXPECT_TRUE(all[i].second.everything);
    }
  }
}

TEST(AdvertisementTimer, IntervalsAreRandom) {
  auto timer = started(seconds(60));
  const auto all = run(timer, kStart + std::chrono::hours(1));
  std::set<nanoseconds> intervals;
  for (std::size_t i = 3; i < all.size(); ++i) intervals.insert(all[i].first - all[i - 1].first);
  EXPECT_GT(intervals.size(), 20u);
  EXPECT_LT(*intervals.begin(), seconds(30));
  EXPECT_GT(*intervals.rbegin(), seconds(50));
}

TEST(AdvertisementTimer, TheShortestIntervalIsThatOfTheStandard) {
  for (const auto interval : {nanoseconds(0), nanoseconds(1), nanoseconds(seconds(4))}) {
    auto timer = started(interval);
    const auto all = run(timer, kStart + seconds(400));
    for (std::size_t i = 1; i < all.size(); ++i) {
      EXPECT_GE(all[i].first - all[i - 1].first, seconds(3));
      EXPECT_LE(all[i].first - all[i - 1].first, seconds(4));
    }
  }
}

TEST(AdvertisementTimer, AShorterIntervalCountsAtOnce) {
  auto timer = started(seconds(1800));
  run(timer, kStart + seconds(40));
  timer.set_interval(seconds(9), kStart + seconds(40));
  EXPECT_LE(timer.next(), kStart + seconds(49));
}

TEST(AdvertisementTimer, AnswerGoesToTheOneWhoAskedWithinHalfASecond) {
  std::set<nanoseconds> delays;
  for (std::uint32_t seed = 1; seed < 50; ++seed) {
    auto timer = started(seconds(60), seed);
    timer.take(kStart);
    const auto asked = kStart + milliseconds(1);
    timer.solicited(kHost, asked);
    const auto all = run(timer, asked + milliseconds(500));
    ASSERT_THAT(all, SizeIs(1));
    EXPECT_EQ(all[0].second, (Due{false, {}, {kHost}}));
    delays.insert(all[0].first - asked);
  }
  EXPECT_GT(delays.size(), 40u);
}

TEST(AdvertisementTimer, WhoAsksAgainMeanwhileGetsOneAnswer) {
  auto timer = running();
  for (int i = 0; i < 1000; ++i) timer.solicited(kHost, kStart + milliseconds(1));
  EXPECT_THAT(run(timer, kStart + seconds(2)), SizeIs(1));
}

TEST(AdvertisementTimer, WithoutASourceEverybodyIsAnsweredButNotWithinThreeSeconds) {
  auto timer = running();
  timer.solicited(kNobody, kStart + seconds(1));
  timer.solicited(kNobody, kStart + seconds(1));
  auto all = run(timer, kStart + milliseconds(3600));
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_TRUE(all[0].second.everything);
  EXPECT_GE(all[0].first, kStart + seconds(3));
  EXPECT_LE(all[0].first, kStart + milliseconds(3500));

  const auto later = all[0].first + seconds(4);
  timer.solicited(kNobody, later);
  all = run(timer, later + milliseconds(500));
  ASSERT_THAT(all, SizeIs(1)) << "it has been quiet for long enough";
}

TEST(AdvertisementTimer, SourcesFromElsewhereGetNoAnswerOfTheirOwn) {
  auto timer = running();
  timer.solicited(*IpAddress::parse("2001:db8::1"), kStart + seconds(4));
  const auto all = run(timer, kStart + milliseconds(4500));
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].second, (Due{true, {}, {}}));
}

TEST(AdvertisementTimer, WhatGoesToAllAnswersThoseWhoWait) {
  auto timer = started(seconds(4));
  run(timer, kStart + seconds(30));
  const auto next = timer.next();
  timer.solicited(kHost, next - nanoseconds(1));
  EXPECT_EQ(timer.take(next), (Due{true, {}, {}}));
  EXPECT_GE(timer.next(), next + seconds(3)) << "nobody waits any more";
}

TEST(AdvertisementTimer, AFloodOfSolicitationsCostsABoundedNumberOfAnswers) {
  auto timer = running();
  unsigned to_all = 0;
  std::size_t alone = 0;
  unsigned number = 0;
  const auto end = kStart + seconds(30);
  for (auto now = kStart; now < end; now += milliseconds(1)) {
    for (int i = 0; i < 10; ++i) timer.solicited(host(number++), now);
    const auto due = timer.take(now);
    to_all += due.everything;
    alone += due.solicitors.size();
  }
  EXPECT_LE(to_all, 10u);
  EXPECT_GE(to_all, 8u) << "those in the flood who are real are answered";
  EXPECT_LE(alone, 30u * AdvertisementTimer::kAnswersPerSecond);
}

TEST(AdvertisementTimer, AChangeIsToldAtOnceAndTwiceMoreWithinASecond) {
  auto timer = running();
  const auto now = kStart + milliseconds(50);
  timer.changed(2, now);
  EXPECT_EQ(timer.next(), now) << "the three seconds are for what everybody knows";
  const auto all = run(timer, now + seconds(2));
  ASSERT_THAT(all, SizeIs(3));
  for (const auto& [when, due] : all) {
    EXPECT_THAT(due.paths, ElementsAre(2));
    EXPECT_FALSE(due.everything) << "of the path that has changed alone";
    EXPECT_LT(when, now + seconds(1));
  }
}

TEST(AdvertisementTimer, SeveralChangesAreToldTogether) {
  auto timer = running();
  const auto now = kStart + seconds(1);
  timer.changed(1, now);
  timer.changed(3, now);
  EXPECT_THAT(timer.take(now).paths, ElementsAre(1, 3));
}

TEST(AdvertisementTimer, AChangeWithinAChangeIsToldInFull) {
  auto timer = running();
  const auto down = kStart + seconds(1);
  timer.changed(1, down);
  run(timer, down + milliseconds(500));
  const auto up = down + milliseconds(500);
  timer.changed(1, up);
  EXPECT_EQ(timer.next(), up);
  EXPECT_THAT(run(timer, up + seconds(2)), SizeIs(3));
}

TEST(AdvertisementTimer, APathThatFlapsIsToldTenTimesASecond) {
  auto timer = running();
  std::size_t told = 0;
  for (auto now = kStart; now < kStart + seconds(3); now += milliseconds(1)) {
    timer.changed(1, now);
    told += timer.take(now).paths.size();
  }
  EXPECT_LE(told, 30u + AdvertisementTimer::kAtOnce);
  EXPECT_GE(told, 25u) << "and no news is older than a tenth of a second";
}

TEST(AdvertisementTimer, DownAndUpInAnInstantAreBothToldAtOnce) {
  auto timer = running();
  for (int i = 0; i < 6; ++i) {
    const auto now = kStart + milliseconds(i);
    timer.changed(1, now);
    EXPECT_THAT(timer.take(now).paths, ElementsAre(1)) << i;
  }
  timer.changed(1, kStart + milliseconds(6));
  EXPECT_THAT(timer.take(kStart + milliseconds(6)).paths, IsEmpty());
  EXPECT_LE(timer.next(), kStart + milliseconds(106));
}

TEST(AdvertisementTimer, EverythingHoldsWhatHasChanged) {
  auto timer = started();
  timer.changed(1, kStart);
  EXPECT_EQ(timer.take(kStart), (Due{true, {}, {}}));
  EXPECT_THAT(run(timer, kStart + seconds(1)), SizeIs(2)) << "and the change is repeated";
}

TEST(AdvertisementTimer, WhatCouldNotBeSentIsTriedUntilItIs) {
  auto timer = running();
  auto now = kStart;
  for (int i = 0; i < 20; ++i) {
    timer.not_sent(1, now);
    EXPECT_EQ(timer.next(), now + AdvertisementTimer::kRetry);
    now = timer.next();
    EXPECT_THAT(timer.take(now).paths, ElementsAre(1));
  }
  EXPECT_GT(timer.next(), now + seconds(1));
}

TEST(AdvertisementTimer, AForgottenPathIsNotTold) {
  auto timer = running();
  timer.changed(1, kStart);
  timer.changed(2, kStart);
  timer.forget(1);
  EXPECT_THAT(timer.take(kStart).paths, ElementsAre(2));
}

TEST(AdvertisementTimer, ALinkThatComesBackIsToldAtOnceUnlessItJustWas) {
  auto timer = started();
  timer.take(kStart);
  timer.solicited(kHost, kStart + milliseconds(10));
  timer.start(kStart + seconds(1));
  EXPECT_EQ(timer.next(), kStart + seconds(3));
  run(timer, kStart + seconds(100));
  timer.start(kStart + seconds(200));
  EXPECT_EQ(timer.next(), kStart + seconds(200));
}

}  // namespace
}  // namespace anabranch::gateway
