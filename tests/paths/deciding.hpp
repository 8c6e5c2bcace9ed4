// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "paths/decider.hpp"

namespace anabranch::paths {

using Type = kernel::MptcpEvent::Type;

inline const IpAddress kOne = *IpAddress::parse("10.1.0.2");
inline const IpAddress kTwo = *IpAddress::parse("10.2.0.2");
inline const Endpoint kServer{*IpAddress::parse("198.18.0.1"), 443};
inline constexpr Token kToken = 0x1234;

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
    for (int i = 0; i < 40 && answered < 4; ++i) {
      const auto asked = of<action::Measure>();
      for (; answered < asked.size(); ++answered) {
        const bool one = asked[answered].source == kOne;
        give(input::Measured{asked[answered].id, 6, one ? rtt_one : rtt_two, one ? first : second});
      }
      wait(milliseconds(50));
    }
  }
  /// Answers every question over the second path.
  void answer() {
    for (const auto& what : of<action::Probe>())
      if (what.source == kTwo) give(input::Probed{what.id, true, milliseconds(20)});
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
      sample.connection.state = connection_state_;
      sample.connection.octets_acknowledged = acknowledged_;
      sample.connection.written = sent_[0] + sent_[1] + unsent_;
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
  std::uint8_t connection_state_ = 1;  ///< of TCP: established
  std::uint64_t unsent_ = 500000;      ///< octets that wait in the application
};

}  // namespace anabranch::paths
