// SPDX-License-Identifier: MIT
// The DHCPv6 client of path 2 in conversation with servers: what the tests of the client are made
// of.
#pragma once

#include <algorithm>

#include <gtest/gtest.h>

#include "host/dhcp6_client.hpp"

namespace anabranch::host {

using State = Dhcp6Client::State;
using Change = Dhcp6Client::Change;
using Type = Dhcp6Type;
using namespace std::chrono_literals;

inline constexpr std::uint32_t kIaid = 0x10002;
inline const Dhcp6Message::Octets kDuid{0, 4, 1, 2, 3};
inline const Dhcp6Message::Octets kServer{0, 1, 9};
inline const Dhcp6Message::Octets kOtherServer{0, 1, 8};
inline IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

class Dhcp6Conversation : public testing::Test {
 protected:
  Dhcp6Client::Settings settings() {
    Dhcp6Client::Settings out;
    out.index = 2;
    out.iaid = kIaid;
    out.duid = kDuid;
    out.random = [this] { return random_++; };
    out.acceptable = [this](const IpAddress& offered) { return offered != held_; };
    return out;
  }

  /// A server's answer to what the client has sent last: for 600 s, preferred 400 s, T1 100 s, T2
  /// 200 s.
  Dhcp6Message answer(Type type, const char* granted = "fd00:2::1:5") {
    Dhcp6Message out;
    out.type = type;
    out.transaction = sent_.transaction;
    out.client = kDuid;
    out.server = kServer;
    out.outside.ext_route = wire::ExtRoute{2, 2};
    out.outside.addresses = {{kIaid, 100s, 200s, {{IpPrefix::host(address(granted)), 400s, 600s}}}};
    return out;
  }
  static Dhcp6Message of_other(Dhcp6Message message) {
    message.server = kOtherServer;
    return message;
  }
  static Dhcp6Message preferred(Dhcp6Message message, std::uint8_t preference) {
    message.preference = preference;
    return message;
  }
  /// A failure of the association.
  Dhcp6Message refusal(std::uint16_t code, Type type = Type::kReply) {
    auto out = answer(type);
    out.outside.addresses[0].leases.clear();
    out.outside.addresses[0].status = Dhcp6Status{code, "why"};
    return out;
  }

  Change take(Dhcp6Client::Step step) {
    sent_any_ = step.send.has_value();
    if (step.send) sent_ = *step.send;
    conflict_ = step.conflict;
    refusal_ = step.refusal;
    return step.change;
  }
  Change receive(const Dhcp6Message& message) { return take(client_.receive(message, now_)); }
  void next_timer() {
    now_ = client_.next_timer();
    change_ = take(client_.timer(now_));
  }
  /// Lets time pass until the client does something, and says how long that took.
  milliseconds wait_for_timer() {
    const auto before = now_;
    next_timer();
    return std::chrono::duration_cast<milliseconds>(now_ - before);
  }
  void wait_for(Type type) {
    for (int i = 0; i < 100; ++i) {
      next_timer();
      if (sent_any_ && sent_.type == type) return;
    }
    FAIL() << "never sent";
  }
  /// The whole exchange, from SOLICIT to a lease in use.
  void grant(const char* granted = "fd00:2::1:5") {
    take(client_.start(now_));
    receive(preferred(answer(Type::kAdvertise, granted), 255));
    ASSERT_EQ(receive(answer(Type::kReply, granted)), Change::kObtained);
    granted_ = now_;
  }
  std::optional<IpAddress> asked_for() const {
    const auto* association = sent_.outside.association(kIaid);
    if (association == nullptr || association->leases.empty()) return std::nullopt;
    return association->leases[0].prefix.address();
  }
  IpAddress leased() const { return client_.lease()->address; }

  std::uint32_t random_ = 1000;  // hardly any jitter, and a new number each time
  IpAddress held_ = address("fd00:1::1:5");
  MonotonicTime now_ = MonotonicTime(1h);
  MonotonicTime granted_{};
  Dhcp6Client client_{settings()};
  Dhcp6Message sent_;
  bool sent_any_ = false;
  std::optional<Dhcp6Client::Conflict> conflict_;
  std::optional<Dhcp6Status> refusal_;
  Change change_ = Change::kNone;
};

}  // namespace anabranch::host
