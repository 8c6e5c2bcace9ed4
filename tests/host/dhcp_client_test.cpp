// SPDX-License-Identifier: MIT
// The client of path 2 and a server, as a conversation: what happens, and what the client does.
#include "host/dhcp_conversation.hpp"

namespace anabranch::host {
namespace {

class DhcpClientTest : public DhcpConversation {};

TEST_F(DhcpClientTest, DiscoverAsksForThePathUnderItsOwnIdentity) {
  take(client_.start(now_));
  ASSERT_TRUE(sent_any_);
  EXPECT_EQ(client_.state(), State::kSelecting);
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover);
  EXPECT_TRUE(sent_.message.broadcast);
  EXPECT_FALSE(sent_.to);
  EXPECT_EQ(sent_.message.hardware, kOurMac);
  EXPECT_EQ(*sent_.message.option(dhcp::kClientId), settings().client_id);
  EXPECT_TRUE(sent_index_2());
  const auto& wanted = *sent_.message.option(dhcp::kParameterList);
  for (const int code : {1, 3, 6, 15, 26, 33, 51, 54, 58, 59, 121, 224})
    EXPECT_NE(std::ranges::find(wanted, code), wanted.end()) << code;
  EXPECT_LT(std::ranges::find(wanted, 121), std::ranges::find(wanted, 3)) << "RFC 3442";
  EXPECT_LT(std::ranges::find(wanted, 3), std::ranges::find(wanted, 33));
}

TEST_F(DhcpClientTest, AnOfferOfThePathIsRequestedAndBecomesALease) {
  take(client_.start(now_));
  EXPECT_EQ(receive(answer(DhcpType::kOffer)), Change::kNone);
  ASSERT_TRUE(sent_any_);
  EXPECT_EQ(sent_.message.type, DhcpType::kRequest);
  EXPECT_EQ(sent_.message.address_option(dhcp::kRequestedAddress), address("10.2.16.5"));
  EXPECT_EQ(sent_.message.address_option(dhcp::kServerId), address("10.1.0.1"));
  EXPECT_TRUE(sent_.message.client.is_unspecified());
  EXPECT_TRUE(sent_index_2());
  EXPECT_FALSE(client_.lease());

  EXPECT_EQ(receive(answer(DhcpType::kAck)), Change::kNone);
  EXPECT_EQ(client_.state(), State::kChecking);
  EXPECT_FALSE(client_.lease()) << "somebody may be using the address";
  pass_check();
  ASSERT_TRUE(client_.lease());
  EXPECT_EQ(client_.state(), State::kBound);
  EXPECT_EQ(client_.lease()->address, IpPrefix::parse("10.2.16.5/16").value());
  EXPECT_EQ(client_.lease()->router(), address("10.2.0.1"));
  EXPECT_EQ(client_.lease()->server.mac, kServerMac);
}

TEST_F(DhcpClientTest, AnOfferOfAnotherPathIsNotTaken) {
  take(client_.start(now_));
  auto offer = answer(DhcpType::kOffer);
  offer.options[kExtRoute] = {1, 2};
  receive(offer);
  EXPECT_FALSE(sent_any_);
  offer.options.erase(kExtRoute);
  receive(offer);
  EXPECT_FALSE(sent_any_);
  EXPECT_EQ(client_.state(), State::kSelecting);
}

TEST_F(DhcpClientTest, AnswersToOthersAreIgnored) {
  take(client_.start(now_));
  auto offer = answer(DhcpType::kOffer);
  offer.xid ^= 1;
  receive(offer);
  EXPECT_FALSE(sent_any_);
  offer = answer(DhcpType::kOffer);
  offer.hardware = kServerMac;
  receive(offer);
  EXPECT_FALSE(sent_any_);
}

TEST_F(DhcpClientTest, DiscoverIsRepeatedWithDoublingWaitsThenGivenUpForMinutes) {
  take(client_.start(now_));
  const auto xid = sent_.message.xid;
  for (const auto expected : {4s, 8s, 16s}) {
    const auto waited = wait_for_timer();
    EXPECT_GE(waited, expected - 1s);
    EXPECT_LE(waited, expected + 1s);
    EXPECT_TRUE(sent_any_);
    EXPECT_EQ(sent_.message.xid, xid);
  }
  wait_for_timer();  // 32 s after the fourth
  EXPECT_EQ(client_.state(), State::kNoOffer);
  EXPECT_FALSE(sent_any_);

  EXPECT_GE(wait_for_timer(), 3min);
  EXPECT_EQ(client_.state(), State::kSelecting) << "the path may have been configured meanwhile";
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover);
  EXPECT_NE(sent_.message.xid, xid);
}

TEST_F(DhcpClientTest, JitterKeepsHostsApart) {
  random_ = 1;
  take(client_.start(now_));
  const auto early = client_.next_timer() - now_;
  random_ = 1900;
  DhcpClient other(settings());
  other.start(now_);
  EXPECT_GT(other.next_timer() - now_, early + 1s);
}

TEST_F(DhcpClientTest, ARequestWithoutAnswerIsRepeatedThenBeginsAnew) {
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer));
  for (int i = 0; i < 3; ++i) {
    wait_for_timer();
    EXPECT_EQ(sent_.message.type, DhcpType::kRequest);
  }
  wait_for_timer();
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover);
}

TEST_F(DhcpClientTest, AtHalfTheLeaseItRenewsWithTheServerItself) {
  bind();
  wait_for_timer();
  EXPECT_EQ(now_ - granted_, 300s);
  EXPECT_EQ(client_.state(), State::kRenewing);
  EXPECT_EQ(sent_.message.type, DhcpType::kRequest);
  EXPECT_EQ(sent_.message.client, address("10.2.16.5"));
  EXPECT_FALSE(sent_.message.option(dhcp::kRequestedAddress));
  EXPECT_FALSE(sent_.message.option(dhcp::kServerId));
  EXPECT_TRUE(sent_index_2()) << "without it the server moves the lease to the first path";
  ASSERT_TRUE(sent_.to);
  EXPECT_EQ(sent_.to->mac, kServerMac);
  EXPECT_EQ(sent_.to->address, address("10.1.0.1"));

  now_ += 1s;
  EXPECT_EQ(receive(answer(DhcpType::kAck)), Change::kRenewed);
  EXPECT_EQ(client_.lease()->remaining(now_), 599s) << "counted from the request";
}

TEST_F(DhcpClientTest, TheServersOwnTimersWin) {
  auto ack = answer(DhcpType::kAck);
  ack.options[dhcp::kRenewalTime] = octets(100);
  ack.options[dhcp::kRebindingTime] = octets(200);
  random_ = 0;  // would spread a T1 of our own by 5 %
  grant(ack);
  EXPECT_EQ(client_.lease()->renews() - granted_, 100s);
  EXPECT_EQ(client_.lease()->rebinds() - granted_, 200s);
}

TEST_F(DhcpClientTest, AfterT2ItAsksEveryServerAndAtTheEndTheLeaseIsLost) {
  bind();
  while (client_.state() != State::kRebinding) wait_for_timer();
  EXPECT_EQ(now_ - granted_, 525s);
  EXPECT_FALSE(sent_.to);
  EXPECT_EQ(sent_.message.client, address("10.2.16.5"));

  while (client_.lease()) wait_for_timer();
  EXPECT_EQ(now_ - granted_, 600s);
  EXPECT_EQ(change_, Change::kLost);
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover) << "and asks anew";
}

TEST_F(DhcpClientTest, RenewalsAreAMinuteApartAtLeast) {
  bind();
  wait_for_timer();
  EXPECT_GE(wait_for_timer(), 60s);
  EXPECT_EQ(client_.state(), State::kRenewing);
}

TEST_F(DhcpClientTest, RenewalWithAnotherRouterIsAChange) {
  bind();
  wait_for_timer();
  auto ack = answer(DhcpType::kAck);
  ack.set_address(dhcp::kRouter, address("10.2.0.2"));
  EXPECT_EQ(receive(ack), Change::kChanged);
}

TEST_F(DhcpClientTest, WithoutCarrierNothingIsSentAndTheLeaseRunsOn) {
  bind();
  take(client_.link(false, now_));
  EXPECT_FALSE(sent_any_);
  EXPECT_TRUE(client_.lease());
  wait_for_timer();
  EXPECT_EQ(now_ - granted_, 600s);
  EXPECT_EQ(change_, Change::kLost);
  EXPECT_FALSE(sent_any_);
}

TEST_F(DhcpClientTest, WhenCarrierReturnsTheLeaseIsConfirmedAtOnce) {
  bind();
  take(client_.link(false, now_));
  now_ += 10s;
  take(client_.link(true, now_));
  EXPECT_TRUE(sent_any_);
  EXPECT_EQ(client_.state(), State::kRenewing);
  EXPECT_EQ(sent_.message.client, address("10.2.16.5"));
}

TEST_F(DhcpClientTest, AnAdoptedLeaseIsRenewedAtOnceAndUsedMeanwhile) {
  bind();
  const auto lease = *client_.lease();
  client_ = DhcpClient(settings());
  now_ += 100s;
  take(client_.adopt(lease, now_));
  EXPECT_EQ(client_.state(), State::kRenewing);
  EXPECT_EQ(client_.lease(), lease);
  EXPECT_TRUE(sent_.to);
  EXPECT_EQ(receive(answer(DhcpType::kAck)), Change::kRenewed);
}

TEST_F(DhcpClientTest, AnAdoptedLeaseThatHasEndedIsForgotten) {
  bind();
  const auto lease = *client_.lease();
  client_ = DhcpClient(settings());
  now_ += 600s;
  take(client_.adopt(lease, now_));
  EXPECT_FALSE(client_.lease());
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover);
}

TEST_F(DhcpClientTest, AnInfiniteLeaseHasNoTimers) {
  auto ack = answer(DhcpType::kAck);
  ack.options[dhcp::kLeaseTime] = octets(0xffffffff);
  grant(ack);
  next_timer();  // the second announcement
  EXPECT_EQ(client_.next_timer(), MonotonicTime::max());
  EXPECT_FALSE(client_.lease()->remaining(now_));
}

TEST_F(DhcpClientTest, TheShortestLeaseStillMovesForward) {
  auto ack = answer(DhcpType::kAck);
  ack.options[dhcp::kLeaseTime] = octets(1);
  grant(ack);
  for (int i = 0; i < 20 && client_.lease(); ++i) next_timer();
  EXPECT_FALSE(client_.lease()) << "timers must not fire for ever at one moment";
}

TEST_F(DhcpClientTest, WhatBeganTogetherDoesNotRenewTogether) {
  random_ = 0;
  const auto renewal = [&](std::uint32_t random) {
    random_ = random;
    client_ = DhcpClient(settings());
    bind();
    return client_.lease()->renews() - granted_;
  };
  std::vector<MonotonicClock::duration> times;
  for (const std::uint32_t random : {0, 500, 1000, 1500, 1990}) times.push_back(renewal(random));
  EXPECT_EQ(std::ranges::count(times, times[0]), 1);
  for (const auto time : times) {
    EXPECT_GE(time, 285s);
    EXPECT_LE(time, 315s);
  }
}

TEST_F(DhcpClientTest, AnotherServerMayAnswerWhenRebinding) {
  bind();
  while (client_.state() != State::kRebinding) wait_for_timer();
  auto ack = answer(DhcpType::kAck);
  ack.set_address(dhcp::kServerId, address("10.1.0.2"));
  EXPECT_EQ(take(client_.receive(ack, kStranger, now_)), Change::kRenewed);
  wait_for_timer();
  EXPECT_EQ(client_.state(), State::kRenewing);
  ASSERT_TRUE(sent_.to);
  EXPECT_EQ(sent_.to->address, address("10.1.0.2")) << "from now on it is the one that is asked";
  EXPECT_EQ(sent_.to->mac, kStranger);
}

TEST_F(DhcpClientTest, AnotherAddressAtRenewalEndsThePathUntilItIsChecked) {
  bind();
  wait_for_timer();
  EXPECT_EQ(receive(answer(DhcpType::kAck, "10.2.16.9")), Change::kLost);
  EXPECT_FALSE(client_.lease());
  ASSERT_TRUE(arp_);
  EXPECT_EQ(arp_->target, address("10.2.16.9"));
  pass_check();
  EXPECT_EQ(client_.lease()->address.address(), address("10.2.16.9"));
}

TEST_F(DhcpClientTest, AnotherPrefixLengthOrOtherRoutesAtRenewalAreAChange) {
  bind();
  wait_for_timer();
  auto ack = answer(DhcpType::kAck);
  ack.set_address(dhcp::kSubnetMask, address("255.255.240.0"));
  EXPECT_EQ(receive(ack), Change::kChanged);
  EXPECT_EQ(client_.lease()->address.length(), 20u);
  EXPECT_FALSE(arp_) << "the address itself is not new";
}

TEST_F(DhcpClientTest, AnotherCountAtRenewalIsFollowed) {
  bind();
  wait_for_timer();
  auto ack = answer(DhcpType::kAck);
  ack.options[kExtRoute] = {2, 4};
  EXPECT_EQ(receive(ack), Change::kRenewed);
  EXPECT_EQ(client_.lease()->route.count, 4);
}

TEST_F(DhcpClientTest, ALeaseRunsOnWhileTheMachineSleeps) {
  bind();
  EXPECT_EQ(take(client_.slept(100s, now_)), Change::kNone);
  EXPECT_EQ(client_.state(), State::kRenewing) << "the network may be another one now";
  EXPECT_EQ(sent_.message.client, address("10.2.16.5"));
  EXPECT_LE(client_.lease()->remaining(now_), 500s);

  EXPECT_EQ(take(client_.slept(500s, now_)), Change::kLost);
  EXPECT_FALSE(client_.lease());
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover);
}

TEST_F(DhcpClientTest, AWallClockThatIsSetIsNoSleep) {
  bind();
  take(client_.slept(0s, now_));
  EXPECT_EQ(client_.state(), State::kBound);
  EXPECT_FALSE(sent_any_);
}

TEST_F(DhcpClientTest, ALeaseIsGivenBackToItsServer) {
  bind();
  EXPECT_EQ(take(client_.release(now_)), Change::kLost);
  ASSERT_TRUE(sent_any_);
  EXPECT_EQ(sent_.message.type, DhcpType::kRelease);
  EXPECT_EQ(sent_.message.client, address("10.2.16.5"));
  EXPECT_EQ(sent_.message.address_option(dhcp::kServerId), address("10.1.0.1"));
  EXPECT_FALSE(sent_.message.option(dhcp::kRequestedAddress));
  EXPECT_FALSE(sent_.message.option(dhcp::kParameterList));
  ASSERT_TRUE(sent_.to);
  EXPECT_EQ(sent_.to->mac, kServerMac);
  EXPECT_EQ(client_.next_timer(), MonotonicTime::max());
}

// --- A remembered lease (INIT-REBOOT, RFC 2131 section 3.2).

class DhcpRebootTest : public DhcpConversation {
 protected:
  void SetUp() override {
    bind();
    remembered_ = client_.lease();
    client_ = DhcpClient(settings());
    now_ += 100s;
  }
  std::optional<Lease> remembered_;
};

TEST_F(DhcpRebootTest, TheRememberedAddressIsAskedForAndChecked) {
  take(client_.start(now_, remembered_));
  EXPECT_EQ(client_.state(), State::kRebooting);
  EXPECT_EQ(sent_.message.type, DhcpType::kRequest);
  EXPECT_TRUE(sent_.message.broadcast);
  EXPECT_FALSE(sent_.to);
  EXPECT_EQ(sent_.message.address_option(dhcp::kRequestedAddress), address("10.2.16.5"));
  EXPECT_FALSE(sent_.message.option(dhcp::kServerId)) << "any server may answer";
  EXPECT_TRUE(sent_.message.client.is_unspecified());
  EXPECT_TRUE(sent_index_2());
  EXPECT_FALSE(client_.lease()) << "the network may be another one";

  EXPECT_EQ(receive(answer(DhcpType::kAck)), Change::kNone);
  pass_check();
  EXPECT_EQ(client_.lease()->address, remembered_->address);
}

TEST_F(DhcpRebootTest, ARefusalIsFollowedByDiscover) {
  take(client_.start(now_, remembered_));
  EXPECT_EQ(receive(answer(DhcpType::kNak)), Change::kNone);
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover);
}

TEST_F(DhcpRebootTest, WithoutAnAnswerToTwoRequestsItDiscovers) {
  take(client_.start(now_, remembered_));
  const auto began = now_;
  wait_for_timer();
  EXPECT_EQ(sent_.message.type, DhcpType::kRequest);
  wait_for_timer();
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover);
  EXPECT_LE(now_ - began, 4s);
}

TEST_F(DhcpRebootTest, AnEndedOrForeignLeaseIsNotAskedFor) {
  held_ = remembered_->address.address();
  take(client_.start(now_, remembered_));
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover) << "the host has this address otherwise";
  held_ = {};
  now_ += 600s;
  take(client_.start(now_, remembered_));
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover);
}

TEST_F(DhcpRebootTest, ItIsAskedForWhenTheWireComesLater) {
  take(client_.link(false, now_));
  take(client_.start(now_, remembered_));
  EXPECT_FALSE(sent_any_);
  take(client_.link(true, now_));
  EXPECT_EQ(client_.state(), State::kRebooting);
}

}  // namespace
}  // namespace anabranch::host
