// SPDX-License-Identifier: MIT
// What a mistaken or hostile server says to the client of path 2, and what a station does that
// wants its address.
#include "host/dhcp_conversation.hpp"

namespace anabranch::host {
namespace {

class DhcpHostileTest : public DhcpConversation {
 protected:
  static DhcpMessage from_other_server(DhcpMessage message) {
    message.set_address(dhcp::kServerId, address("10.1.0.99"));
    return message;
  }
  void wait_for_discover() {
    do wait_for_timer();
    while (sent_.message.type != DhcpType::kDiscover);
  }
  void bind_again(const char* next) {
    wait_for_discover();
    receive(answer(DhcpType::kOffer, next));
    receive(answer(DhcpType::kAck, next));
    pass_check();
  }
};

// --- Offers and grants

TEST_F(DhcpHostileTest, AnAddressTheHostHoldsAlreadyIsNotTaken) {
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer, "10.1.0.50"));
  EXPECT_FALSE(sent_any_);
}

TEST_F(DhcpHostileTest, AGrantMayNotSmuggleInSuchAnAddressEither) {
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer));
  EXPECT_EQ(receive(answer(DhcpType::kAck, "10.1.0.50")), Change::kNone);
  EXPECT_EQ(client_.state(), State::kRequesting);
}

TEST_F(DhcpHostileTest, AnAddressIsClaimedFromTheOfferOn) {
  EXPECT_FALSE(client_.claimed_address());
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer));
  EXPECT_EQ(client_.claimed_address(), address("10.2.16.5"));
  receive(answer(DhcpType::kAck));
  EXPECT_EQ(client_.claimed_address(), address("10.2.16.5"));
  pass_check();
  EXPECT_EQ(client_.claimed_address(), address("10.2.16.5"));
}

TEST_F(DhcpHostileTest, AnAckOfAnotherPathDoesNotRenewThisOne) {
  bind();
  wait_for_timer();
  auto ack = answer(DhcpType::kAck);
  ack.options[kExtRoute] = {1, 2};
  EXPECT_EQ(receive(ack), Change::kNone);
  EXPECT_EQ(client_.state(), State::kRenewing);
}

TEST_F(DhcpHostileTest, AnAckOfAServerThatWasNotAskedIsNoGrant) {
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer));
  receive(from_other_server(answer(DhcpType::kAck)));
  EXPECT_EQ(client_.state(), State::kRequesting);
}

// --- Refusals

TEST_F(DhcpHostileTest, WhoseRefusalCountsInWhichState) {
  const struct {
    State state;
    bool its_server, other_server;
  } rows[] = {
      {State::kSelecting, false, false}, {State::kRequesting, true, false},
      {State::kChecking, false, false},  {State::kBound, false, false},
      {State::kRenewing, true, false},   {State::kRebinding, true, true},
  };
  const auto reach = [&](State state) {
    client_ = DhcpClient(settings());
    take(client_.start(now_));
    if (state == State::kSelecting) return;
    receive(answer(DhcpType::kOffer));
    if (state == State::kRequesting) return;
    receive(answer(DhcpType::kAck));
    if (state == State::kChecking) return;
    pass_check();
    while (client_.state() != state) wait_for_timer();
  };
  for (const auto& row : rows) {
    for (const bool its : {true, false}) {
      reach(row.state);
      ASSERT_EQ(client_.state(), row.state);
      const bool had_lease = client_.lease().has_value();
      const bool counts = its ? row.its_server : row.other_server;
      const auto nak = answer(DhcpType::kNak);
      const auto change = receive(its ? nak : from_other_server(nak));
      EXPECT_EQ(change, counts && had_lease ? Change::kLost : Change::kNone)
          << state_name(row.state);
      EXPECT_EQ(client_.state(), counts ? State::kSelecting : row.state) << state_name(row.state);
      EXPECT_EQ(sent_any_ && sent_.message.type == DhcpType::kDiscover, counts);
    }
  }
}

TEST_F(DhcpHostileTest, ARefusalThatNamesNoServerIsNone) {
  bind();
  while (client_.state() != State::kRebinding) wait_for_timer();
  auto nak = answer(DhcpType::kNak);
  nak.options.erase(dhcp::kServerId);
  EXPECT_EQ(receive(nak), Change::kNone);
}

TEST_F(DhcpHostileTest, AServerThatOffersAndRefusesInTurnsIsAskedEverMoreSeldom) {
  take(client_.start(now_));
  const auto began = now_;
  int refusals = 0;
  while (now_ - began < 10min) {
    receive(answer(DhcpType::kOffer));
    receive(answer(DhcpType::kNak));
    ++refusals;
    if (client_.state() == State::kInit) next_timer();
  }
  EXPECT_LE(refusals, 20);
  EXPECT_GE(refusals, 10) << "but it is asked: it may be repaired";
}

// --- Address conflicts (RFC 5227, RFC 2131 section 4.4.1)

TEST_F(DhcpHostileTest, AnAddressInUseIsDeclined) {
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer));
  receive(answer(DhcpType::kAck));
  ASSERT_TRUE(arp_);
  EXPECT_EQ(*arp_, wire::ArpPacket::probe(kOurMac, address("10.2.16.5")));

  EXPECT_EQ(hear_claim(kStranger), Change::kNone);
  ASSERT_TRUE(sent_any_);
  EXPECT_EQ(sent_.message.type, DhcpType::kDecline);
  EXPECT_EQ(sent_.message.address_option(dhcp::kRequestedAddress), address("10.2.16.5"));
  EXPECT_EQ(sent_.message.address_option(dhcp::kServerId), address("10.1.0.1"));
  EXPECT_EQ(*sent_.message.option(dhcp::kClientId), settings().client_id);
  EXPECT_TRUE(sent_index_2());
  EXPECT_TRUE(sent_.message.client.is_unspecified());
  EXPECT_FALSE(sent_.message.option(dhcp::kParameterList)) << "RFC 2131 table 5";
  EXPECT_FALSE(sent_.message.option(dhcp::kMaximumSize));
  EXPECT_FALSE(sent_.to) << "everybody shall hear it";
  ASSERT_TRUE(conflict_);
  EXPECT_EQ(conflict_->other, kStranger);
  EXPECT_EQ(conflict_->outcome, DhcpClient::Conflict::Outcome::kRefused);
  EXPECT_EQ(client_.conflicts(), 1u);
  EXPECT_FALSE(client_.lease());
  EXPECT_FALSE(client_.watched_address());

  EXPECT_GE(wait_for_timer(), 10s);
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover);
}

TEST_F(DhcpHostileTest, OneWhoClaimsEveryAddressSlowsUsDown) {
  take(client_.start(now_));
  std::vector<milliseconds> waits;
  for (int i = 0; i < 6; ++i) {
    receive(answer(DhcpType::kOffer));
    receive(answer(DhcpType::kAck));
    hear_claim(kStranger);
    waits.push_back(wait_for_timer());
  }
  const seconds expected[] = {10s, 20s, 40s, 60s, 60s, 60s};
  for (std::size_t i = 0; i < waits.size(); ++i) {
    EXPECT_GE(waits[i], expected[i]);
    EXPECT_LE(waits[i], expected[i] + 1s);
  }
}

TEST_F(DhcpHostileTest, AStolenAddressIsDefendedOnceThenGivenUp) {
  bind();
  next_timer();  // the second announcement
  now_ += 20s;
  EXPECT_EQ(hear_claim(kStranger), Change::kNone);
  ASSERT_TRUE(arp_);
  EXPECT_EQ(*arp_, wire::ArpPacket::announcement(kOurMac, address("10.2.16.5")));
  ASSERT_TRUE(conflict_);
  EXPECT_EQ(conflict_->outcome, DhcpClient::Conflict::Outcome::kDefended);
  EXPECT_TRUE(client_.lease());

  now_ += 5s;
  EXPECT_EQ(hear_claim(kStranger), Change::kTaken);
  EXPECT_EQ(sent_.message.type, DhcpType::kDecline);
  EXPECT_EQ(conflict_->outcome, DhcpClient::Conflict::Outcome::kGivenUp);
  EXPECT_FALSE(client_.lease());
  EXPECT_EQ(client_.conflicts(), 2u);

  bind_again("10.2.16.6");
  EXPECT_EQ(client_.lease()->address.address(), address("10.2.16.6"));
}

TEST_F(DhcpHostileTest, AThiefWhoGivesUpIsForgiven) {
  bind();
  next_timer();  // the second announcement
  for (int i = 0; i < 5; ++i) {
    now_ += 11s;
    EXPECT_EQ(hear_claim(kStranger), Change::kNone);
    EXPECT_TRUE(arp_) << "each claim is answered";
  }
  EXPECT_TRUE(client_.lease());
}

TEST_F(DhcpHostileTest, TheWaitsBeginAnewOnceAnAddressWasHeldUntilItsRenewal) {
  bind();
  EXPECT_EQ(hear_claim(kStranger), Change::kTaken) << "a late answer to the probes";
  EXPECT_EQ(conflict_->wait, 10s);
  bind_again("10.2.16.6");
  EXPECT_EQ(hear_claim(kStranger, "10.2.16.6"), Change::kTaken);
  EXPECT_EQ(conflict_->wait, 20s);
  bind_again("10.2.16.6");
  wait_for_timer();
  EXPECT_EQ(receive(answer(DhcpType::kAck, "10.2.16.6")), Change::kRenewed);
  ASSERT_EQ(client_.state(), State::kBound);
  hear_claim(kStranger, "10.2.16.6");
  EXPECT_EQ(hear_claim(kStranger, "10.2.16.6"), Change::kTaken);
  EXPECT_EQ(conflict_->wait, 10s);
}

TEST_F(DhcpHostileTest, NoCheckAtRenewalNorForALeaseInPlace) {
  bind();
  const auto lease = *client_.lease();
  wait_for_timer();
  receive(answer(DhcpType::kAck));
  EXPECT_FALSE(arp_);
  EXPECT_EQ(client_.state(), State::kBound);

  client_ = DhcpClient(settings());
  take(client_.adopt(lease, now_));
  EXPECT_FALSE(arp_);
  EXPECT_TRUE(client_.lease());
  EXPECT_EQ(client_.watched_address(), address("10.2.16.5")) << "but theft is seen";
}

TEST_F(DhcpHostileTest, ACheckCutShortByTheWireIsMadeAgain) {
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer));
  receive(answer(DhcpType::kAck));
  take(client_.link(false, now_));
  EXPECT_EQ(client_.next_timer(), MonotonicTime::max());
  take(client_.link(true, now_));
  EXPECT_EQ(client_.state(), State::kRebooting);
  receive(answer(DhcpType::kAck));
  pass_check();
}

}  // namespace
}  // namespace anabranch::host
