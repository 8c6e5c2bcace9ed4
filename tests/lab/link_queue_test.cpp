// SPDX-License-Identifier: MIT
#include "lab/link_queue.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Verdict = LinkQueue::Verdict;
using std::chrono::microseconds;

const MonotonicTime kStart{seconds(1000)};

/// 1000 octets take exactly 1 ms.
const BitRate kOctetPerMicrosecond = BitRate::mbit(8);

/// When the frames inside are due, as time since kStart.
std::vector<nanoseconds> due_times(const LinkQueue& queue) {
  std::vector<nanoseconds> times;
  for (std::size_t i = 0; i < queue.size(); ++i) times.push_back(queue.first(i).due - kStart);
  return times;
}

TEST(LinkQueue, UnlimitedRateOnlyDelays) {
  LinkQueue queue({.rate = {}, .delay = milliseconds(20)}, 1);
  EXPECT_EQ(queue.offer(kStart, 1, 1514), Verdict::kAccepted);
  EXPECT_EQ(queue.offer(kStart, 2, 1514), Verdict::kAccepted);
  EXPECT_THAT(due_times(queue), ElementsAre(milliseconds(20), milliseconds(20)));
}

TEST(LinkQueue, FramesAreSerialisedOneAfterTheOtherThenDelayed) {
  LinkQueue queue({.rate = kOctetPerMicrosecond, .delay = milliseconds(10)}, 1);
  queue.offer(kStart, 1, 1000);
  queue.offer(kStart, 2, 500);
  queue.offer(kStart + milliseconds(5), 3, 1000);  // the line is free again
  EXPECT_THAT(due_times(queue),
              ElementsAre(milliseconds(11), microseconds(11'500), milliseconds(16)));
}

TEST(LinkQueue, NothingIsDueBeforeItsTime) {
  LinkQueue queue({.rate = kOctetPerMicrosecond}, 1);
  EXPECT_EQ(queue.next_due(), std::nullopt);
  queue.offer(kStart, 7, 1000);
  queue.offer(kStart, 8, 1000);
  EXPECT_EQ(queue.next_due(), kStart + milliseconds(1));
  EXPECT_EQ(queue.due_count(kStart + nanoseconds(999'999), 64), 0U);
  EXPECT_EQ(queue.due_count(kStart + milliseconds(1), 64), 1U);
  EXPECT_EQ(queue.due_count(kStart + milliseconds(2), 64), 2U);
  EXPECT_EQ(queue.due_count(kStart + milliseconds(2), 1), 1U);
  queue.pop(1);
  EXPECT_EQ(queue.first(0).frame, 8U);
  EXPECT_EQ(queue.next_due(), kStart + milliseconds(2));
}

TEST(LinkQueue, DropsFromTheTailWhatWouldStayLongerThanTheQueue) {
  LinkQueue queue({.rate = kOctetPerMicrosecond, .queue = milliseconds(10)}, 1);
  for (LinkQueue::Frame frame = 0; frame < 10; ++frame)
    EXPECT_EQ(queue.offer(kStart, frame, 1000), Verdict::kAccepted) << frame;
  EXPECT_EQ(queue.offer(kStart, 10, 1000), Verdict::kQueueFull);
  EXPECT_EQ(queue.offer(kStart + milliseconds(1), 11, 1000), Verdict::kAccepted);
  EXPECT_EQ(due_times(queue).back(), milliseconds(11));
}

TEST(LinkQueue, AQueueOfZeroIsFiftyMilliseconds) {
  LinkQueue queue({.rate = kOctetPerMicrosecond}, 1);
  int accepted = 0;
  while (queue.offer(kStart, 0, 1000) == Verdict::kAccepted) ++accepted;
  EXPECT_EQ(accepted, 50);
}

TEST(LinkQueue, ASlowLinkStillHoldsFourFullFrames) {
  LinkQueue queue({.rate = BitRate::mbit(0.1), .queue = milliseconds(1)}, 1);
  int accepted = 0;
  while (queue.offer(kStart, 0, LinkQueue::kFullFrame) == Verdict::kAccepted) ++accepted;
  EXPECT_EQ(accepted, 4);
}

TEST(LinkQueue, MemoryIsBoundedEvenWithoutARate) {
  LinkQueue queue({.rate = {}, .delay = seconds(60)}, 1);
  for (std::size_t i = 0; i < LinkQueue::kMostFrames; ++i)
    ASSERT_EQ(queue.offer(kStart, 0, 60), Verdict::kAccepted);
  EXPECT_EQ(queue.offer(kStart, 0, 60), Verdict::kQueueFull);
}

TEST(LinkQueue, JitterSpreadsOverItsWholeRangeAndKeepsTheOrder) {
  LinkQueue queue({.rate = {}, .delay = milliseconds(10), .jitter = milliseconds(8)}, 1);
  double sum = 0;
  nanoseconds least = seconds(1), most{};
  for (int i = 0; i < 1000; ++i) {  // far apart, so that order does not bend the draw
    const auto arrival = kStart + seconds(i);
    queue.offer(arrival, 0, 100);
    const auto extra = *queue.next_due() - arrival - milliseconds(10);
    queue.pop(1);
    least = std::min(least, extra);
    most = std::max(most, extra);
    sum += std::chrono::duration<double, std::milli>(extra).count();
  }
  EXPECT_GE(least, nanoseconds{});
  EXPECT_LT(least, microseconds(100));
  EXPECT_LE(most, milliseconds(8));
  EXPECT_GT(most, microseconds(7900));
  EXPECT_NEAR(sum / 1000, 4.0, 0.3);

  for (int i = 0; i < 1000; ++i) queue.offer(kStart + seconds(2000) + microseconds(i), 0, 100);
  const auto times = due_times(queue);
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
}

TEST(LinkQueue, LosesTheGivenPartAndTheSameOneForTheSameSeed) {
  LinkQueue first({.rate = {}, .loss = 0.03}, 42);
  LinkQueue second({.rate = {}, .loss = 0.03}, 42);
  LinkQueue other({.rate = {}, .loss = 0.03}, 43);
  constexpr int kFrames = 30000;
  int lost = 0, differs = 0;
  for (int i = 0; i < kFrames; ++i) {
    const auto verdict = first.offer(kStart, 0, 100);
    EXPECT_EQ(verdict, second.offer(kStart, 0, 100));
    differs += verdict != other.offer(kStart, 0, 100) ? 1 : 0;
    lost += verdict == Verdict::kLost ? 1 : 0;
  }
  EXPECT_NEAR(lost, kFrames * 0.03, 4 * std::sqrt(kFrames * 0.03 * 0.97));
  EXPECT_GT(differs, 0);
}

TEST(LinkQueue, ALostFrameTakesNoTimeOfTheLine) {
  LinkQueue queue({.rate = kOctetPerMicrosecond, .loss = 1}, 1);
  EXPECT_EQ(queue.offer(kStart, 0, 1000), Verdict::kLost);
  EXPECT_THAT(queue.set_profile(kStart, {.rate = kOctetPerMicrosecond}), IsEmpty());
  queue.offer(kStart, 1, 1000);
  EXPECT_THAT(due_times(queue), ElementsAre(milliseconds(1)));
}

TEST(LinkQueue, ANewRateHoldsFromNowOnForWhatStillWaits) {
  LinkQueue queue({.rate = kOctetPerMicrosecond, .delay = milliseconds(5)}, 1);
  for (LinkQueue::Frame frame = 0; frame < 3; ++frame) queue.offer(kStart, frame, 1000);
  // At 1.5 ms: the first is in flight, half of the second is sent, the third waits.
  queue.set_profile(kStart + microseconds(1500),
                    {.rate = BitRate::mbit(4), .delay = milliseconds(5)});
  EXPECT_THAT(due_times(queue),
              ElementsAre(milliseconds(6), microseconds(7'500), microseconds(9'500)));
  queue.offer(kStart + milliseconds(2), 3, 1000);
  EXPECT_EQ(due_times(queue).back(), microseconds(11'500));
}

TEST(LinkQueue, WithoutARateWhatWaitsLeavesAtOnce) {
  LinkQueue queue({.rate = BitRate::mbit(0.008)}, 1);
  for (LinkQueue::Frame frame = 0; frame < 3; ++frame) queue.offer(kStart, frame, 1000);
  queue.set_profile(kStart + milliseconds(10), {});
  EXPECT_THAT(due_times(queue), ElementsAre(milliseconds(10), milliseconds(10), milliseconds(10)));
}

TEST(LinkQueue, ANewDelayLeavesFramesInFlightAloneAndNothingOvertakes) {
  LinkQueue queue({.rate = kOctetPerMicrosecond, .delay = milliseconds(100)}, 1);
  queue.offer(kStart, 0, 1000);
  queue.offer(kStart, 1, 1000);
  queue.set_profile(kStart + milliseconds(1),
                    {.rate = kOctetPerMicrosecond, .delay = milliseconds(10)});
  EXPECT_THAT(due_times(queue), ElementsAre(milliseconds(101), milliseconds(101)));
  queue.set_profile(kStart + milliseconds(1),
                    {.rate = kOctetPerMicrosecond, .delay = milliseconds(200)});
  EXPECT_THAT(due_times(queue), ElementsAre(milliseconds(101), milliseconds(202)));
}

TEST(LinkQueue, AShorterQueueDropsItsTail) {
  LinkQueue queue({.rate = kOctetPerMicrosecond, .queue = milliseconds(20)}, 1);
  for (LinkQueue::Frame frame = 0; frame < 20; ++frame) queue.offer(kStart, frame, 1000);
  const auto dropped =
      queue.set_profile(kStart, {.rate = kOctetPerMicrosecond, .queue = milliseconds(17)});
  EXPECT_THAT(dropped, ElementsAre(17U, 18U, 19U));
  EXPECT_EQ(queue.size(), 17U);
  EXPECT_EQ(queue.offer(kStart, 20, 1000), Verdict::kQueueFull);
}

TEST(LinkQueue, ASlowerRateDropsWhatNoLongerFitsInTime) {
  LinkQueue queue({.rate = BitRate::mbit(500), .queue = milliseconds(50)}, 1);
  while (queue.offer(kStart, 0, 1500) == Verdict::kAccepted) {
  }
  queue.set_profile(kStart, {.rate = BitRate::mbit(5), .queue = milliseconds(50)});
  EXPECT_LE(due_times(queue).back(), milliseconds(50));
  EXPECT_GT(due_times(queue).back(), milliseconds(45));
}

TEST(LinkQueue, SettingTheSameProfileChangesNothing) {
  const LinkProfile profile{.rate = BitRate::mbit(7),
                            .delay = milliseconds(3),
                            .jitter = milliseconds(2),
                            .queue = milliseconds(30)};
  LinkQueue queue(profile, 9);
  for (LinkQueue::Frame frame = 0; frame < 10; ++frame) queue.offer(kStart, frame, 1000);
  const auto before = due_times(queue);
  EXPECT_THAT(queue.set_profile(kStart + milliseconds(4), profile), IsEmpty());
  const auto after = due_times(queue);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_NEAR(static_cast<double>(after[i].count()), static_cast<double>(before[i].count()), 10);
}

TEST(LinkQueue, DownDropsEverythingInsideAndEverythingThatComes) {
  LinkQueue queue({.rate = kOctetPerMicrosecond, .delay = milliseconds(50)}, 1);
  queue.offer(kStart, 4, 1000);
  queue.offer(kStart, 5, 1000);
  EXPECT_THAT(queue.set_up(kStart + milliseconds(1), false), ElementsAre(4U, 5U));
  EXPECT_EQ(queue.offer(kStart + milliseconds(1), 6, 1000), Verdict::kLinkDown);
  EXPECT_EQ(queue.next_due(), std::nullopt);

  EXPECT_THAT(queue.set_up(kStart + milliseconds(2), true), IsEmpty());
  EXPECT_EQ(queue.offer(kStart + milliseconds(2), 7, 1000), Verdict::kAccepted);
  EXPECT_THAT(due_times(queue), ElementsAre(milliseconds(53)));  // the line was free at once
}

TEST(LinkQueue, ATimeThatLiesBackCountsAsTheLatestSeen) {
  LinkQueue queue({.rate = {}, .delay = milliseconds(1)}, 1);
  queue.offer(kStart + milliseconds(5), 0, 100);
  queue.offer(kStart, 1, 100);
  EXPECT_THAT(due_times(queue), ElementsAre(milliseconds(6), milliseconds(6)));
}

}  // namespace
}  // namespace anabranch::lab
