// SPDX-License-Identifier: MIT
#include "gateway/uplink_health.hpp"

#include <gtest/gtest.h>

namespace anabranch::gateway {
namespace {

const IpAddress kNextHop = IpAddress::parse("172.16.1.2").value();
const IpAddress kNextHop6 = IpAddress::parse("fe80::2").value();
const HealthProbe kEcho{.kind = HealthProbe::Kind::kIcmp,
                        .address = IpAddress::parse("198.51.100.1").value()};
const HealthProbe kPage{.kind = HealthProbe::Kind::kHttp,
                        .address = IpAddress::parse("198.51.100.2").value(),
                        .port = 80,
                        .path = "/",
                        .host = "198.51.100.2"};

Health settings(std::vector<HealthProbe> probes, unsigned down_after = 2, unsigned up_after = 1) {
  return {.probes = std::move(probes),
          .interval = milliseconds(500),
          .timeout = milliseconds(400),
          .down_after = down_after,
          .up_after = up_after};
}

/// An uplink and its clock: every round begins half a second after the one before.
struct Uplink1 {
  explicit Uplink1(const Health& health, const std::vector<IpAddress>& next_hops = {kNextHop})
      : judge(health, next_hops), probes(health.probes.size()) {}

  void silent_round(std::string why = {}) {
    const auto round = begin();
    for (std::size_t i = 0; i < probes; ++i)
      judge.on_outcome({.probe = i, .round = round, .answered = false, .why = why},
                       now + milliseconds(400));
  }
  /// Only the first probe is answered.
  void answered_round(nanoseconds rtt = milliseconds(20)) {
    const auto round = begin();
    judge.on_outcome({.probe = 0, .round = round, .answered = true, .rtt = rtt}, now + rtt);
    for (std::size_t i = 1; i < probes; ++i)
      judge.on_outcome({.probe = i, .round = round}, now + milliseconds(400));
  }
  unsigned begin() {
    now += milliseconds(500);
    return judge.begin_round(now);
  }
  std::string why() const { return judge.health(now + milliseconds(400)).why; }

  HealthJudge judge;
  std::size_t probes;
  MonotonicTime now{};
};

TEST(UplinkHealth, WorksUntilSomethingSpeaksAgainstIt) {
  const Uplink1 uplink(settings({kEcho}));
  EXPECT_TRUE(uplink.judge.works());
  EXPECT_EQ(uplink.why(), "");
  EXPECT_EQ(uplink.judge.health({}).rtt, std::nullopt);
}

TEST(UplinkHealth, IsDownAfterAsManySilentRoundsAsConfigured) {
  Uplink1 uplink(settings({kEcho}, 3));
  uplink.answered_round();
  uplink.silent_round();
  uplink.silent_round();
  EXPECT_TRUE(uplink.judge.works());
  uplink.silent_round();
  EXPECT_FALSE(uplink.judge.works());
}

TEST(UplinkHealth, SaysWhoIsSilentAndForHowLong) {
  Uplink1 uplink(settings({kEcho, kPage}));
  uplink.answered_round(milliseconds(0));
  uplink.silent_round();
  uplink.silent_round("HTTP status 503");
  EXPECT_EQ(uplink.why(),
            "no answer from icmp:198.51.100.1 (HTTP status 503), "
            "http://198.51.100.2/ (HTTP status 503) for 1.4 s");
  for (int i = 0; i < 30; ++i) uplink.silent_round();
  EXPECT_EQ(uplink.why(), "no answer from icmp:198.51.100.1, http://198.51.100.2/ for 16 s");
}

TEST(UplinkHealth, OneAnswerOfARoundIsEnough) {
  Uplink1 uplink(settings({kEcho, kPage}, 1));
  for (int i = 0; i < 5; ++i) uplink.answered_round();
  EXPECT_TRUE(uplink.judge.works());
  EXPECT_DOUBLE_EQ(uplink.judge.health(uplink.now).loss, 0.5);
}

TEST(UplinkHealth, AnAnswerBetweenBeginsTheCountAnew) {
  Uplink1 uplink(settings({kEcho}));
  for (int i = 0; i < 10; ++i) {
    uplink.silent_round();
    uplink.answered_round();
  }
  EXPECT_TRUE(uplink.judge.works());
}

TEST(UplinkHealth, WorksAgainAfterAsManyAnsweredRoundsAsConfigured) {
  Uplink1 uplink(settings({kEcho}, 1, 2));
  uplink.silent_round();
  EXPECT_FALSE(uplink.judge.works());
  uplink.answered_round();
  uplink.silent_round();
  uplink.answered_round();
  EXPECT_FALSE(uplink.judge.works());
  uplink.answered_round();
  EXPECT_TRUE(uplink.judge.works());
}

TEST(UplinkHealth, OtherProbesOfAnUplinkThatFailedHaveToBeAnsweredFirst) {
  Uplink1 uplink(settings({kEcho}, 3));
  uplink.judge.presume_failed();
  EXPECT_FALSE(uplink.judge.works());
  EXPECT_EQ(uplink.why(), "no answer from icmp:198.51.100.1");
  uplink.silent_round();
  EXPECT_FALSE(uplink.judge.works());
  uplink.answered_round();
  EXPECT_TRUE(uplink.judge.works());
  Uplink1 without(settings({}));
  without.judge.presume_failed();
  EXPECT_TRUE(without.judge.works()) << "nothing would ever take it back";
}

TEST(UplinkHealth, TheFirstAnswerOfARoundIsNotKeptWaitingForTheOthers) {
  Uplink1 uplink(settings({kEcho, kPage}, 1));
  uplink.silent_round();
  ASSERT_FALSE(uplink.judge.works());
  const auto round = uplink.begin();
  uplink.judge.on_outcome({.probe = 1, .round = round, .answered = true}, uplink.now);
  EXPECT_TRUE(uplink.judge.works());
}

TEST(UplinkHealth, ARoundWithoutAResultEndsWithTheNext) {
  Uplink1 uplink(settings({kEcho}, 1));
  const auto first = uplink.begin();
  uplink.begin();
  EXPECT_FALSE(uplink.judge.works());
  uplink.judge.on_outcome({.probe = 0, .round = first, .answered = false}, uplink.now);
  EXPECT_FALSE(uplink.judge.works());
}

TEST(UplinkHealth, TellsTheLastRoundTripAndTheLossOfTheLastHundred) {
  Uplink1 uplink(settings({kEcho}, 100));
  for (int i = 0; i < 200; ++i) uplink.answered_round(milliseconds(20));
  EXPECT_DOUBLE_EQ(uplink.judge.health(uplink.now).loss, 0);
  for (int i = 0; i < 25; ++i) uplink.silent_round();
  uplink.answered_round(milliseconds(30));
  const auto health = uplink.judge.health(uplink.now);
  EXPECT_DOUBLE_EQ(health.loss, 0.25);
  EXPECT_EQ(health.rtt, milliseconds(30));
}

TEST(UplinkHealth, WithoutProbesTheNextHopDecides) {
  Uplink1 uplink(settings({}));
  for (int i = 0; i < 10; ++i) uplink.begin();
  EXPECT_TRUE(uplink.judge.works());
  uplink.judge.on_next_hop(kNextHop, true);
  EXPECT_FALSE(uplink.judge.works());
  EXPECT_EQ(uplink.why(), "the next hop 172.16.1.2 does not answer ARP");
  uplink.judge.on_next_hop(kNextHop, false);
  EXPECT_TRUE(uplink.judge.works());
}

TEST(UplinkHealth, NeighboursThatAreNoNextHopDoNotMatter) {
  Uplink1 uplink(settings({}));
  uplink.judge.on_next_hop(kNextHop6, true);
  EXPECT_TRUE(uplink.judge.works());
}

TEST(UplinkHealth, OneNextHopOfTwoFamiliesIsEnough) {
  Uplink1 uplink(settings({}), {kNextHop, kNextHop6});
  uplink.judge.on_next_hop(kNextHop, true);
  EXPECT_TRUE(uplink.judge.works());
  uplink.judge.on_next_hop(kNextHop6, true);
  EXPECT_EQ(uplink.why(),
            "the next hop 172.16.1.2 does not answer ARP, the next hop fe80::2 does not answer "
            "Neighbour Discovery");
}

TEST(UplinkHealth, WithProbesAMissingNextHopIsBadNewsAtOnceAndItsReturnIsNoProof) {
  Uplink1 uplink(settings({kEcho}));
  uplink.answered_round();
  uplink.judge.on_next_hop(kNextHop, true);
  EXPECT_FALSE(uplink.judge.works());
  EXPECT_EQ(uplink.why(), "the next hop 172.16.1.2 does not answer ARP");
  uplink.judge.on_next_hop(kNextHop, false);
  EXPECT_FALSE(uplink.judge.works()) << "what is beyond may be dead";
  uplink.answered_round();
  EXPECT_TRUE(uplink.judge.works());
}

TEST(UplinkHealth, ALostLinkLeavesTheVerdictOfTheProbes) {
  Uplink1 uplink(settings({kEcho}));
  uplink.silent_round();
  uplink.judge.on_link_lost();
  uplink.silent_round();
  EXPECT_TRUE(uplink.judge.works()) << "what was silent before the loss does not count";
  uplink.silent_round();
  EXPECT_FALSE(uplink.judge.works());
  uplink.judge.on_link_lost();
  EXPECT_FALSE(uplink.judge.works()) << "a cable that is pulled and put back heals nothing";
  uplink.answered_round();
  EXPECT_TRUE(uplink.judge.works());
}

TEST(UplinkHealth, ALostLinkTakesBackWhatTheNextHopDid) {
  Uplink1 uplink(settings({}));
  uplink.judge.on_next_hop(kNextHop, true);
  uplink.judge.on_link_lost();
  EXPECT_TRUE(uplink.judge.works());
}

}  // namespace
}  // namespace anabranch::gateway
