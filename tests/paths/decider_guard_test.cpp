// SPDX-License-Identifier: MIT
// An upload over two paths, of which the slower one makes the faster one wait.
#include <gmock/gmock.h>

#include "deciding.hpp"

namespace anabranch::paths {
namespace {

using ::testing::HasSubstr;

class DeciderGuard : public DeciderTest {
 protected:
  void SetUp() override {
    start();
    connect();
    measured(BitRate::mbit(30), BitRate::mbit(20));
    wait(milliseconds(1));
    join();
    in_a_step_[0] = 35'000;
    send_steadily(seconds(3));
  }
  /// The first subflow has nothing left to do, the second one is busy with what comes next, and is
  /// acknowledged steadily or not at all.
  void stall(nanoseconds time, bool second_is_heard) {
    nanoseconds silent{};
    for (const auto end = now_ + time; now_ < end;) {
      wait(milliseconds(10));
      if (second_is_heard)
        sent_[1] += 1000;
      else
        silent += milliseconds(10);
      acknowledged_ += 1000;
      auto first = seen({kOne, 40000}, sent_[0], 10, {});
      auto second = seen({kTwo, 50000}, sent_[1], 30, silent);
      give_sample({first, second});
    }
  }
  /// Time passes, the second subflow is gone.
  void go_on(nanoseconds time) {
    for (const auto end = now_ + time; now_ < end;) {
      wait(milliseconds(10));
      sent_[0] += 20000;
      acknowledged_ += 20000;
      received_ += received_in_a_step_;
      give_sample({seen({kOne, 40000}, sent_[0], 30, {})});
    }
  }
  void give_sample(std::vector<kernel::SubflowDiag> subflows) {
    input::Sample sample;
    sample.connection.token = kToken;
    sample.connection.state = connection_state_;
    sample.connection.octets_acknowledged = acknowledged_;
    sample.connection.octets_sent = acknowledged_;
    sample.connection.octets_received = received_;
    sample.connection.unacknowledged = acknowledged_;
    sample.connection.written = acknowledged_ + 200'000;
    sample.subflows = std::move(subflows);
    give(sample);
  }
  std::string note(const std::string& code) const {
    std::string out;
    for (const auto& what : of<action::Note>())
      if (what.code == code) out = what.text;
    return out;
  }
  /// Why the second path was asked for again as it was, after it was taken out.
  std::string came_back_for() const {
    std::string out;
    for (const auto& action : done_)
      if (const auto* what = std::get_if<action::CreateSubflow>(&action.what))
        if (what->local == kTwo) out = action.reason + (what->backup ? ", backup" : "");
    return out;
  }

  std::uint64_t received_ = 0;
  std::uint64_t received_in_a_step_ = 0;
};

TEST_F(DeciderGuard, ASlowSubflowThatHoldsUpTheFastOneIsABackupForAWhile) {
  done_.clear();
  stall(milliseconds(400), true);
  EXPECT_THAT(note("stalled"), HasSubstr("backup for 5"));
  go_on(seconds(2));
  EXPECT_EQ(came_back_for(), "stalled-before, backup");
}

// It may be cut off, and when it comes back it is as good as before.
TEST_F(DeciderGuard, OneThatIsNotHeardOfIsNoSlowCompany) {
  done_.clear();
  stall(milliseconds(400), false);
  EXPECT_THAT(note("stalled"), HasSubstr("made anew"));
  go_on(seconds(2));
  EXPECT_EQ(came_back_for(), "good-company");
}

TEST_F(DeciderGuard, WhatHeldUpAnUploadMayCarryADownload) {
  done_.clear();
  stall(milliseconds(400), true);
  ASSERT_THAT(note("stalled"), HasSubstr("backup for 5"));
  received_ = 10'000'000'000;
  received_in_a_step_ = 200'000;
  go_on(seconds(2));
  EXPECT_EQ(came_back_for(), "good-company");
}

}  // namespace
}  // namespace anabranch::paths
