// SPDX-License-Identifier: MIT
// The client of path 2 and a server, as a conversation: what happens, and what the client does.
#include "host/dhcp_client.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

using State = DhcpClient::State;
using Change = DhcpClient::Change;
using namespace std::chrono_literals;

constexpr std::uint8_t kExtRoute = 224;
const MacAddress kServerMac = MacAddress::parse("02:00:00:00:00:67").value();
const MacAddress kOurMac = MacAddress::parse("02:00:00:00:00:02").value();
IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

DhcpMessage::Octets octets(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

class DhcpClientTest : public testing::Test {
 protected:
  DhcpClient::Settings settings() {
    DhcpClient::Settings out;
    out.index = 2;
    out.mac = kOurMac;
    out.client_id = {255, 0, 0, 0, 2, 0, 3, 0, 1};
    out.ext_route_code = kExtRoute;
    out.random = [this] { return random_++; };
    out.acceptable = [this](const IpAddress& offered) { return offered != held_; };
    return out;
  }

  /// A server's answer to what the client has sent last.
  DhcpMessage answer(DhcpType type, const char* offered = "10.2.16.5") {
    DhcpMessage out;
    out.type = type;
    out.xid = sent_.message.xid;
    out.hardware = kOurMac;
    out.set_address(dhcp::kServerId, address("10.1.0.1"));
    if (type == DhcpType::kNak) return out;
    out.assigned = address(offered);
    out.set_address(dhcp::kSubnetMask, address("255.255.0.0"));
    out.set_address(dhcp::kRouter, address("10.2.0.1"));
    out.options[dhcp::kLeaseTime] = octets(600);
    out.options[kExtRoute] = {2, 2};
    return out;
  }

  Change take(DhcpClient::Step step) {
    sent_any_ = step.send.has_value();
    if (step.send) sent_ = *step.send;
    return step.change;
  }
  Change receive(const DhcpMessage& message) {
    return take(client_.receive(message, kServerMac, now_));
  }
  /// Lets the time of the next timer come, and says how long that took.
  milliseconds wait_for_timer() {
    const auto before = now_;
    now_ = client_.next_timer();
    change_ = take(client_.timer(now_));
    return std::chrono::duration_cast<milliseconds>(now_ - before);
  }
  void bind() {
    take(client_.start(now_));
    receive(answer(DhcpType::kOffer));
    ASSERT_EQ(receive(answer(DhcpType::kAck)), Change::kObtained);
  }
  bool sent_index_2() const {
    const auto* value = sent_.message.option(kExtRoute);
    return value != nullptr && *value == DhcpMessage::Octets{2, 0};
  }

  std::uint32_t random_ = 1000;  // a jitter of 0 s, and a new number each time
  IpAddress held_ = address("10.1.0.50");
  MonotonicTime now_ = MonotonicTime(1h);
  DhcpClient client_{settings()};
  OutgoingMessage sent_;
  bool sent_any_ = false;
  Change change_ = Change::kNone;
};

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
  for (const int code : {1, 3, 6, 15, 26, 51, 54, 58, 59, 121, 224})
    EXPECT_NE(std::ranges::find(wanted, code), wanted.end()) << code;
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

  EXPECT_EQ(receive(answer(DhcpType::kAck)), Change::kObtained);
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

TEST_F(DhcpClientTest, AnAddressTheHostHoldsAlreadyIsNotTaken) {
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer, "10.1.0.50"));
  EXPECT_FALSE(sent_any_);
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

TEST_F(DhcpClientTest, UselessOffersAreIgnored) {
  take(client_.start(now_));
  for (const char* bad : {"0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255"}) {
    receive(answer(DhcpType::kOffer, bad));
    EXPECT_FALSE(sent_any_) << bad;
  }
  auto offer = answer(DhcpType::kOffer);
  offer.options.erase(dhcp::kLeaseTime);
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

TEST_F(DhcpClientTest, ANakToTheRequestBeginsAnew) {
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer));
  EXPECT_EQ(receive(answer(DhcpType::kNak)), Change::kNone);
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover);
}

TEST_F(DhcpClientTest, AtHalfTheLeaseItRenewsWithTheServerItself) {
  bind();
  EXPECT_EQ(wait_for_timer(), 300s);
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
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer));
  auto ack = answer(DhcpType::kAck);
  ack.options[dhcp::kRenewalTime] = octets(100);
  ack.options[dhcp::kRebindingTime] = octets(200);
  receive(ack);
  EXPECT_EQ(client_.lease()->renews() - now_, 100s);
  EXPECT_EQ(client_.lease()->rebinds() - now_, 200s);
}

TEST_F(DhcpClientTest, SenselessTimersAreReplacedByTheDefaults) {
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer));
  auto ack = answer(DhcpType::kAck);
  ack.options[dhcp::kRenewalTime] = octets(5000);
  ack.options[dhcp::kRebindingTime] = octets(4000);
  receive(ack);
  EXPECT_EQ(client_.lease()->renews() - now_, 300s);
  EXPECT_EQ(client_.lease()->rebinds() - now_, 525s);
}

TEST_F(DhcpClientTest, AfterT2ItAsksEveryServerAndAtTheEndTheLeaseIsLost) {
  bind();
  const auto obtained = now_;
  while (client_.state() != State::kRebinding) wait_for_timer();
  EXPECT_EQ(now_ - obtained, 525s);
  EXPECT_FALSE(sent_.to);
  EXPECT_EQ(sent_.message.client, address("10.2.16.5"));

  while (client_.lease()) wait_for_timer();
  EXPECT_EQ(now_ - obtained, 600s);
  EXPECT_EQ(change_, Change::kLost);
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover) << "and asks anew";
}

TEST_F(DhcpClientTest, RenewalsAreAMinuteApartAtLeast) {
  bind();
  wait_for_timer();
  EXPECT_GE(wait_for_timer(), 60s);
  EXPECT_EQ(client_.state(), State::kRenewing);
}

TEST_F(DhcpClientTest, ANakAtRenewalLosesTheLeaseAtOnce) {
  bind();
  wait_for_timer();
  EXPECT_EQ(receive(answer(DhcpType::kNak)), Change::kLost);
  EXPECT_FALSE(client_.lease());
  EXPECT_EQ(sent_.message.type, DhcpType::kDiscover);
}

TEST_F(DhcpClientTest, ANakInBoundIsAForgeryOrLate) {
  bind();
  EXPECT_EQ(receive(answer(DhcpType::kNak)), Change::kNone);
  EXPECT_TRUE(client_.lease());
}

TEST_F(DhcpClientTest, RenewalWithAnotherRouterIsAChange) {
  bind();
  wait_for_timer();
  auto ack = answer(DhcpType::kAck);
  ack.set_address(dhcp::kRouter, address("10.2.0.2"));
  EXPECT_EQ(receive(ack), Change::kChanged);
}

TEST_F(DhcpClientTest, AnAckOfAnotherPathDoesNotRenewThisOne) {
  bind();
  wait_for_timer();
  auto ack = answer(DhcpType::kAck);
  ack.options[kExtRoute] = {1, 2};
  EXPECT_EQ(receive(ack), Change::kNone);
  EXPECT_EQ(client_.state(), State::kRenewing);
}

TEST_F(DhcpClientTest, ClasslessRoutesWinOverTheRouterOption) {
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer));
  auto ack = answer(DhcpType::kAck);
  ack.options[dhcp::kClasslessRoutes] = {32, 10, 9, 0, 1, 0, 0, 0, 0, 0, 10, 9, 0, 1};
  receive(ack);
  EXPECT_EQ(client_.lease()->router(), address("10.9.0.1"));
  EXPECT_EQ(client_.lease()->routes.size(), 2u);
}

TEST_F(DhcpClientTest, WithoutCarrierNothingIsSentAndTheLeaseRunsOn) {
  bind();
  const auto obtained = now_;
  take(client_.link(false, now_));
  EXPECT_FALSE(sent_any_);
  EXPECT_TRUE(client_.lease());
  wait_for_timer();
  EXPECT_EQ(now_ - obtained, 600s);
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
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer));
  auto ack = answer(DhcpType::kAck);
  ack.options[dhcp::kLeaseTime] = octets(0xffffffff);
  receive(ack);
  EXPECT_EQ(client_.next_timer(), MonotonicTime::max());
  EXPECT_FALSE(client_.lease()->remaining(now_));
}

TEST_F(DhcpClientTest, TheShortestLeaseStillMovesForward) {
  take(client_.start(now_));
  receive(answer(DhcpType::kOffer));
  auto ack = answer(DhcpType::kAck);
  ack.options[dhcp::kLeaseTime] = octets(1);
  receive(ack);
  for (int i = 0; i < 20 && client_.lease(); ++i) wait_for_timer();
  EXPECT_FALSE(client_.lease()) << "timers must not fire for ever at one moment";
}

TEST_F(DhcpClientTest, AnAddressWeHoldAlreadyIsNotTakenEvenWhenGrantedUnasked) {
  take(client_.start(now_));
  take(client_.receive(answer(DhcpType::kOffer), kServerMac, now_));
  ASSERT_EQ(client_.state(), State::kRequesting);
  EXPECT_EQ(take(client_.receive(answer(DhcpType::kAck, "10.1.0.50"), kServerMac, now_)),
            Change::kNone);
  EXPECT_FALSE(client_.lease());
}

TEST_F(DhcpClientTest, ALeaseOfASecondIsNotRenewedAsFastAsTheServerAnswers) {
  take(client_.start(now_));
  for (const auto type : {DhcpType::kOffer, DhcpType::kAck}) {
    auto reply = answer(type);
    reply.options[dhcp::kLeaseTime] = octets(1);
    take(client_.receive(reply, kServerMac, now_));
  }
  ASSERT_EQ(client_.state(), State::kBound);
  EXPECT_EQ(client_.next_timer(), now_ + 1s);
}

}  // namespace
}  // namespace anabranch::host
