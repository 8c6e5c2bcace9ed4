// SPDX-License-Identifier: MIT
// What a mistaken or hostile DHCPv6 server says to the client of path 2.
#include "host/dhcp6_conversation.hpp"

namespace anabranch::host {
namespace {

class Dhcp6HostileTest : public Dhcp6Conversation {
 protected:
  /// The server answers everything at once with what `reply` makes; how many messages the client
  /// sends within `time`.
  unsigned messages_in(seconds time, const std::function<Dhcp6Message()>& reply) {
    const auto end = now_ + time;
    unsigned sent = 0;
    while (now_ < end && client_.next_timer() < end) {
      next_timer();
      for (int in_a_row = 0; sent_any_ && in_a_row < 100; ++in_a_row) {
        ++sent;
        receive(sent_.type == Type::kSolicit ? preferred(answer(Type::kAdvertise), 255) : reply());
      }
    }
    return sent;
  }
};

TEST_F(Dhcp6HostileTest, AnAddressTheHostHoldsAlreadyIsNotTaken) {
  take(client_.start(now_));
  receive(preferred(answer(Type::kAdvertise, "fd00:1::1:5"), 255));
  EXPECT_FALSE(sent_any_);
  receive(preferred(answer(Type::kAdvertise), 255));
  EXPECT_EQ(receive(answer(Type::kReply, "fd00:1::1:5")), Change::kNone);
  EXPECT_EQ(client_.state(), State::kRequesting);
}

TEST_F(Dhcp6HostileTest, AReplyOfAServerThatWasNotAskedIsNoGrant) {
  take(client_.start(now_));
  receive(preferred(answer(Type::kAdvertise), 255));
  EXPECT_EQ(receive(of_other(answer(Type::kReply))), Change::kNone);
  EXPECT_EQ(client_.state(), State::kRequesting);
  receive(answer(Type::kReply));
  wait_for(Type::kRenew);
  EXPECT_EQ(receive(of_other(answer(Type::kReply))), Change::kNone);
  EXPECT_EQ(client_.state(), State::kRenewing);
}

TEST_F(Dhcp6HostileTest, AReplyOfAnotherPathDoesNotRenewThisOne) {
  grant();
  next_timer();
  auto reply = answer(Type::kReply);
  reply.outside.ext_route->index = 1;
  EXPECT_EQ(receive(reply), Change::kNone);
  reply.outside.ext_route.reset();
  EXPECT_EQ(receive(reply), Change::kNone);
  EXPECT_EQ(client_.state(), State::kRenewing);
}

TEST_F(Dhcp6HostileTest, AServerWithoutThePathHasNoSayInRebinding) {
  grant();
  wait_for(Type::kRebind);
  for (const auto code : {Dhcp6Status::kNoBinding, Dhcp6Status::kNotOnLink}) {
    auto reply = of_other(refusal(code));
    reply.outside.ext_route.reset();
    EXPECT_EQ(receive(reply), Change::kNone);
    EXPECT_EQ(client_.state(), State::kRebinding);
  }
  auto reply = of_other(answer(Type::kReply));
  reply.outside.ext_route.reset();
  reply.outside.addresses[0].leases[0] = {IpPrefix::host(address("fd00:2::1:5")), 0s, 0s};
  EXPECT_EQ(receive(reply), Change::kNone);
  EXPECT_TRUE(client_.lease());
}

TEST_F(Dhcp6HostileTest, WhatARefusalDoesInWhichState) {
  constexpr auto kUnspecFail = Dhcp6Status::kUnspecFail;
  constexpr auto kNoAddrsAvail = Dhcp6Status::kNoAddrsAvail;
  constexpr auto kNoBinding = Dhcp6Status::kNoBinding;
  constexpr auto kNotOnLink = Dhcp6Status::kNotOnLink;
  constexpr auto kUseMulticast = Dhcp6Status::kUseMulticast;
  const struct {
    State state;
    std::uint16_t code;
    State then;
    Change change;
  } rows[] = {
      {State::kRequesting, kUnspecFail, State::kRequesting, Change::kNone},
      {State::kRequesting, kUseMulticast, State::kRequesting, Change::kNone},
      {State::kRequesting, 999, State::kRequesting, Change::kNone},
      {State::kRequesting, kNoAddrsAvail, State::kSoliciting, Change::kNone},
      {State::kRequesting, kNoBinding, State::kSoliciting, Change::kNone},
      {State::kRequesting, kNotOnLink, State::kSoliciting, Change::kNone},
      {State::kRenewing, kUnspecFail, State::kRenewing, Change::kNone},
      {State::kRenewing, kUseMulticast, State::kRenewing, Change::kNone},
      {State::kRenewing, kNoAddrsAvail, State::kRenewing, Change::kNone},
      {State::kRenewing, kNoBinding, State::kRequesting, Change::kNone},
      {State::kRenewing, kNotOnLink, State::kSoliciting, Change::kLost},
      {State::kRebinding, kNoBinding, State::kRequesting, Change::kNone},
      {State::kRebinding, kNotOnLink, State::kSoliciting, Change::kLost},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(testing::Message() << state_name(row.state) << ", status " << row.code);
    client_ = Dhcp6Client(settings());
    if (row.state == State::kRequesting) {
      take(client_.start(now_));
      receive(preferred(answer(Type::kAdvertise), 255));
    } else {
      grant();
      wait_for(row.state == State::kRenewing ? Type::kRenew : Type::kRebind);
    }
    ASSERT_EQ(client_.state(), row.state);
    EXPECT_EQ(receive(refusal(row.code)), row.change);
    EXPECT_EQ(client_.state(), row.then);
    EXPECT_EQ(refusal_->code, row.code);
  }
}

TEST_F(Dhcp6HostileTest, ARefusalOfTheWholeMessageCountsToo) {
  take(client_.start(now_));
  receive(preferred(answer(Type::kAdvertise), 255));
  auto reply = answer(Type::kReply);
  reply.outside = {};
  reply.outside.status = Dhcp6Status{Dhcp6Status::kNotOnLink};
  receive(reply);
  EXPECT_EQ(sent_.type, Type::kSolicit);
}

TEST_F(Dhcp6HostileTest, WhoOffersAndRefusesInTurnsIsAskedEverMoreRarely) {
  take(client_.start(now_));
  for (const auto code :
       {Dhcp6Status::kNotOnLink, Dhcp6Status::kNoAddrsAvail, Dhcp6Status::kNoBinding}) {
    client_ = Dhcp6Client(settings());
    take(client_.start(now_));
    const auto sent = messages_in(600s, [&] { return refusal(code); });
    EXPECT_LE(sent, 2u * 17u) << code << ": waits of 0, 1, 2, 4 ... 64 s, and a second for answers";
    EXPECT_GE(sent, 2u * 10u) << code;
  }
}

TEST_F(Dhcp6HostileTest, LeasesOfASecondCostAFewMessagesASecond) {
  const auto short_lease = [&] {
    auto out = answer(Type::kReply);
    out.outside.addresses[0].t1 = out.outside.addresses[0].t2 = 1s;
    out.outside.addresses[0].leases[0].preferred = 1s;
    out.outside.addresses[0].leases[0].valid = 1s;
    return out;
  };
  take(client_.start(now_));
  EXPECT_LE(messages_in(60s, short_lease), 2u * 60u);

  // Granted, then refused at each renewal.
  bool grants = false;
  client_ = Dhcp6Client(settings());
  take(client_.start(now_));
  const auto in_turns = [&] {
    grants = !grants;
    auto out = short_lease();
    out.outside.addresses[0].leases[0].valid = 100s;
    return grants ? out : refusal(Dhcp6Status::kNotOnLink);
  };
  EXPECT_LE(messages_in(60s, in_turns), 3u * 60u);
}

TEST_F(Dhcp6HostileTest, AnAddressThatIsAlwaysTakenIsAskedForEveryMinute) {
  unsigned declines = 0;
  const auto begin = now_;
  grant();
  for (int i = 0; i < 10; ++i) {
    take(client_.taken(now_));
    ++declines;
    receive(answer(Type::kReply));
    wait_for(Type::kSolicit);
    receive(preferred(answer(Type::kAdvertise), 255));
    ASSERT_EQ(receive(answer(Type::kReply)), Change::kObtained);
  }
  EXPECT_GE(now_ - begin, 10s + 20s + 40s + 7 * 60s);
  wait_for(Type::kRenew);
  receive(answer(Type::kReply));
  take(client_.taken(now_));
  EXPECT_EQ(conflict_->wait, 10s) << "one that was held until its renewal was good";
}

TEST_F(Dhcp6HostileTest, SolicitsWithoutEndAreFew) {
  take(client_.start(now_));
  unsigned sent = 1;
  for (const auto end = now_ + 24h; client_.next_timer() < end;) {
    next_timer();
    sent += sent_any_;
  }
  EXPECT_LE(sent, 38u);
}

TEST_F(Dhcp6HostileTest, NobodyMakesTheLongestWaitSenseless) {
  take(client_.start(now_));
  for (const std::uint32_t value : {0u, 1u, 59u, 86401u, 0xffffffffu}) {
    auto advertise = refusal(Dhcp6Status::kNoAddrsAvail, Type::kAdvertise);
    advertise.sol_max_rt = value;
    receive(advertise);
  }
  for (int i = 0; i < 13; ++i) wait_for_timer();
  const auto waited = wait_for_timer();
  EXPECT_GE(waited, 54min);
  EXPECT_LE(waited, 66min);
}

}  // namespace
}  // namespace anabranch::host
