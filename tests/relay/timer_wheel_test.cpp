// SPDX-License-Identifier: MIT
#include "relay/timer_wheel.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace anabranch::relay {
namespace {

struct Alarm final : TimerWheel::Timer {
  explicit Alarm(std::function<void()> callback) : call(std::move(callback)) {}
  void expired() override { call(); }
  std::function<void()> call;
};

TEST(TimerWheel, FiresAtItsTimeAndNotBefore) {
  TimerWheel wheel;
  int fired = 0;
  Alarm alarm([&] { ++fired; });
  wheel.start(alarm, 5);
  EXPECT_EQ(wheel.next(), 5);
  wheel.advance(4);
  EXPECT_EQ(fired, 0);
  EXPECT_TRUE(alarm.running());
  wheel.advance(5);
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(alarm.running());
  EXPECT_EQ(wheel.next(), std::nullopt);
}

TEST(TimerWheel, WhatLiesInThePastIsDueAtTheNextMillisecond) {
  TimerWheel wheel;
  wheel.advance(1000);
  int fired = 0;
  Alarm alarm([&] { ++fired; });
  wheel.start(alarm, 10);
  wheel.advance(1000);
  EXPECT_EQ(fired, 0);
  wheel.advance(1001);
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, NextIsNeverLaterThanTheFirstDeadline) {
  TimerWheel wheel;
  wheel.advance(77);
  Alarm alarm([] {});
  for (std::int64_t due = 78; due < 50'000'000; due = due * 3 / 2) {
    wheel.start(alarm, due);
    ASSERT_TRUE(wheel.next());
    EXPECT_LE(*wheel.next(), due);
  }
}

TEST(TimerWheel, FiresThousandsInOrderWhateverTheStepsOfTime) {
  std::mt19937 random(1);
  TimerWheel wheel;
  std::int64_t now = 0;
  std::vector<std::int64_t> fired_at;
  std::vector<std::unique_ptr<Alarm>> alarms;
  std::vector<std::int64_t> dues;
  for (int number = 0; number < 5000; ++number) {
    const std::int64_t due = 1 + static_cast<std::int64_t>(random() % (1U << (random() % 26)));
    alarms.push_back(std::make_unique<Alarm>([&fired_at, due] { fired_at.push_back(due); }));
    wheel.start(*alarms.back(), due);
    dues.push_back(due);
  }
  // A third of them is taken away again, another third moved.
  std::vector<std::int64_t> expected;
  for (std::size_t at = 0; at < alarms.size(); ++at) {
    if (at % 3 == 0) {
      wheel.stop(*alarms[at]);
      continue;
    }
    if (at % 3 == 1) wheel.start(*alarms[at], dues[at]);
    expected.push_back(dues[at]);
  }
  while (wheel.next()) {
    const std::size_t before = fired_at.size();
    now += 1 + static_cast<std::int64_t>(random() % 100'000);
    wheel.advance(now);
    for (std::size_t at = before; at < fired_at.size(); ++at) ASSERT_LE(fired_at[at], now);
  }
  EXPECT_TRUE(std::ranges::is_sorted(fired_at));
  std::ranges::sort(expected);
  EXPECT_EQ(fired_at, expected);
}

TEST(TimerWheel, ATimerMayStopAndDestroyOthersThatAreDueWithIt) {
  TimerWheel wheel;
  int fired = 0;
  std::vector<std::unique_ptr<Alarm>> alarms;
  for (int number = 0; number < 3; ++number) {
    alarms.push_back(std::make_unique<Alarm>([&] {
      ++fired;
      // The others and itself. What runs is moved to safety first.
      auto all = std::move(alarms);
      alarms.clear();
    }));
    wheel.start(*alarms.back(), 100);
  }
  wheel.advance(200);
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(wheel.next(), std::nullopt);
}

TEST(TimerWheel, ATimerThatStartsItselfComesOncePerMillisecond) {
  TimerWheel wheel;
  int fired = 0;
  Alarm* self = nullptr;
  Alarm alarm([&] {
    ++fired;
    wheel.start(*self, 0);
  });
  self = &alarm;
  wheel.start(alarm, 1);
  wheel.advance(100);
  EXPECT_EQ(fired, 100);
}

TEST(TimerWheel, ATimerOutlivesItsWheel) {
  Alarm alarm([] {});
  {
    TimerWheel wheel;
    wheel.start(alarm, 1000);
  }
  EXPECT_FALSE(alarm.running());
}

}  // namespace
}  // namespace anabranch::relay
