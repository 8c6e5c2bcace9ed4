// SPDX-License-Identifier: MIT
// Which replies count, and until when.
#include "probe/open_questions.hpp"

#include <gtest/gtest.h>

namespace anabranch::probe {
namespace {

const IpAddress kLocal = IpAddress::v4(0x0a010002);
const IpAddress kServer = IpAddress::v4(0xc6336401);
const MonotonicTime kStart{seconds(100)};
constexpr std::uint32_t kSequence = 1000;

SentSyn syn(std::uint32_t sequence, std::uint16_t port = 40001, unsigned payload = 0) {
  return {.flow = {.local = kLocal, .local_port = port, .remote = kServer, .remote_port = 443},
          .sequence = sequence,
          .payload = payload};
}

Question question(std::uint64_t id, std::vector<SentSyn> syns) {
  return {.id = id,
          .train = syns.size() > 1,
          .sent = kStart,
          .deadline = kStart + seconds(3),
          .syns = std::move(syns)};
}

Reply reply(std::uint32_t acknowledged, std::uint16_t port = 40001) {
  return {.remote_port = 443, .local_port = port, .acknowledged = acknowledged, .reset = false};
}

constexpr auto kLater = [](int ms) { return kStart + milliseconds(ms); };

TEST(OpenQuestions, AnAnswerAcknowledgesTheSyn) {
  OpenQuestions open;
  open.add(question(7, {syn(kSequence)}));
  EXPECT_TRUE(open.any_from(kLocal));
  EXPECT_FALSE(open.any_from(kServer));
  const auto match = open.take(kServer, reply(kSequence + 1), kLater(20));
  ASSERT_TRUE(match && match->finished);
  EXPECT_EQ(match->finished->id, 7U);
  EXPECT_EQ(match->finished->rtt(), milliseconds(20));
  EXPECT_FALSE(open.any_from(kLocal));
  EXPECT_FALSE(open.next_deadline());
}

TEST(OpenQuestions, AForgedReplyIsNone) {
  OpenQuestions open;
  open.add(question(7, {syn(kSequence)}));
  EXPECT_FALSE(open.take(kServer, reply(kSequence), kLater(20)));
  EXPECT_FALSE(open.take(kServer, reply(kSequence + 2), kLater(20)));
  EXPECT_FALSE(open.take(kServer, reply(kSequence + 1, 40002), kLater(20))) << "another port";
  EXPECT_FALSE(open.take(kLocal, reply(kSequence + 1), kLater(20))) << "another sender";
  EXPECT_TRUE(open.take(kServer, reply(kSequence + 1), kLater(20)));
}

TEST(OpenQuestions, ARepeatedOrLateReplyIsNone) {
  OpenQuestions open;
  open.add(question(7, {syn(kSequence)}));
  EXPECT_TRUE(open.take(kServer, reply(kSequence + 1), kLater(20)));
  EXPECT_FALSE(open.take(kServer, reply(kSequence + 1), kLater(21)));

  open.add(question(8, {syn(kSequence + 1)}));
  EXPECT_TRUE(open.expire(kLater(2999)).empty());
  EXPECT_EQ(open.expire(kLater(3000)).size(), 1U);
  EXPECT_FALSE(open.take(kServer, reply(kSequence + 2), kLater(3001)));
}

TEST(OpenQuestions, TwoOfOneFlowAreToldApart) {
  OpenQuestions open;
  open.add(question(1, {syn(kSequence)}));
  open.add(question(2, {syn(kSequence + 16)}));
  EXPECT_EQ(open.take(kServer, reply(kSequence + 17), kLater(5))->finished->id, 2U);
  EXPECT_EQ(open.take(kServer, reply(kSequence + 1), kLater(6))->finished->id, 1U);
}

TEST(OpenQuestions, ThePayloadMayBeAcknowledgedOrNot) {
  for (const std::uint32_t beyond : {0U, 500U, 1348U}) {
    OpenQuestions open;
    open.add(question(1, {syn(kSequence, 40001, 1348)}));
    EXPECT_TRUE(open.take(kServer, reply(kSequence + 1 + beyond), kLater(5))) << beyond;
  }
  OpenQuestions open;
  open.add(question(1, {syn(kSequence, 40001, 1348)}));
  EXPECT_FALSE(open.take(kServer, reply(kSequence + 1 + 1349), kLater(5)));
}

TEST(OpenQuestions, ATrainIsFinishedByItsLastAnswer) {
  OpenQuestions open;
  open.add(question(1, {syn(10, 40001), syn(11, 40002), syn(12, 40003)}));
  EXPECT_FALSE(open.take(kServer, reply(11, 40001), kLater(20))->finished);
  EXPECT_FALSE(open.take(kServer, reply(13, 40003), kLater(22))->finished);
  const auto last = open.take(kServer, reply(12, 40002), kLater(21));
  ASSERT_TRUE(last && last->finished);
  EXPECT_EQ(last->finished->answered(), 3U);
  EXPECT_EQ(last->finished->rtt(), milliseconds(20));
}

TEST(OpenQuestions, ATrainThatLostSomeEndsWithItsPatience) {
  OpenQuestions open;
  open.add(question(1, {syn(10, 40001), syn(11, 40002)}));
  open.take(kServer, reply(11, 40001), kLater(20));
  const auto expired = open.expire(kLater(3000));
  ASSERT_EQ(expired.size(), 1U);
  EXPECT_EQ(expired[0].answered(), 1U);
  EXPECT_TRUE(expired[0].arrivals[0] && !expired[0].arrivals[1]);
  EXPECT_FALSE(open.take(kServer, reply(12, 40002), kLater(3001)));
  EXPECT_TRUE(open.room_for(OpenQuestions::kLargest));
}

TEST(OpenQuestions, SequenceNumbersWrapAround) {
  OpenQuestions open;
  open.add(question(1, {syn(0xffffffff)}));
  EXPECT_TRUE(open.take(kServer, reply(0), kLater(5)));
}

TEST(OpenQuestions, AStepOfTheClockMakesNoNegativeTime) {
  OpenQuestions open;
  open.add(question(1, {syn(10)}));
  EXPECT_EQ(open.take(kServer, reply(11), kStart - seconds(5))->finished->rtt(), nanoseconds(0));
}

TEST(OpenQuestions, AreBounded) {
  OpenQuestions open;
  for (std::size_t i = 0; i < OpenQuestions::kLargest; ++i) {
    ASSERT_TRUE(open.room_for(1));
    open.add(question(i, {syn(static_cast<std::uint32_t>(i * 2))}));
  }
  EXPECT_FALSE(open.room_for(1));
  EXPECT_EQ(open.expire(kLater(3000)).size(), OpenQuestions::kLargest);
  EXPECT_TRUE(open.room_for(1));
}

}  // namespace
}  // namespace anabranch::probe
