// SPDX-License-Identifier: MIT
#include "host/address_check.hpp"

#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;
using wire::ArpPacket;
using Verdict = AddressCheck::Verdict;

const MacAddress kOurs{{2, 0, 0, 0, 0, 2}};
const MacAddress kSibling{{2, 0, 0, 0, 0, 3}};
const MacAddress kStranger{{2, 0, 0, 0, 0, 0x99}};
const IpAddress kAddress = IpAddress::v4(0x0a021005);
const IpAddress kElsewhere = IpAddress::v4(0x0a021006);

class AddressCheckTest : public testing::Test {
 protected:
  AddressCheck::Step next() {
    now_ = check_.next_timer();
    return check_.timer(now_);
  }
  Verdict hear(const ArpPacket& packet) { return check_.receive(packet, now_).verdict; }
  void in_use() {
    check_.probe(kAddress, now_);
    while (check_.next_timer() != MonotonicTime::max()) next();
  }
  static ArpPacket reply(const MacAddress& from, const IpAddress& sender) {
    return {ArpPacket::Operation::kReply, from, sender, kOurs, IpAddress()};
  }

  MonotonicTime now_ = MonotonicTime(1h);
  AddressCheck check_{
      {kOurs, [](const MacAddress& mac) { return mac == kSibling; }, [] { return 7u; }}};
};

TEST_F(AddressCheckTest, ThreeProbesThenTwoAnnouncements) {
  const auto began = now_;
  EXPECT_EQ(check_.probe(kAddress, now_).send, ArpPacket::probe(kOurs, kAddress));
  EXPECT_EQ(next().send, ArpPacket::probe(kOurs, kAddress));
  EXPECT_EQ(next().send, ArpPacket::probe(kOurs, kAddress));
  const auto free = next();
  EXPECT_EQ(free.verdict, Verdict::kFree);
  EXPECT_EQ(free.send, ArpPacket::announcement(kOurs, kAddress));
  EXPECT_GE(now_ - began, 300ms);
  EXPECT_LE(now_ - began, 360ms) << "a path must come up fast";
  const auto announced = now_;
  const auto again = next();
  EXPECT_EQ(again.send, ArpPacket::announcement(kOurs, kAddress));
  EXPECT_EQ(again.verdict, Verdict::kNone);
  EXPECT_EQ(now_ - announced, 2s);
  EXPECT_EQ(check_.next_timer(), MonotonicTime::max());
}

TEST_F(AddressCheckTest, WhatAProbedAddressIsInConflictWith) {
  const struct {
    const char* what;
    ArpPacket packet;
    Verdict verdict;
  } rows[] = {
      {"an answer", reply(kStranger, kAddress), Verdict::kConflict},
      {"somebody else's announcement", ArpPacket::announcement(kStranger, kAddress),
       Verdict::kConflict},
      {"somebody who probes, too", ArpPacket::probe(kStranger, kAddress), Verdict::kConflict},
      {"our own probe, sent back by a switch", ArpPacket::probe(kOurs, kAddress), Verdict::kNone},
      {"an answer of another interface of this host", reply(kSibling, kAddress), Verdict::kNone},
      {"another address", reply(kStranger, kElsewhere), Verdict::kNone},
      {"a probe for another address", ArpPacket::probe(kStranger, kElsewhere), Verdict::kNone},
      {"somebody who looks for it",
       {ArpPacket::Operation::kRequest, kStranger, kElsewhere, {}, kAddress},
       Verdict::kNone},
  };
  for (const auto& row : rows) {
    check_.probe(kAddress, now_);
    EXPECT_EQ(hear(row.packet), row.verdict) << row.what;
    EXPECT_EQ(check_.address().has_value(), row.verdict != Verdict::kConflict) << row.what;
  }
}

TEST_F(AddressCheckTest, WhoAnswersTheProbesLateWasThereBeforeUs) {
  check_.probe(kAddress, now_);
  while (next().verdict != Verdict::kFree) {
  }
  now_ += 500ms;
  EXPECT_EQ(hear(reply(kStranger, kAddress)), Verdict::kConflict);
}

TEST_F(AddressCheckTest, WhatAnAddressInUseIsDefendedAgainst) {
  const struct {
    const char* what;
    ArpPacket packet;
    Verdict verdict;
  } rows[] = {
      {"somebody else's announcement", ArpPacket::announcement(kStranger, kAddress),
       Verdict::kDefended},
      {"an answer", reply(kStranger, kAddress), Verdict::kDefended},
      {"a probe, which the kernel answers", ArpPacket::probe(kStranger, kAddress), Verdict::kNone},
      {"our own announcement", ArpPacket::announcement(kOurs, kAddress), Verdict::kNone},
      {"another interface of this host", reply(kSibling, kAddress), Verdict::kNone},
  };
  for (const auto& row : rows) {
    in_use();
    EXPECT_EQ(hear(row.packet), row.verdict) << row.what;
  }
}

TEST_F(AddressCheckTest, ASecondClaimWithinTenSecondsIsBelieved) {
  in_use();
  const auto first = check_.receive(ArpPacket::announcement(kStranger, kAddress), now_);
  EXPECT_EQ(first.send, ArpPacket::announcement(kOurs, kAddress));
  EXPECT_EQ(first.other, kStranger);
  now_ += 10s;
  EXPECT_EQ(hear(reply(kStranger, kAddress)), Verdict::kDefended) << "long enough ago";
  now_ += 9s;
  EXPECT_EQ(hear(reply(kStranger, kAddress)), Verdict::kConflict);
  EXPECT_EQ(check_.next_timer(), MonotonicTime::max());
  EXPECT_EQ(hear(reply(kStranger, kAddress)), Verdict::kNone) << "it is not ours any more";
}

TEST_F(AddressCheckTest, AnAddressOfAnEarlierProcessIsWatchedWithoutFurtherWords) {
  check_.watch(kAddress);
  EXPECT_EQ(check_.next_timer(), MonotonicTime::max());
  EXPECT_EQ(hear(reply(kStranger, kAddress)), Verdict::kDefended);
  check_.watch(kAddress);
  EXPECT_EQ(hear(reply(kStranger, kAddress)), Verdict::kConflict) << "the first claim still counts";
}

}  // namespace
}  // namespace anabranch::host
