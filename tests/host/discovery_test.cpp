// SPDX-License-Identifier: MIT
#include "host/discovery.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/registry.hpp"

namespace anabranch::host {
namespace {

using Support = Discovery::Support;
using namespace std::chrono_literals;

constexpr std::uint8_t kExtRoute = 224;
const MacAddress kMac = MacAddress::parse("02:00:00:00:00:01").value();
const IpAddress kAddress = IpAddress::parse("10.1.16.7").value();

class DiscoveryTest : public testing::Test {
 protected:
  bool take(Discovery::Step step) {
    sent_ = std::move(step.send);
    if (sent_) last_ = *sent_;
    return step.verdict;
  }
  DhcpMessage answer(DhcpType type) {
    DhcpMessage out;
    out.type = type;
    out.xid = last_.message.xid;
    out.hardware = kMac;
    return out;
  }
  DhcpMessage answer(DhcpType type, DhcpMessage::Octets ext_route) {
    auto out = answer(type);
    out.options[kExtRoute] = std::move(ext_route);
    return out;
  }
  bool receive(const DhcpMessage& message) { return take(discovery_.receive(message, now_)); }
  bool wait_for_timer() {
    now_ = discovery_.next_timer();
    return take(discovery_.timer(now_));
  }

  std::uint32_t random_ = 1;
  MonotonicTime now_ = MonotonicTime(1h);
  Discovery discovery_{
      {kMac, {255, 0, 0, 0, 0, 0, 3, 0, 1}, kExtRoute, [this] { return random_++; }}};
  std::optional<OutgoingMessage> sent_;
  OutgoingMessage last_;
};

TEST_F(DiscoveryTest, AsksNothingWithoutAddressOrCarrier) {
  EXPECT_FALSE(take(discovery_.interface(std::nullopt, true, now_)) || sent_);
  EXPECT_FALSE(take(discovery_.interface(kAddress, false, now_)) || sent_);
  EXPECT_EQ(discovery_.next_timer(), MonotonicTime::max());
}

TEST_F(DiscoveryTest, InformsFromTheInterfacesOwnAddress) {
  take(discovery_.interface(kAddress, true, now_));
  ASSERT_TRUE(sent_);
  EXPECT_EQ(sent_->message.type, DhcpType::kInform);
  EXPECT_EQ(sent_->message.client, kAddress);
  EXPECT_EQ(sent_->message.hardware, kMac);
  const auto& wanted = *sent_->message.option(dhcp::kParameterList);
  EXPECT_NE(std::ranges::find(wanted, kExtRoute), wanted.end());
  EXPECT_FALSE(sent_->message.option(kExtRoute)) << "it asks which path this is, and for none";
}

TEST_F(DiscoveryTest, AnAnswerWithExtRouteIsSupport) {
  take(discovery_.interface(kAddress, true, now_));
  EXPECT_TRUE(receive(answer(DhcpType::kAck, {1, 3})));
  EXPECT_EQ(discovery_.support(), Support::kYes);
  EXPECT_EQ(discovery_.route(), (wire::ExtRoute{1, 3}));
}

TEST_F(DiscoveryTest, AnAnswerWithoutExtRouteIsNoSupport) {
  take(discovery_.interface(kAddress, true, now_));
  EXPECT_FALSE(receive(answer(DhcpType::kAck)));
  EXPECT_TRUE(wait_for_timer());
  EXPECT_EQ(discovery_.support(), Support::kNo);
}

TEST_F(DiscoveryTest, OfTwoServersTheOneThatKnowsPathsIsHeard) {
  take(discovery_.interface(kAddress, true, now_));
  receive(answer(DhcpType::kAck));
  now_ += 500ms;
  EXPECT_TRUE(receive(answer(DhcpType::kAck, {1, 2})));
  EXPECT_EQ(discovery_.support(), Support::kYes);
}

TEST_F(DiscoveryTest, TwoUnansweredInformsLeadToADiscoverThatIsNeverRequested) {
  take(discovery_.interface(kAddress, true, now_));
  wait_for_timer();
  EXPECT_EQ(last_.message.type, DhcpType::kInform);
  wait_for_timer();
  ASSERT_EQ(last_.message.type, DhcpType::kDiscover);
  EXPECT_TRUE(last_.message.broadcast);
  EXPECT_TRUE(last_.message.client.is_unspecified());
  EXPECT_TRUE(last_.message.option(dhcp::kClientId)) << "the interface's own lease is not touched";

  EXPECT_TRUE(receive(answer(DhcpType::kOffer, {1, 2})));
  EXPECT_FALSE(sent_);
  EXPECT_EQ(discovery_.support(), Support::kYes);
}

TEST_F(DiscoveryTest, UnansweredItAsksOnWithBackOffUpToAMinute) {
  take(discovery_.interface(kAddress, true, now_));
  MonotonicClock::duration longest{};
  for (int i = 0; i < 12; ++i) {
    const auto before = now_;
    EXPECT_FALSE(wait_for_timer());
    EXPECT_TRUE(sent_);
    longest = std::max(longest, now_ - before);
  }
  EXPECT_GE(longest, 60s);
  EXPECT_LT(longest, 61s);
  EXPECT_EQ(discovery_.support(), Support::kUnknown);
}

TEST_F(DiscoveryTest, AsksAgainEveryFiveMinutesAndSeesAnotherCount) {
  take(discovery_.interface(kAddress, true, now_));
  receive(answer(DhcpType::kAck, {1, 2}));
  const auto before = now_;
  wait_for_timer();
  EXPECT_EQ(now_ - before, 5min);
  EXPECT_EQ(last_.message.type, DhcpType::kInform);
  EXPECT_TRUE(receive(answer(DhcpType::kAck, {1, 3})));
  EXPECT_EQ(discovery_.route().count, 3);
}

TEST_F(DiscoveryTest, AsksAgainWhenTheAddressChangesOrCarrierReturns) {
  take(discovery_.interface(kAddress, true, now_));
  receive(answer(DhcpType::kAck, {1, 2}));
  take(discovery_.interface(kAddress, true, now_));
  EXPECT_FALSE(sent_) << "nothing has changed";
  const auto other = IpAddress::parse("10.1.16.8").value();
  take(discovery_.interface(other, true, now_));
  ASSERT_TRUE(sent_);
  EXPECT_EQ(sent_->message.client, other);
  take(discovery_.interface(other, false, now_));
  EXPECT_FALSE(sent_);
  take(discovery_.interface(other, true, now_));
  EXPECT_TRUE(sent_);
  EXPECT_EQ(discovery_.support(), Support::kYes) << "until the new answer is there";
}

TEST_F(DiscoveryTest, StrangersAnswersAreIgnored) {
  take(discovery_.interface(kAddress, true, now_));
  auto message = answer(DhcpType::kAck, {1, 2});
  message.xid ^= 1;
  EXPECT_FALSE(receive(message));
  message = answer(DhcpType::kAck, {1, 2});
  message.hardware.octets[5] ^= 1;
  EXPECT_FALSE(receive(message));
  EXPECT_FALSE(receive(answer(DhcpType::kOffer, {1, 2}))) << "an OFFER answers no INFORM";
  EXPECT_EQ(discovery_.support(), Support::kUnknown);
}

const DhcpMessage::Octets kOneConverter{4, 198, 18, 9, 9};
const std::vector kTold{Endpoint::parse("198.18.9.9:5124").value()};

TEST_F(DiscoveryTest, AsksForConvertersAndKeepsThoseOfTheAnswerThatDecides) {
  take(discovery_.interface(kAddress, true, now_));
  const auto& wanted = *sent_->message.option(dhcp::kParameterList);
  EXPECT_NE(std::ranges::find(wanted, registry::kConvertersCode), wanted.end());
  EXPECT_NE(std::ranges::find(wanted, registry::kConverterPortCode), wanted.end());
  auto with = answer(DhcpType::kAck, {1, 3});
  with.options[registry::kConvertersCode] = kOneConverter;
  receive(with);
  EXPECT_EQ(discovery_.converters(), kTold);
  wait_for_timer();
  receive(answer(DhcpType::kAck, {1, 3}));
  EXPECT_TRUE(discovery_.converters().empty()) << "they are told no more";
}

TEST_F(DiscoveryTest, ANetworkWithoutFurtherPathsMayTellOfConvertersToo) {
  take(discovery_.interface(kAddress, true, now_));
  auto with = answer(DhcpType::kAck);
  with.options[registry::kConvertersCode] = kOneConverter;
  receive(answer(DhcpType::kAck));
  receive(with);
  EXPECT_TRUE(wait_for_timer());
  EXPECT_EQ(discovery_.support(), Support::kNo);
  EXPECT_EQ(discovery_.converters(), kTold);
}

TEST_F(DiscoveryTest, NewsOfALeaseMakeItAskAgainButNotAllTheTime) {
  take(discovery_.interface(kAddress, true, now_));
  const auto asked = now_;
  receive(answer(DhcpType::kAck, {1, 3}));
  discovery_.ask_soon(now_ + 1s);
  EXPECT_EQ(discovery_.next_timer(), asked + 10s);
  wait_for_timer();
  EXPECT_TRUE(sent_);
  const auto waits = discovery_.next_timer();
  discovery_.ask_soon(now_);
  EXPECT_EQ(discovery_.next_timer(), waits) << "a question is under way";
  receive(answer(DhcpType::kAck, {1, 3}));
  now_ += 60s;
  discovery_.ask_soon(now_);
  EXPECT_EQ(discovery_.next_timer(), now_);
}

}  // namespace
}  // namespace anabranch::host
