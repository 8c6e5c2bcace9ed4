// SPDX-License-Identifier: MIT
// A host with two paths, of which the second is slow, and a kernel that lets us set limits.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "paths/decider.hpp"

namespace anabranch::paths {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Type = kernel::MptcpEvent::Type;

const IpAddress kOne = *IpAddress::parse("10.1.0.2");
const IpAddress kTwo = *IpAddress::parse("10.2.0.2");
const Endpoint kServer{*IpAddress::parse("198.18.0.1"), 443};
constexpr Token kToken = 0x1234;
constexpr std::uint32_t kBuffer = 8 << 20;

class DeciderLimitsTest : public testing::Test {
 protected:
  void start(bool active = true) {
    decider_.emplace(default_settings());
    give(input::Limits{active, active ? kBuffer : 0});
    set_paths(true);
  }
  void set_paths(bool first_usable) {
    give(input::Paths{{{kOne, "c1", 1, std::nullopt, first_usable, first_usable ? "" : "link-down"},
                       {kTwo, "c2", 2, std::nullopt, true, ""}}});
  }
  void give(const Input& input) {
    for (auto& action : decider_->handle(input, now_)) done_.push_back(std::move(action));
  }
  /// Time passes, and every measurement that is asked for has an answer at once.
  void wait(nanoseconds time) {
    const auto end = now_ + time;
    answer();
    while (decider_->next_tick() && *decider_->next_tick() <= end) {
      now_ = std::max(now_, *decider_->next_tick());
      give(input::Tick{});
      answer();
    }
    now_ = end;
  }
  void answer() {
    for (std::size_t i = answered_; i < done_.size(); ++i) {
      if (const auto* asked = std::get_if<action::Measure>(&done_[i].what)) {
        const auto what = *asked;
        const auto& [rate, rtt] = truth_.at(what.source);
        answered_ = i + 1;
        give(input::Measured{what.id, 6, rtt, rate});
      }
    }
    answered_ = done_.size();
  }
  void connect(std::uint16_t port = 40000) {
    for (const auto type : {Type::kCreated, Type::kEstablished}) give(event(type, {kOne, port}));
    wait(milliseconds(500));
  }
  input::Event event(Type type, Endpoint local, std::uint8_t id = 0) const {
    kernel::MptcpEvent out;
    out.type = type;
    out.token = kToken;
    out.local = local;
    out.remote = kServer;
    out.local_id = id;
    return {out};
  }
  void close() {
    give(event(Type::kClosed, {}));
    wait(seconds(1));
  }
  /// The connection has a subflow on each path and sends much over the first one.
  void send(std::uint32_t send_buffer) {
    for (const auto end = now_ + seconds(3); now_ < end;) {
      wait(milliseconds(10));
      sent_ += 60000;
      input::Sample sample;
      sample.connection.token = kToken;
      sample.connection.octets_acknowledged = sent_;
      sample.connection.unacknowledged = sent_;
      sample.connection.written = sent_ + 500000;
      kernel::SubflowDiag fast;
      fast.token = kToken;
      fast.local = {kOne, 40000};
      fast.remote = kServer;
      fast.rtt = fast.minimum_rtt = milliseconds(20);
      fast.congestion_window = 90;
      fast.segment = 1448;
      fast.unacknowledged = 90;
      fast.unsent = 10000;
      fast.octets_acknowledged = sent_;
      fast.send_buffer = send_buffer;
      fast.since_data_received = seconds(100);
      auto slow = fast;
      slow.local = {kTwo, 50000};
      slow.rtt = slow.minimum_rtt = milliseconds(300);
      slow.octets_acknowledged = slow_sent_ += slow_step_;
      slow.unacknowledged = slow.unsent = 0;
      slow.requested_backup = true;
      sample.subflows = {fast, slow};
      give(sample);
    }
  }
  template <class What>
  std::vector<What> of() const {
    std::vector<What> out;
    for (const auto& action : done_)
      if (const auto* what = std::get_if<What>(&action.what)) out.push_back(*what);
    return out;
  }
  bool slow_became_active() const {
    for (const auto& what : of<action::SetBackup>())
      if (what.key.local.address == kTwo && !what.backup) return true;
    return false;
  }

  struct Truth {
    BitRate rate;
    nanoseconds rtt;
  };
  std::map<IpAddress, Truth> truth_ = {{kOne, {BitRate::mbit(48), milliseconds(20)}},
                                       {kTwo, {BitRate::mbit(4.8), milliseconds(300)}}};
  std::optional<Decider> decider_;
  MonotonicTime now_{seconds(1000)};
  std::vector<Action> done_;
  std::size_t answered_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t slow_step_ = 0;  ///< octets that the second path carries in 10 ms
  std::uint64_t slow_sent_ = 1;
};

TEST_F(DeciderLimitsTest, AsSoonAsTwoRatesAreKnownTheBestPathIsFastAndTheOtherOneSlow) {
  start();
  EXPECT_THAT(of<action::LimitSubflows>(), IsEmpty());
  connect();
  const auto limits = of<action::LimitSubflows>();
  ASSERT_EQ(limits.size(), 1U) << "and nothing is asked for again";
  EXPECT_EQ(limits.back().fast, kOne);
  EXPECT_THAT(limits.back().slow, ElementsAre(kTwo));
}

TEST_F(DeciderLimitsTest, WithoutALeaveToLimitNothingIsAskedFor) {
  start(false);
  connect();
  EXPECT_THAT(of<action::LimitSubflows>(), IsEmpty());
}

TEST_F(DeciderLimitsTest, ThePathThatIsLeftAloneLosesItsLimitAndGetsItBackWithTheOther) {
  start();
  connect();
  set_paths(false);
  auto limits = of<action::LimitSubflows>();
  ASSERT_EQ(limits.size(), 2U);
  EXPECT_EQ(limits.back().fast, kTwo);
  EXPECT_THAT(limits.back().slow, IsEmpty());
  set_paths(true);
  wait(milliseconds(500));
  limits = of<action::LimitSubflows>();
  ASSERT_EQ(limits.size(), 3U);
  EXPECT_EQ(limits.back().fast, kOne);
  EXPECT_THAT(limits.back().slow, ElementsAre(kTwo));
}

TEST_F(DeciderLimitsTest, PathsOfAboutTheSameRateDoNotTakeTurns) {
  truth_[kTwo] = {BitRate::mbit(45), milliseconds(20)};
  start();
  connect();
  ASSERT_EQ(of<action::LimitSubflows>().size(), 1U);
  EXPECT_EQ(of<action::LimitSubflows>().back().fast, kOne);
  truth_[kTwo] = {BitRate::mbit(50), milliseconds(20)};
  close();
  wait(seconds(60));
  connect();
  EXPECT_EQ(of<action::LimitSubflows>().size(), 1U);
}

TEST_F(DeciderLimitsTest, WhatTrafficShowsOfAPathCountsWithoutAnyMeasurement) {
  truth_[kTwo].rate = truth_[kOne].rate = {};  // trains tell nothing
  start();
  connect();
  EXPECT_THAT(of<action::LimitSubflows>(), IsEmpty());
  const auto asked = of<action::CreateSubflow>();
  ASSERT_FALSE(asked.empty());
  give(event(Type::kSubflowEstablished, {kTwo, 50000}, asked.back().local_id));
  slow_step_ = 4000;
  send(kBuffer);
  const auto limits = of<action::LimitSubflows>();
  ASSERT_EQ(limits.size(), 1U);
  EXPECT_EQ(limits.back().fast, kOne);
  EXPECT_THAT(limits.back().slow, ElementsAre(kTwo));
}

TEST_F(DeciderLimitsTest, ALongSlowPathCarriesDataOfAConnectionThatSendsAndBeganWithTheLimits) {
  start();
  connect();
  close();
  connect();
  const auto asked = of<action::CreateSubflow>();
  ASSERT_FALSE(asked.empty());
  EXPECT_TRUE(asked.back().backup) << "it is not known yet which way the data goes";
  give(event(Type::kSubflowEstablished, {kTwo, 50000}, asked.back().local_id));
  wait(milliseconds(500));
  send(kBuffer);
  EXPECT_TRUE(slow_became_active());
}

TEST_F(DeciderLimitsTest, AConnectionThatIsOlderThanTheLimitsKeepsItsBackup) {
  start();
  connect();
  const auto asked = of<action::CreateSubflow>();
  ASSERT_FALSE(asked.empty());
  give(event(Type::kSubflowEstablished, {kTwo, 50000}, asked.back().local_id));
  wait(milliseconds(500));
  send(1 << 20);
  EXPECT_FALSE(slow_became_active());
}

}  // namespace
}  // namespace anabranch::paths
