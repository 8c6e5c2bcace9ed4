// SPDX-License-Identifier: MIT
// A download over two paths, and a server that has not heard what is a backup.
#include <gmock/gmock.h>

#include "deciding.hpp"

namespace anabranch::paths {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class DeciderPriority : public DeciderTest {
 protected:
  /// Two subflows; the second joins as a backup when `rule` says so.
  void two_subflows(std::optional<bool> rule = {}) {
    auto settings = default_settings();
    if (rule) {
      PathRule second;
      second.match.interfaces = {"c2"};
      second.backup = *rule;
      settings.rules = {second};
    }
    start(settings);
    connect();
    measured(BitRate::mbit(30), BitRate::mbit(20));
    wait(milliseconds(1));
    join();
  }
  /// The kernel does what it is asked, and each of the subflows receives, or does not.
  void receive(nanoseconds time, bool first, bool second) {
    constexpr milliseconds kStep{10};
    constexpr unsigned kSegments = 10;
    for (const auto end = now_ + time; now_ < end;) {
      wait(kStep);
      input::Sample sample;
      sample.connection.token = kToken;
      sample.connection.state = 1;
      for (const bool is_first : {true, false}) {
        auto& segments = segments_[is_first ? 0 : 1];
        if (is_first ? first : second) segments += kSegments;
        auto one =
            seen({is_first ? kOne : kTwo, static_cast<std::uint16_t>(is_first ? 40000 : 50000)}, 0,
                 0, {});
        one.data_segments_received = segments;
        one.octets_received = 1448UL * segments;
        one.since_data_received = (is_first ? first : second) ? nanoseconds() : seconds(100);
        one.requested_backup = asked_for_backup(one.local);
        one.backup = peer_wants_backup_ && !is_first;
        sample.connection.octets_received += one.octets_received;
        sample.subflows.push_back(one);
      }
      sample.connection.received_next = sample.connection.octets_received;
      give(sample);
      answer_questions();
    }
  }
  void answer_questions() {
    const auto asked = of<action::Probe>();
    for (; answered_ < asked.size(); ++answered_)
      if (asked[answered_].source == kOne || second_answers_)
        give(input::Probed{asked[answered_].id, true, milliseconds(20)});
  }
  bool asked_for_backup(const Endpoint& local) const {
    bool out = false;
    for (const auto& what : of<action::CreateSubflow>())
      if (what.local == local.address) out = what.backup;
    for (const auto& what : of<action::SetBackup>())
      if (what.key.local == local) out = what.backup;
    return out;
  }
  /// MP_PRIOs for the second subflow since `from`.
  std::vector<bool> told(std::size_t from = 0) const {
    std::vector<bool> out;
    for (const auto& what : of<action::SetBackup>())
      if (what.key.local.address == kTwo) out.push_back(what.backup);
    out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(std::min(from, out.size())));
    return out;
  }

  std::uint32_t segments_[2] = {0, 0};
  bool peer_wants_backup_ = false;
  bool second_answers_ = true;  ///< its path, when it is asked
  std::size_t answered_ = 0;
};

TEST_F(DeciderPriority, AnActiveSubflowThatThePeerLeavesAloneIsToldAgain) {
  two_subflows();
  receive(milliseconds(450), true, false);
  EXPECT_THAT(told(), IsEmpty()) << "it may be about to begin";
  receive(milliseconds(550), true, false);
  EXPECT_THAT(told(), ::testing::ElementsAre(false));
  receive(milliseconds(500), true, false);
  EXPECT_THAT(told(), SizeIs(1)) << "less often each time";
  receive(seconds(200), true, false);
  EXPECT_THAT(told(), SizeIs(7)) << "and not for ever";
}

// A backup has nothing to carry, so nobody notices that its path has died; MP_PRIO is lost on it.
TEST_F(DeciderPriority, ThePathOfAnUnusedSubflowIsAskedAndLeftWhenItDoesNotAnswer) {
  two_subflows();
  const auto joins = of<action::CreateSubflow>().size();
  second_answers_ = false;
  receive(seconds(2), true, false);
  ASSERT_THAT(of<action::DestroySubflow>(), SizeIs(1));
  EXPECT_EQ(of<action::DestroySubflow>()[0].key.local.address, kTwo);
  EXPECT_THAT(told(), SizeIs(1));
  EXPECT_THAT(of<action::CreateSubflow>(), SizeIs(joins));
  second_answers_ = true;
  receive(seconds(1), true, false);
  ASSERT_THAT(of<action::CreateSubflow>(), SizeIs(joins + 1));
  EXPECT_FALSE(of<action::CreateSubflow>().back().backup);
}

TEST_F(DeciderPriority, OnceItIsUsedThePeerHasHeard) {
  two_subflows();
  receive(seconds(2), true, false);
  const auto before = told().size();
  ASSERT_GE(before, 1U);
  receive(seconds(2), true, true);
  EXPECT_THAT(told(before), IsEmpty());
}

TEST_F(DeciderPriority, APeerThatSendsNothingIsToldNothing) {
  two_subflows();
  receive(seconds(1), true, true);
  const auto before = told().size();
  receive(seconds(20), false, false);
  EXPECT_THAT(told(before), IsEmpty());
}

TEST_F(DeciderPriority, APeerThatWantsItAsABackupItselfIsToldNothing) {
  two_subflows();
  peer_wants_backup_ = true;
  receive(seconds(10), true, false);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(DeciderPriority, ABackupThatIsUsedBesideOthersIsToldAgain) {
  two_subflows(true);
  receive(seconds(1), true, false);
  ASSERT_THAT(told(), IsEmpty());
  receive(seconds(1), true, true);
  EXPECT_THAT(told(), ::testing::ElementsAre(true));
}

TEST_F(DeciderPriority, ABackupThatIsUsedInPlaceOfTheOthersIsLeftAlone) {
  two_subflows(true);
  receive(seconds(1), true, false);
  receive(seconds(10), false, true);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(DeciderPriority, AServerTellsItsClientsNothing) {
  start();
  auto created = event(Type::kCreated, {kOne, 40000});
  created.server_side = true;
  give(input::Event{created});
  created.type = Type::kEstablished;
  give(input::Event{created});
  give(input::Event{event(Type::kSubflowEstablished, {kTwo, 50000})});
  receive(seconds(10), true, false);
  EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
}  // namespace anabranch::paths
