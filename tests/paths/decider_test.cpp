// SPDX-License-Identifier: MIT
#include "paths/decider.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace anabranch::paths {
namespace {

using Type = kernel::MptcpEvent::Type;

const IpAddress kOne = *IpAddress::parse("10.1.0.2");
const IpAddress kTwo = *IpAddress::parse("10.2.0.2");
const Endpoint kServer{*IpAddress::parse("198.18.0.1"), 443};
constexpr Token kToken = 0x1234;

/// A host with two paths and a decider, and a hand that moves the clock.
class DeciderTest : public testing::Test {
 protected:
  void start(Settings settings = default_settings()) {
    decider_.emplace(std::move(settings));
    give(input::Paths{{path(kOne, "c1", 1), path(kTwo, "c2", 2)}});
  }
  static Path path(const IpAddress& address, const char* name, unsigned ifindex) {
    Path out;
    out.address = address;
    out.interface = name;
    out.ifindex = ifindex;
    return out;
  }
  void give(const Input& input) {
    for (auto& action : decider_->handle(input, now_)) done_.push_back(std::move(action));
  }
  void wait(nanoseconds time) {
    const auto end = now_ + time;
    while (decider_->next_tick() && *decider_->next_tick() <= end) {
      now_ = std::max(now_, *decider_->next_tick());
      give(input::Tick{});
    }
    now_ = end;
  }
  template <class What>
  std::vector<What> of() const {
    std::vector<What> out;
    for (const auto& action : done_)
      if (const auto* what = std::get_if<What>(&action.what)) out.push_back(*what);
    return out;
  }
  kernel::MptcpEvent event(Type type, Endpoint local, Endpoint remote = kServer,
                           std::uint8_t id = 0) const {
    kernel::MptcpEvent out;
    out.type = type;
    out.token = kToken;
    out.local = local;
    out.remote = remote;
    out.local_id = id;
    return out;
  }
  void connect(std::uint16_t port = 40000) {
    give(input::Event{event(Type::kCreated, {kOne, port})});
    give(input::Event{event(Type::kEstablished, {kOne, port})});
  }
  /// Answers every measurement until both paths are known for sure, which takes two of each while
  /// nothing else passes: kOne with `first`, kTwo with `second`.
  void measured(BitRate first, BitRate second, nanoseconds rtt_one = milliseconds(20),
                nanoseconds rtt_two = milliseconds(20)) {
    for (const auto& what : of<action::Probe>())
      give(input::Probed{what.id, true, what.source == kOne ? rtt_one : rtt_two});
    std::size_t answered = 0;
    for (int i = 0; i < 40; ++i) {
      const auto asked = of<action::Measure>();
      for (; answered < asked.size(); ++answered) {
        const bool one = asked[answered].source == kOne;
        give(input::Measured{asked[answered].id, 6, one ? rtt_one : rtt_two, one ? first : second});
      }
      wait(milliseconds(50));
    }
  }
  /// The second subflow, as the first CreateSubflow asked for it.
  void join(std::uint16_t port = 50000) {
    const auto asked = of<action::CreateSubflow>();
    ASSERT_FALSE(asked.empty());
    give(input::Event{event(Type::kSubflowEstablished, {asked.back().local, port},
                            asked.back().remote, asked.back().local_id)});
  }
  kernel::SubflowDiag seen(const Endpoint& local, std::uint64_t acknowledged,
                           unsigned unacknowledged, nanoseconds since_ack) const {
    kernel::SubflowDiag out;
    out.token = kToken;
    out.local = local;
    out.remote = kServer;
    out.state = 1;
    out.minimum_rtt = round_trip_[local.address == kOne ? 0 : 1];
    out.rtt = out.minimum_rtt + milliseconds(25);  // who sends all the time fills a queue
    out.congestion_window = 50;
    out.segment = 1448;
    out.octets_acknowledged = acknowledged;
    out.unacknowledged = unacknowledged;
    out.since_ack = since_ack;
    out.since_data_received = seconds(100);
    return out;
  }
  /// Both subflows send for a while, steadily, 10 ms at a time.
  void send_steadily(nanoseconds time, bool first = true, bool second = true) {
    for (const auto end = now_ + time; now_ < end;) {
      wait(milliseconds(10));
      if (first) sent_[0] += in_a_step_[0];
      if (second) sent_[1] += in_a_step_[1];
      silent_[0] = first ? nanoseconds() : silent_[0] + milliseconds(10);
      silent_[1] = second ? nanoseconds() : silent_[1] + milliseconds(10);
      input::Sample sample;
      sample.connection.token = kToken;
      // What a silent subflow has is missing in between.
      if (first && second) acknowledged_ = sent_[0] + sent_[1];
      sample.connection.octets_acknowledged = acknowledged_;
      sample.connection.written = sent_[0] + sent_[1] + 500000;
      sample.connection.unacknowledged = acknowledged_;
      sample.subflows = {seen({kOne, 40000}, sent_[0], 30, silent_[0]),
                         seen({kTwo, 50000}, sent_[1], 30, silent_[1])};
      for (auto& one : sample.subflows) one.unsent = 10000;
      give(sample);
    }
  }

  std::optional<Decider> decider_;
  MonotonicTime now_{seconds(1000)};
  std::vector<Action> done_;
  std::uint64_t sent_[2] = {0, 0};
  std::uint64_t acknowledged_ = 0;
  std::uint64_t in_a_step_[2] = {20000, 20000};
  nanoseconds round_trip_[2] = {milliseconds(20), milliseconds(20)};
  nanoseconds silent_[2] = {};
};

TEST_F(DeciderTest, AnUnknownPathIsMeasuredBeforeItIsJoined) {
  start();
  connect();
  ASSERT_EQ(of<action::Measure>().size(), 1U) << "of the path that is idle for certain";
  EXPECT_EQ(of<action::Measure>()[0].source, kTwo);
  EXPECT_TRUE(of<action::CreateSubflow>().empty());
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  const auto asked = of<action::CreateSubflow>();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].local, kTwo);
  EXPECT_EQ(asked[0].remote, kServer);
  EXPECT_EQ(asked[0].ifindex, 2U);
  EXPECT_NE(asked[0].local_id, 0);
  EXPECT_FALSE(asked[0].backup);
}

TEST_F(DeciderTest, APathThatAnswersNoMeasurementIsJoinedAsABackup) {
  start();
  connect();
  wait(milliseconds(400));
  const auto asked = of<action::CreateSubflow>();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_TRUE(asked[0].backup);
}

TEST_F(DeciderTest, AVerySlowPathIsABackup) {
  start();
  connect();
  measured(BitRate::mbit(50), BitRate::mbit(0.5), milliseconds(20), milliseconds(100));
  wait(milliseconds(1));
  ASSERT_EQ(of<action::CreateSubflow>().size(), 1U);
  EXPECT_TRUE(of<action::CreateSubflow>()[0].backup);
}

TEST_F(DeciderTest, AConnectionThatBeganOnTheSlowPathMovesToTheFastOne) {
  in_a_step_[0] = 6000;
  in_a_step_[1] = 60000;
  round_trip_[0] = milliseconds(300);
  start();
  connect();
  measured(BitRate::mbit(5), BitRate::mbit(50), milliseconds(300), milliseconds(20));
  wait(milliseconds(1));
  ASSERT_EQ(of<action::CreateSubflow>().size(), 1U);
  EXPECT_FALSE(of<action::CreateSubflow>()[0].backup);
  EXPECT_TRUE(of<action::DestroySubflow>().empty());
  join();
  send_steadily(seconds(2));
  const auto destroyed = of<action::DestroySubflow>();
  ASSERT_FALSE(destroyed.empty());
  EXPECT_EQ(destroyed[0].key.local.address, kOne);
  wait(seconds(1));
  EXPECT_EQ(of<action::CreateSubflow>().back().local, kOne);
  EXPECT_TRUE(of<action::CreateSubflow>().back().backup);
}

TEST_F(DeciderTest, ASilentSubflowIsRemovedThenDestroyed) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  join();
  send_steadily(seconds(2));
  done_.clear();
  const auto cut = now_;
  send_steadily(milliseconds(120), false, true);
  ASSERT_FALSE(of<action::DestroySubflow>().empty());
  EXPECT_EQ(of<action::DestroySubflow>()[0].key.local.address, kOne);
  ASSERT_EQ(of<action::RemoveAddress>().size(), 1U);
  const auto order = [&](auto is) { return std::ranges::find_if(done_, is) - done_.begin(); };
  EXPECT_LT(order([](const Action& one) {
              return std::holds_alternative<action::RemoveAddress>(one.what);
            }),
            order([](const Action& one) {
              return std::holds_alternative<action::DestroySubflow>(one.what);
            }));
  EXPECT_LT(now_ - cut, milliseconds(150));
}

TEST_F(DeciderTest, AFailedPathIsAskedUntilItAnswersAndThenUsedAgain) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  join();
  send_steadily(seconds(2));
  send_steadily(milliseconds(150), false, true);
  done_.clear();
  wait(seconds(40));
  const auto asked = of<action::Probe>();
  ASSERT_FALSE(asked.empty());
  EXPECT_GT(asked.size(), 40 * 1000U / 700);
  EXPECT_TRUE(of<action::CreateSubflow>().empty());
  give(input::Probed{asked.back().id, true, milliseconds(20)});
  wait(milliseconds(1));
  ASSERT_EQ(of<action::CreateSubflow>().size(), 1U);
  EXPECT_EQ(of<action::CreateSubflow>()[0].local, kOne);
  EXPECT_FALSE(of<action::CreateSubflow>()[0].backup);
}

TEST_F(DeciderTest, TheLastSubflowStaysUntilAnotherOneIsThere) {
  start();
  connect();
  give(input::Paths{{path(kTwo, "c2", 2)}});
  EXPECT_TRUE(of<action::DestroySubflow>().empty());
  wait(milliseconds(300));
  ASSERT_FALSE(of<action::CreateSubflow>().empty());
  EXPECT_EQ(of<action::CreateSubflow>().back().local, kTwo);
  join();
  wait(milliseconds(200));  // until a refusal of the third packet would have come
  ASSERT_EQ(of<action::DestroySubflow>().size(), 1U);
  EXPECT_EQ(of<action::DestroySubflow>()[0].key.local.address, kOne);
}

TEST_F(DeciderTest, ASubflowThatWasResetComesBackAtOnceAndThenMoreAndMoreSlowly) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  join();
  wait(seconds(10));
  done_.clear();
  auto reset = event(Type::kSubflowClosed, {kTwo, 50000});
  reset.error = ECONNRESET;
  give(input::Event{reset});
  wait(milliseconds(100));
  EXPECT_EQ(of<action::CreateSubflow>().size(), 1U);
  for (int i = 0; i < 30; ++i) {
    auto refused = event(Type::kSubflowClosed, {kTwo, 0});
    refused.error = ECONNREFUSED;
    give(input::Event{refused});
    wait(seconds(1));
  }
  EXPECT_GE(of<action::CreateSubflow>().size(), 4U);
  EXPECT_LE(of<action::CreateSubflow>().size(), 9U);
}

TEST_F(DeciderTest, AConnectionOfTheKernelsPathManagerIsOnlyObserved) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  for (const auto& action : done_)
    if (std::holds_alternative<action::CreateSubflow>(action.what)) {
      give(input::Failed{action.number, EINVAL, "userspace PM not selected"});
      break;
    }
  EXPECT_TRUE(decider_->connections().at(kToken).observed_only);
  done_.clear();
  wait(seconds(60));
  EXPECT_TRUE(of<action::CreateSubflow>().empty());
}

TEST_F(DeciderTest, RulesDenyOrMakeBackups) {
  auto settings = default_settings();
  PathRule rule;
  rule.name = "no second";
  rule.match.interfaces = {"c2"};
  rule.deny = true;
  settings.rules = {rule};
  start(settings);
  connect();
  wait(seconds(2));
  EXPECT_TRUE(of<action::CreateSubflow>().empty());

  settings.rules[0].deny = false;
  settings.rules[0].backup = true;
  done_.clear();
  start(settings);
  connect();
  wait(seconds(2));
  ASSERT_FALSE(of<action::CreateSubflow>().empty());
  EXPECT_TRUE(of<action::CreateSubflow>()[0].backup);
}

TEST_F(DeciderTest, NewConnectionsGoByTheBestPathAndLeaveADeadOne) {
  start();
  connect();
  measured(BitRate::mbit(5), BitRate::mbit(50));
  wait(milliseconds(1));
  ASSERT_FALSE(of<action::PreferPath>().empty());
  EXPECT_EQ(of<action::PreferPath>().back().address, kTwo);
  done_.clear();
  give(input::Paths{{path(kOne, "c1", 1)}});
  ASSERT_FALSE(of<action::PreferPath>().empty());
  EXPECT_NE(of<action::PreferPath>().back().address, kTwo);
}

TEST_F(DeciderTest, NothingIsLeftOfAClosedConnection) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  join();
  give(input::Event{event(Type::kClosed, {})});
  EXPECT_TRUE(decider_->connections().empty());
  EXPECT_EQ(decider_->watch(now_ + seconds(100)).tokens.size(), 0U);
}

TEST_F(DeciderTest, AServerDoesNotConnectToItsClients) {
  start();
  auto created = event(Type::kCreated, {kOne, 443}, {*IpAddress::parse("192.0.2.7"), 51000});
  created.server_side = true;
  give(input::Event{created});
  created.type = Type::kEstablished;
  give(input::Event{created});
  wait(seconds(5));
  EXPECT_TRUE(of<action::CreateSubflow>().empty());
  EXPECT_TRUE(of<action::Measure>().empty());
}

}  // namespace
}  // namespace anabranch::paths
