// SPDX-License-Identifier: MIT
// The control channel as octets between two ends, with somebody between them who may do anything
// to these but has no key.
#include "balancer/control_session.hpp"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::balancer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = ControlFault::Kind;
using Octets = std::vector<std::uint8_t>;

const MonotonicTime kStart{std::chrono::hours(5)};
const Octets kSecret(32, 0x5a);
const Octets kOther(32, 0x5b);

wire::ControlNonce nonce(std::uint8_t value) {
  wire::ControlNonce out;
  out.fill(value);
  return out;
}

ControlSession server(const Octets& secret = kSecret, std::uint8_t chance = 1,
                      MonotonicTime now = kStart) {
  return ControlSession::of_server(ControlKey(secret), 7, "web7", nonce(chance), now);
}

ControlSession balancer(std::uint8_t chance = 2, MonotonicTime now = kStart) {
  const auto admission = [](std::uint16_t id,
                            std::string_view name) -> std::optional<wire::ControlRefused> {
    if (id != 7) return wire::ControlRefused::kServer;
    if (name != "web7") return wire::ControlRefused::kName;
    return {};
  };
  return ControlSession::of_balancer(ControlKey(kSecret), admission, nonce(chance), now);
}

Octets taken(ControlSession& from, MonotonicTime now = kStart) {
  const auto pending = from.pending();
  Octets out(pending.begin(), pending.end());
  from.took(out.size(), now);
  return out;
}

/// What `to` makes of all that `from` has to say.
ControlSession::Heard carry(ControlSession& from, ControlSession& to, MonotonicTime now = kStart) {
  return to.hear(taken(from, now), now);
}

struct Pair {
  ControlSession server = anabranch::balancer::server();
  ControlSession balancer = anabranch::balancer::balancer();

  Pair() {
    EXPECT_TRUE(carry(server, balancer));
    EXPECT_FALSE(balancer.is_open()) << "the hello may be an old one";
    EXPECT_TRUE(carry(balancer, server));
    EXPECT_TRUE(server.is_open());
    EXPECT_TRUE(carry(server, balancer));
    EXPECT_TRUE(balancer.is_open());
  }
};

std::optional<Kind> kind_of(const ControlSession::Heard& heard) {
  return heard ? std::nullopt : std::optional(heard.error().kind);
}

const wire::ControlTokens kTokens{.learned = {1, 2, 3}, .gone = {9}};
const wire::ControlState kState{.connections = 12, .serving = false};

TEST(ControlSession, OpensInOneRoundTripAndCarriesMessagesBothWays) {
  Pair pair;
  EXPECT_EQ(pair.balancer.server(), 7);
  EXPECT_EQ(pair.balancer.name(), "web7");
  ASSERT_TRUE(pair.server.tell(kTokens, kStart));
  ASSERT_TRUE(pair.server.tell(kState, kStart));
  EXPECT_THAT(*carry(pair.server, pair.balancer),
              ElementsAre(ControlSession::Message(kTokens), ControlSession::Message(kState)));
  const History history{.service = {*IpAddress::parse("198.51.100.10"), 443},
                        .runs = {{.place = 1, .count = 2, .owner = 3, .previous = 4}}};
  ASSERT_TRUE(pair.balancer.tell(history, kStart));
  EXPECT_THAT(*carry(pair.balancer, pair.server), ElementsAre(ControlSession::Message(history)));
}

/// At its end, as hexadecimal digits.
std::string mac_of(const Octets& frame) {
  std::string out;
  for (const auto octet : std::span(frame).last(wire::kControlMac))
    out += fmt::format("{:02x}", octet);
  return out;
}

// Made by another program after docs/balancer-control.md.
TEST(ControlSession, MacsAreThoseOfTheManual) {
  auto from = server();
  auto to = balancer();
  const auto hello = taken(from);
  EXPECT_EQ(hello.size(), 61u);
  EXPECT_EQ(mac_of(hello), "935782da34835d263eaa6255f188794f");
  ASSERT_TRUE(to.hear(hello, kStart));
  const auto welcome = taken(to);
  EXPECT_EQ(welcome.size(), 54u);
  EXPECT_EQ(mac_of(welcome), "ca4f63c4f13b0475e765ca3d6eb4de56");
  ASSERT_TRUE(from.hear(welcome, kStart));
  EXPECT_EQ(mac_of(taken(from)), "fbe7c19f77170e9746b61b8430259b12") << "the ping";
  ASSERT_TRUE(from.tell(kState, kStart));
  EXPECT_EQ(mac_of(taken(from)), "444e694da4f022015bdc72b11ba50f23");
  ASSERT_TRUE(to.tell(wire::ControlPing{}, kStart));
  EXPECT_EQ(mac_of(taken(to)), "77ffb3dd5375e00ed1dc49fe1b8e763e");
}

TEST(ControlSession, OctetsMayComeOneByOne) {
  auto from = server();
  auto to = balancer();
  const auto one_by_one = [](ControlSession& sender, ControlSession& receiver) {
    std::vector<ControlSession::Message> out;
    for (const auto octet : taken(sender)) {
      const auto heard = receiver.hear(std::span(&octet, 1), kStart);
      EXPECT_TRUE(heard);
      out.insert(out.end(), heard->begin(), heard->end());
    }
    return out;
  };
  one_by_one(from, to);
  one_by_one(to, from);
  ASSERT_TRUE(from.tell(kTokens, kStart));
  EXPECT_THAT(one_by_one(from, to), ElementsAre(ControlSession::Message(kTokens)));
}

TEST(ControlSession, AnotherKeyIsFoundOutByBothEnds) {
  auto stranger = server(kOther);
  auto to = balancer();
  EXPECT_EQ(kind_of(carry(stranger, to)), Kind::kBadMac);
  EXPECT_THAT(to.pending(), IsEmpty()) << "who has no key gets no answer";

  // A false balancer, which admits everybody.
  auto false_balancer = ControlSession::of_balancer(
      ControlKey(kOther), [](auto, auto) { return std::nullopt; }, nonce(3), kStart);
  auto from = server();
  EXPECT_EQ(kind_of(carry(from, false_balancer)), Kind::kBadMac);
  auto other_hello = server(kOther);
  ASSERT_TRUE(carry(other_hello, false_balancer = ControlSession::of_balancer(
                                     ControlKey(kOther), [](auto, auto) { return std::nullopt; },
                                     nonce(3), kStart)));
  EXPECT_EQ(kind_of(carry(false_balancer, from)), Kind::kBadMac);
}

TEST(ControlSession, AnEndlessHandshakeEnds) {
  auto to = balancer();
  EXPECT_TRUE(to.look(kStart + milliseconds(4999)));
  // Octets alone do not help it.
  auto from = server();
  const auto hello = taken(from);
  EXPECT_TRUE(to.hear(std::span(hello).first(hello.size() - 1), kStart + seconds(4)));
  const auto seen = to.look(kStart + seconds(5));
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind, Kind::kSilent);
}

TEST(ControlSession, AHelloThatIsPlayedAgainOpensNothing) {
  auto from = server();
  const auto hello = taken(from);
  auto first = balancer(2);
  ASSERT_TRUE(first.hear(hello, kStart));
  ASSERT_TRUE(carry(first, from));
  ASSERT_TRUE(from.tell(kTokens, kStart));
  const auto rest = taken(from);
  ASSERT_EQ(first.hear(rest, kStart)->size(), 1u);

  auto second = balancer(3);
  ASSERT_TRUE(second.hear(hello, kStart));
  EXPECT_EQ(kind_of(second.hear(rest, kStart)), Kind::kBadMac);
  EXPECT_FALSE(second.is_open());
}

TEST(ControlSession, AnOldWelcomeIsNoAnswerToANewHello) {
  auto former = server(kSecret, 1);
  auto to = balancer();
  ASSERT_TRUE(carry(former, to));
  const auto welcome = taken(to);
  auto from = server(kSecret, 4);
  EXPECT_EQ(kind_of(from.hear(welcome, kStart)), Kind::kBadMac);
}

TEST(ControlSession, FramesCannotBePlayedAgainLeftOutOrMoved) {
  const auto two = [](Pair& pair) {
    EXPECT_TRUE(pair.server.tell(kTokens, kStart));
    auto first = taken(pair.server);
    EXPECT_TRUE(pair.server.tell(kTokens, kStart));
    return std::pair(first, taken(pair.server));
  };
  Pair again;
  auto [first, second] = two(again);
  ASSERT_TRUE(again.balancer.hear(first, kStart));
  EXPECT_EQ(kind_of(again.balancer.hear(first, kStart)), Kind::kBadMac);

  Pair without;
  std::tie(first, second) = two(without);
  EXPECT_EQ(kind_of(without.balancer.hear(second, kStart)), Kind::kBadMac);

  Pair swapped;
  std::tie(first, second) = two(swapped);
  second.insert(second.end(), first.begin(), first.end());
  EXPECT_EQ(kind_of(swapped.balancer.hear(second, kStart)), Kind::kBadMac);
}

TEST(ControlSession, FramesCannotBeSentBack) {
  auto from = server();
  EXPECT_EQ(kind_of(from.hear(taken(from), kStart)), Kind::kMalformed) << "its own hello";
  Pair pair;
  ASSERT_TRUE(pair.server.tell(wire::ControlPing{}, kStart));
  const auto ping = taken(pair.server);
  EXPECT_EQ(kind_of(pair.server.hear(ping, kStart)), Kind::kBadMac)
      << "a ping is good in both directions, but not with the same key";
}

TEST(ControlSession, AnyChangedOctetIsFoundOut) {
  const auto all = [] {
    Pair pair;
    EXPECT_TRUE(pair.server.tell(kTokens, kStart));
    return taken(pair.server);
  }();
  for (std::size_t i = 0; i < all.size(); ++i) {
    Pair pair;
    auto octets = all;
    octets.at(i) ^= 1;
    const auto heard = pair.balancer.hear(octets, kStart);
    // A greater length makes it wait for more, which the MAC then does not fit.
    if (heard) {
      EXPECT_THAT(*heard, IsEmpty()) << i;
      EXPECT_LT(i, 4u);
    }
  }
}

TEST(ControlSession, WhatIsCutOffIsNotHeard) {
  Pair pair;
  ASSERT_TRUE(pair.server.tell(kTokens, kStart));
  const auto octets = taken(pair.server);
  const auto heard = pair.balancer.hear(std::span(octets).first(octets.size() - 1), kStart);
  ASSERT_TRUE(heard);
  EXPECT_THAT(*heard, IsEmpty());
}

TEST(ControlSession, AStrangerCannotMakeItKeepMuch) {
  auto to = balancer();
  EXPECT_EQ(kind_of(to.hear(Octets{0, 0, 0x02, 0x00}, kStart)), Kind::kMalformed) << "516 octets";
  to = balancer();
  EXPECT_EQ(kind_of(to.hear(Octets{'G', 'E', 'T', ' '}, kStart)), Kind::kMalformed);
  Pair pair;
  EXPECT_TRUE(pair.balancer.hear(Octets{0, 0, 0xff, 0xfc}, kStart)) << "a server may";
  EXPECT_EQ(kind_of(Pair().balancer.hear(Octets{0, 0, 0xff, 0xfd}, kStart)), Kind::kMalformed);
}

TEST(ControlSession, EachEndHearsWhatIsForItAlone) {
  Pair pair;
  ASSERT_TRUE(pair.balancer.tell(kTokens, kStart));
  EXPECT_EQ(kind_of(carry(pair.balancer, pair.server)), Kind::kMalformed);
  Pair other;
  ASSERT_TRUE(other.server.tell(wire::ControlWelcome{}, kStart));
  EXPECT_EQ(kind_of(carry(other.server, other.balancer)), Kind::kMalformed);
}

TEST(ControlSession, AServerIsToldWhyItIsRefused) {
  const auto why = [](std::uint16_t id, std::string_view name) {
    auto from = ControlSession::of_server(ControlKey(kSecret), id, name, nonce(1), kStart);
    auto to = balancer();
    EXPECT_EQ(kind_of(carry(from, to)), Kind::kRefused);
    const auto heard = carry(to, from);
    EXPECT_EQ(kind_of(heard), Kind::kRefused);
    return heard ? "" : heard.error().what;
  };
  EXPECT_THAT(why(8, "web7"), HasSubstr("no server with id 8"));
  EXPECT_THAT(why(7, "web8"), HasSubstr("is not 'web8'"));
}

TEST(ControlSession, APeerThatFallsSilentIsGoneAfterTenSeconds) {
  Pair pair;
  for (int second = 1; second < 10; ++second) {
    EXPECT_TRUE(pair.balancer.look(kStart + seconds(second)));
    static_cast<void>(taken(pair.balancer, kStart + seconds(second)));  // into the void
  }
  const auto seen = pair.balancer.look(kStart + seconds(10));
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind, Kind::kSilent);
}

TEST(ControlSession, TwoThatHaveNothingToSayStayConnected) {
  Pair pair;
  std::size_t octets = 0;
  for (int second = 1; second < 600; ++second) {
    const auto now = kStart + seconds(second);
    ASSERT_TRUE(pair.balancer.look(now));
    ASSERT_TRUE(pair.server.look(now));
    octets += pair.server.pending().size();
    ASSERT_TRUE(carry(pair.balancer, pair.server, now));
    ASSERT_TRUE(carry(pair.server, pair.balancer, now));
  }
  EXPECT_LT(octets, 200u * 25u) << "a ping every three seconds";
}

TEST(ControlSession, AFrameThatNeverEndsDoesNotKeepAConnection) {
  Pair pair;
  ASSERT_TRUE(pair.server.tell(wire::ControlTokens{.learned = {1, 2, 3}}, kStart));
  const auto frame = taken(pair.server);
  for (std::size_t i = 0; i + 1 < frame.size() && i < 9; ++i)
    ASSERT_TRUE(pair.balancer.hear(std::span(frame).subspan(i, 1), kStart + seconds(1 + i)));
  EXPECT_FALSE(pair.balancer.look(kStart + seconds(10)));
}

TEST(ControlSession, APeerThatDoesNotReadIsCutOff) {
  Pair pair;
  const wire::ControlTokens many{.learned = std::vector<std::uint32_t>(100'000, 1)};
  std::optional<ControlFault> fault;
  for (int i = 0; i < 100 && !fault; ++i) {
    if (const auto told = pair.server.tell(many, kStart); !told) fault = told.error();
    ASSERT_LE(pair.server.pending().size(), ControlSession::kMostWaiting + 65'536);
  }
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->kind, Kind::kSlow);

  Pair slower;
  ASSERT_TRUE(slower.server.tell(kTokens, kStart + seconds(2)));
  ASSERT_TRUE(slower.balancer.tell(wire::ControlPing{}, kStart + seconds(9)));
  ASSERT_TRUE(carry(slower.balancer, slower.server, kStart + seconds(9)));
  EXPECT_TRUE(slower.server.look(kStart + seconds(11)));
  const auto seen = slower.server.look(kStart + seconds(12));
  ASSERT_FALSE(seen) << "it says much and takes nothing";
  EXPECT_EQ(seen.error().kind, Kind::kSlow);
}

}  // namespace
}  // namespace anabranch::balancer
