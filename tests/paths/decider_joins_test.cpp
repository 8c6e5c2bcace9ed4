// SPDX-License-Identifier: MIT
// Joins that nobody answers are ended by us: the kernel would go on for two minutes.
#include <cerrno>

#include <gtest/gtest.h>

#include "deciding.hpp"

namespace anabranch::paths {
namespace {

class DeciderJoins : public DeciderTest {
 protected:
  void asked(nanoseconds rtt = milliseconds(20)) {
    start();
    connect();
    measured(BitRate::mbit(30), BitRate::mbit(20), milliseconds(20), rtt);
    wait(milliseconds(1));
    ASSERT_EQ(of<action::CreateSubflow>().size(), 1U);
  }
};

TEST_F(DeciderJoins, OfOnePairThereIsOneAtATime) {
  asked();
  for (int i = 0; i < 600; ++i) {
    wait(milliseconds(50));
    answer();
    EXPECT_LE(of<action::CreateSubflow>().size() - of<action::AbandonJoin>().size(), 1U);
  }
  EXPECT_GE(of<action::CreateSubflow>().size(), 10U);
  EXPECT_EQ(of<action::AbandonJoin>()[0].local, kTwo);
  EXPECT_EQ(of<action::AbandonJoin>()[0].remote, kServer);
}

TEST_F(DeciderJoins, TheEndOfOneIsNoEndOfTheNext) {
  asked();
  wait(milliseconds(1100));
  answer();
  ASSERT_EQ(of<action::CreateSubflow>().size(), 2U);
  auto ended = event(Type::kSubflowClosed, {kTwo, 50000});
  ended.error = ECONNABORTED;
  give(input::Event{ended});
  ASSERT_EQ(decider_->waiting(kToken).size(), 1U);
  EXPECT_EQ(decider_->waiting(kToken)[0].code, "connecting");
  join();
  EXPECT_TRUE(decider_->waiting(kToken).empty());
}

TEST_F(DeciderJoins, APathThatDoesNotAnswerEitherHasFailedAndGetsNoMore) {
  asked();
  wait(milliseconds(1500));
  const auto joins = of<action::CreateSubflow>().size();
  EXPECT_EQ(of<action::AbandonJoin>().size(), joins) << "none is left";
  wait(seconds(20));
  EXPECT_EQ(of<action::CreateSubflow>().size(), joins);
  answer();
  wait(milliseconds(1));
  EXPECT_EQ(of<action::CreateSubflow>().size(), joins + 1) << "at once when it is back";
}

TEST_F(DeciderJoins, ALongRoundTripIsWaitedFor) {
  asked(milliseconds(1500));
  wait(milliseconds(2000));
  EXPECT_TRUE(of<action::AbandonJoin>().empty());
  wait(milliseconds(1000));
  EXPECT_EQ(of<action::AbandonJoin>().size(), 1U);
}

TEST_F(DeciderJoins, OneWhosePathIsGoneIsEndedAtOnce) {
  asked();
  give(input::Paths{{path(kOne, "c1", 1)}});
  EXPECT_EQ(of<action::AbandonJoin>().size(), 1U);
  EXPECT_TRUE(decider_->waiting(kToken).empty());
}

// What a new daemon, or one that has lost events, finds in the kernel's table.
TEST_F(DeciderJoins, WhatIsStillAskedForOrOnlyEndingIsNoSubflowOfAConnectionThatRuns) {
  start();
  input::Adopted adopted;
  adopted.connection.token = kToken;
  adopted.connection.state = 1;
  adopted.connection.local = {kOne, 40000};
  adopted.connection.remote = kServer;
  adopted.subflows = {seen({kOne, 40000}, 0, 0, {}), seen({kTwo, 50000}, 0, 0, {}),
                      seen({kTwo, 50001}, 0, 0, {})};
  adopted.subflows[1].state = 2;  // SYN_SENT
  adopted.subflows[2].state = 4;  // FIN_WAIT1
  give(adopted);
  EXPECT_EQ(decider_->connections().at(kToken).subflows.size(), 1U);
}

// What never answers may be alive for all its silence; so that is found out before it matters, once
// for all connections to the peer.
TEST_F(DeciderJoins, ThePeerOfConnectionsThatAreTakenOverIsAskedWhetherItAnswers) {
  start();
  input::Adopted adopted;
  adopted.connection.state = 1;
  adopted.connection.local = {kOne, 40000};
  adopted.connection.remote = kServer;
  adopted.subflows = {seen({kOne, 40000}, 0, 0, {}), seen({kTwo, 50000}, 0, 0, {})};
  for (const Token token : {kToken, kToken + 1}) {
    adopted.connection.token = token;
    give(adopted);
  }
  const auto asked = of<action::Probe>();
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[0].source, kOne);
  EXPECT_EQ(asked[1].source, kTwo);
}

}  // namespace
}  // namespace anabranch::paths
