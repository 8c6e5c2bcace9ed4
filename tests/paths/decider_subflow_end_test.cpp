// SPDX-License-Identifier: MIT
// Subflows that are asked for, are silent, are reset by the peer, or end with their connection.
#include <cerrno>

#include <gmock/gmock.h>

#include "deciding.hpp"

namespace anabranch::paths {
namespace {

using ::testing::HasSubstr;

class DeciderSubflowEnd : public DeciderTest {
 protected:
  void two_subflows() {
    start();
    connect();
    measured(BitRate::mbit(30), BitRate::mbit(20));
    wait(milliseconds(1));
    join();
  }
  std::vector<action::Note> notes(std::string_view code) const {
    std::vector<action::Note> out;
    for (auto& note : of<action::Note>())
      if (note.code == code) out.push_back(note);
    return out;
  }
  /// Every join is refused at once; how many there were.
  int refused_for(nanoseconds time) {
    int joins = 0;
    for (const auto end = now_ + time; now_ < end;) {
      const auto before = of<action::CreateSubflow>().size();
      wait(milliseconds(10));
      for (auto i = before; i < of<action::CreateSubflow>().size(); ++i, ++joins)
        give(reset(0, std::nullopt));
    }
    return joins;
  }
  input::Event reset(std::uint16_t port, std::optional<unsigned> reason, bool transient = false) {
    auto out = event(Type::kSubflowClosed, {kTwo, port});
    out.error = ECONNREFUSED;
    out.reset_reason = reason;
    out.reset_transient = transient;
    return {out};
  }
};

TEST_F(DeciderSubflowEnd, OneThatIsAskedForIsShownAsConnecting) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  const auto waiting = decider_->waiting(kToken);
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting[0].code, "connecting");
  EXPECT_EQ(waiting[0].local, kTwo);
  EXPECT_EQ(waiting[0].remote, kServer);
  join();
  EXPECT_TRUE(decider_->waiting(kToken).empty());
}

TEST_F(DeciderSubflowEnd, OneWhosePathDoesNotAnswerIsShownAsSilent) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  give(input::Paths{{path(kOne, "c1", 1)}});
  const SubflowKey only{{kOne, 40000}, kServer};
  send_steadily(seconds(2), true, false);
  EXPECT_FALSE(decider_->silent(only));
  send_steadily(milliseconds(700), false, false);
  EXPECT_TRUE(decider_->connections().at(kToken).subflows.contains(only)) << "it is the last one";
  EXPECT_TRUE(decider_->silent(only));
}

TEST_F(DeciderSubflowEnd, AJoinThatIsResetWithAReasonSaysSo) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  give(reset(0, 3, true));
  ASSERT_EQ(notes("join-reset").size(), 1U);
  EXPECT_THAT(notes("join-reset")[0].text, HasSubstr("administratively denied, for now"));
  const auto waiting = decider_->waiting(kToken);
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting[0].code, "join-reset");
  EXPECT_EQ(waiting[0].detail, "administratively denied, for now");
}

TEST_F(DeciderSubflowEnd, AReasonOfZeroIsOneToo) {
  two_subflows();
  give(reset(50000, 0));
  ASSERT_EQ(notes("join-reset").size(), 1U);
  EXPECT_THAT(notes("join-reset")[0].text, HasSubstr("an unspecified error"));
  EXPECT_TRUE(notes("subflow-lost").empty());
}

TEST_F(DeciderSubflowEnd, WithoutAReasonItWasJustRefusedOrLost) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  give(reset(0, std::nullopt));
  ASSERT_EQ(decider_->waiting(kToken).size(), 1U);
  EXPECT_EQ(decider_->waiting(kToken)[0].code, "join-refused");
  EXPECT_TRUE(notes("join-reset").empty());
}

// A middlebox that resets for a while must not make the path wait for half a minute afterwards.
TEST_F(DeciderSubflowEnd, APathThatHasWorkedIsTriedSoonAgainHoweverOftenItIsRefused) {
  two_subflows();
  wait(seconds(1));
  give(reset(50000, std::nullopt));
  EXPECT_GE(refused_for(seconds(10)), 14);
}

TEST_F(DeciderSubflowEnd, APeerThatHasAlwaysRefusedIsAskedMoreAndMoreRarely) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  EXPECT_LE(refused_for(seconds(10)), 7);
}

// The last segments of a transfer may stay without an ACK (the peer has closed) while nothing is
// missing any more: the path is not to blame.
TEST_F(DeciderSubflowEnd, AConnectionThatHasDeliveredAllFailsNoPath) {
  two_subflows();
  send_steadily(seconds(2));
  unsent_ = 1;  // DATA_FIN
  connection_state_ = 4;
  acknowledged_ = sent_[0] + sent_[1];
  send_steadily(milliseconds(500), false, false);
  EXPECT_TRUE(notes("path-failed").empty());
  EXPECT_TRUE(of<action::DestroySubflow>().empty());
}

TEST_F(DeciderSubflowEnd, OneThatClosesWithDataOutstandingStillFindsASilentPath) {
  two_subflows();
  send_steadily(seconds(2));
  connection_state_ = 4;
  send_steadily(milliseconds(150), false, true);
  EXPECT_EQ(notes("path-failed").size(), 1U);
  EXPECT_FALSE(of<action::DestroySubflow>().empty());
}

}  // namespace
}  // namespace anabranch::paths
