// SPDX-License-Identifier: MIT
// Further subflows that come to a service itself find their server by the token of their
// connection: learned from the keys that the client sends with its third packet, or told by the
// server.
#include "balancer/steered_frames.hpp"
#include "support/generated_joins.hpp"

namespace anabranch::balancer {
namespace {

using namespace test;

const Octets kTimestamps = hex("0101080a 00000001 00000001");
/// Both keys, as in the third packet; the second one is the server's.
const Octets kThird = hex("1e140101 0102030405060708 a1a2a3a4a5a6a7a8");
constexpr std::uint32_t kToken = 0x65886c9f;  ///< of the server's key

Octets join_with(std::uint32_t token) {
  return kUsualOptions + hex("1e0c1002") + word(static_cast<std::uint16_t>(token >> 16)) +
         word(static_cast<std::uint16_t>(token)) + hex("01020304");
}

class BalancerToken : public SteeredFrames {
 protected:
  /// A connection with its first two packets; the server that has it.
  std::uint32_t connect(const Endpoint& client, const Endpoint& service,
                        const Octets& third = kTimestamps + kThird, std::size_t payload = 0) {
    const auto chosen = server_of({client, service, kSyn, kUsualOptions + kMpCapable});
    EXPECT_EQ(server_of({client, service, kAck, third, payload}), chosen);
    return chosen;
  }
  Outcome join(std::uint32_t token, const Endpoint& client = from_port(kClient, 999)) const {
    return steer(
        frame({client, client.address.is_v4() ? kByToken : kByToken6, kSyn, join_with(token)}));
  }
  std::uint64_t counted(std::uint32_t what) const { return count(what, kByTokenNumber); }
  void tell(std::uint16_t id, std::uint32_t token) {
    must(plane->set_tokens(id, std::array{token}));
  }
};

TEST_P(BalancerToken, AJoinFollowsTheConnectionWhoseKeysWentBy) {
  for (const auto& [client, service] : {std::pair{kClient, kByToken}, {kClient6, kByToken6}}) {
    const auto other = from_port(client, 999);
    const auto chosen = connect(client, service);
    EXPECT_EQ(join(kToken, other).server, chosen);
    EXPECT_EQ(server_of({other, service, kAck, kTimestamps, 100}), chosen) << "its data";
    EXPECT_EQ(steer(too_big(other, service)).server, chosen) << "ICMP about it";
    must(plane->remove_tokens(static_cast<std::uint16_t>(chosen), std::array{kToken}));
  }
  EXPECT_EQ(counted(STEER_BY_TOKEN), 1U);
  EXPECT_EQ(counted(STEER_NOTED_TOKEN), 1U);
}

TEST_P(BalancerToken, OfEachConnectionItsOwnIsLearned) {
  std::vector<std::uint32_t> servers;
  for (std::uint8_t i = 0; i < 40; ++i) {
    auto third = kThird;
    third.back() = i;
    servers.push_back(connect(from_port(kClient, 1000U + i), kByToken, kTimestamps + third));
  }
  for (std::uint8_t i = 0; i < 40; ++i) {
    auto third = kThird;
    third.back() = i;
    const auto explained = must(plane->explain(
        frame({from_port(kClient, 1000U + i), kByToken, kAck, kTimestamps + third})));
    EXPECT_EQ(explained.verdict.keys, STEER_KEYS_FOUND) << "who asks is told afterwards, too";
    EXPECT_EQ(join(explained.verdict.token, from_port(kClient, 2000U + i)).server, servers.at(i));
  }
  EXPECT_EQ(counted(STEER_NOTED_TOKEN), 40U);
}

TEST_P(BalancerToken, KeysAreFoundWhereverTheyStand) {
  std::uint32_t port = 1000;
  for (const auto& options : {
           kThird,
           kThird + kTimestamps,
           hex("01") + kThird + hex("010101"),
           Octets(20, 1) + kThird,
           hex("fd0b") + Octets(9) + hex("01") + kThird,
           hex("1e160101 0102030405060708 a1a2a3a4a5a6a7a8 0005") + hex("0101"),
           kTimestamps + hex("1e180101 0102030405060708 a1a2a3a4a5a6a7a8 0005 abcd"),
           hex("1e140101 0102030405060708 1111111111111111") + kThird,
           kThird + hex("0300"),
       }) {
    const auto chosen = connect(from_port(kClient, ++port), kByToken, options);
    EXPECT_EQ(join(kToken).server, chosen) << port;
    must(plane->remove_tokens(static_cast<std::uint16_t>(chosen), std::array{kToken}));
  }
}

TEST_P(BalancerToken, WhatAServerWouldNotTakeForKeysTeachesNothing) {
  std::uint32_t port = 1000;
  for (const char* options : {
           "1e130101 0102030405060708 a1a2a3a4a5a6a7 01",           // too short
           "1e150101 0102030405060708 a1a2a3a4a5a6a7a8 00 010101",  // no such length
           "1e140001 0102030405060708 a1a2a3a4a5a6a7a8",            // version 0
           "1e140100 0102030405060708 a1a2a3a4a5a6a7a8",            // without SHA-256
           "1e140141 0102030405060708 a1a2a3a4a5a6a7a8",            // an unknown extension
           "1e140101 0102030405060708 a1a2a3a4",                    // breaks off
           "0301 1e140101 0102030405060708 a1a2a3a4a5a6a7a8",       // behind a break
           "00 1e140101 0102030405060708 a1a2a3a4a5a6a7a8",         // behind the end
       })
    connect(from_port(kClient, ++port), kByToken, hex(options));
  EXPECT_TRUE(join(kToken).dropped);
  EXPECT_EQ(counted(STEER_NOTED_TOKEN), 0U);
  EXPECT_EQ(counted(STEER_LOST_UNKNOWN_TOKEN), 1U);
}

TEST_P(BalancerToken, KeysComeAgainWithTheFirstData) {
  const auto with_data = hex("1e180101 0102030405060708 a1a2a3a4a5a6a7a8 0064 abcd");
  EXPECT_EQ(join(kToken).server, 0U);
  const auto chosen = connect(kClient, kByToken, kTimestamps + with_data, 100);
  EXPECT_EQ(join(kToken).server, chosen);
}

TEST_P(BalancerToken, OnlyTheHandshakeOfAConnectionTeaches) {
  server_of({kClient, kByToken, kAck, kTimestamps + kThird});
  EXPECT_TRUE(join(kToken).dropped) << "there was no SYN";
  server_of({kClient, kByToken, kSyn, kUsualOptions});
  server_of({kClient, kByToken, kAck, kTimestamps + kThird});
  EXPECT_TRUE(join(kToken).dropped) << "nor one with MP_CAPABLE";
  connect(kClient, kByToken);
  auto other = kThird;
  other.back() = 0;
  server_of({kClient, kByToken, kAck, kTimestamps + other});
  EXPECT_EQ(counted(STEER_NOTED_TOKEN), 1U) << "and nothing afterwards";
  connect(kClient, kByToken, kTimestamps + other);
  EXPECT_EQ(counted(STEER_NOTED_TOKEN), 2U) << "the next connection from the same port";
}

TEST_P(BalancerToken, ServicesWithoutTheCureLearnNothing) {
  connect(kClient, kService);
  connect(kClient, kPlain);
  EXPECT_TRUE(join(kToken).dropped);
  EXPECT_EQ(must(plane->explain(frame({kClient, kPlain, kAck, kTimestamps + kThird}))).verdict.keys,
            STEER_KEYS_NOT_ASKED);
}

TEST_P(BalancerToken, AnUnknownTokenIsDroppedAndNotGuessed) {
  EXPECT_TRUE(join(kToken).dropped);
  expect_only(STEER_LOST_UNKNOWN_TOKEN, kByTokenNumber);
}

TEST_P(BalancerToken, ALearnedTokenTakesNothingFromAnotherServer) {
  const auto chosen = connect(kClient, kByToken);
  std::uint32_t port = 1000;
  while (connect(from_port(kClient, ++port), kByToken) == chosen)
    EXPECT_EQ(counted(STEER_NOTED_TOKEN_CONFLICT), 0U) << "the same server is no conflict";
  EXPECT_EQ(counted(STEER_NOTED_TOKEN_CONFLICT), 1U);
  EXPECT_EQ(join(kToken).server, chosen);
}

TEST_P(BalancerToken, WhatAServerTellsHoldsAgainstWhatWasLearned) {
  const auto chosen = connect(kClient, kByToken);
  const auto other = static_cast<std::uint16_t>(chosen % kServers + 1);
  tell(other, kToken);
  EXPECT_EQ(join(kToken).server, other);
  connect(kClient, kByToken);
  EXPECT_EQ(join(kToken).server, other) << "learned again";
}

TEST_P(BalancerToken, AServerTakesBackOnlyItsOwn) {
  tell(2, kToken);
  must(plane->remove_tokens(3, std::array{kToken}));
  EXPECT_EQ(join(kToken).server, 2U);
  must(plane->remove_tokens(2, std::array{kToken, kToken, 77U}));
  EXPECT_TRUE(join(kToken).dropped);
}

TEST_P(BalancerToken, ServersTellThousandsAtOnce) {
  std::vector<std::uint32_t> tokens;
  for (std::uint32_t number = 0; number < kRemembered / 2; ++number)
    tokens.push_back(generated_token(number));
  must(plane->set_tokens(3, tokens));
  for (const auto token : tokens) ASSERT_EQ(join(token).server, 3U) << token;
  must(plane->remove_tokens(3, tokens));
  EXPECT_TRUE(join(tokens.front()).dropped);
}

TEST_P(BalancerToken, TheLongestSilentAreForgottenFirst) {
  tell(2, kToken);
  for (std::uint32_t number = 0; number < 20 * kRemembered; ++number) {
    tell(3, generated_token(number));
    if (number % 50 == 0) {
      ASSERT_EQ(join(kToken).server, 2U) << "asked for all the time";
    }
  }
  EXPECT_TRUE(join(generated_token(0)).dropped);
  EXPECT_EQ(join(generated_token(20 * kRemembered - 1)).server, 3U);
}

TEST_P(BalancerToken, TokensCountAgainstTheLimitOfInserts) {
  must(plane->set_limits({.inserts_per_second = 0}));
  tell(2, kToken);
  EXPECT_TRUE(join(kToken).dropped) << "its data would go elsewhere";
  expect_only(STEER_LOST_UNREMEMBERED, kByTokenNumber);
  must(plane->remove_tokens(2, std::array{kToken}));
  must(plane->set_limits({.inserts_per_second = 1'000}));
  const auto chosen = server_of({kClient, kByToken, kSyn, kUsualOptions + kMpCapable});
  must(plane->set_limits({.inserts_per_second = 0}));
  server_of({kClient, kByToken, kAck, kTimestamps + kThird});
  EXPECT_EQ(counted(STEER_NOTED_UNLEARNED), 1U);
  must(plane->set_limits({.inserts_per_second = 1'000'000}));
  EXPECT_TRUE(join(kToken).dropped);
  server_of({kClient, kByToken, kAck, kTimestamps + kThird, 100});
  EXPECT_EQ(join(kToken).server, chosen) << "the first data brings it again";
}

TEST_P(BalancerToken, AJoinSentAgainNeedsNoPlaceOfItsOwn) {
  tell(2, kToken);
  EXPECT_EQ(join(kToken).server, 2U);
  must(plane->set_limits({.inserts_per_second = 0}));
  EXPECT_EQ(join(kToken).server, 2U);
}

TEST_P(BalancerToken, ATokenCountsMoreThanAnEarlierConnectionFromTheSamePort) {
  const auto before = server_of({from_port(kClient, 999), kByToken, kSyn, kUsualOptions});
  const auto other = static_cast<std::uint16_t>(before % kServers + 1);
  tell(other, kToken);
  EXPECT_EQ(join(kToken).server, other);
  EXPECT_EQ(server_of({from_port(kClient, 999), kByToken}), other);
}

TEST_P(BalancerToken, AServerThatDrainsGetsTheSubflowsOfItsConnections) {
  const auto chosen = connect(kClient, kByToken);
  auto draining = server(chosen);
  draining.state = STEER_DRAINING;
  must(plane->set_server(chosen, draining));
  EXPECT_EQ(join(kToken).server, chosen);
  must(plane->set_server(chosen, {}));
  EXPECT_TRUE(join(kToken).dropped);
  EXPECT_EQ(counted(STEER_LOST_NO_SERVER), 1U);
}

TEST_P(BalancerToken, JoinPortsAndTokensGoTogether) {
  auto target = target_of(STEER_ADDRESS, kByTokenNumber);
  target.first_join_port = kFirstJoinPort;
  target.join_ports = 100;
  must(plane->set_target(destination(kByToken, false), target));
  tell(2, kToken);
  EXPECT_EQ(join(kToken).server, 2U);
  EXPECT_EQ(server_of({kClient, join_port(kByToken, 3), kSyn, join_with(kToken)}), 3U);
}

TEST_P(BalancerToken, ExplainLearnsNothing) {
  connect(kClient, kByToken, kTimestamps);
  const auto third = frame({kClient, kByToken, kAck, kTimestamps + kThird});
  const auto explained = must(plane->explain(third));
  EXPECT_EQ(explained.verdict.keys, STEER_KEYS_FOUND);
  EXPECT_EQ(explained.verdict.token, kToken);
  EXPECT_TRUE(join(kToken).dropped);
  EXPECT_EQ(
      must(plane->explain(frame({kClient, kByToken, kSyn, join_with(kToken)}))).verdict.reason,
      STEER_LOST_UNKNOWN_TOKEN);
  EXPECT_EQ(steer(third).server, explained.verdict.server);
  EXPECT_EQ(join(kToken).server, explained.verdict.server);
}

INSTANTIATE_TEST_SUITE_P(Hooks, BalancerToken,
                         ::testing::Values(BalancerHook::kTc, BalancerHook::kXdp), hook_of);

class BalancerJoins : public ::testing::TestWithParam<BalancerHook> {};

/// bench/balancer_cost has 1,000,000 of each kind.
TEST_P(BalancerJoins, NoneOfManyIsMisrouted) {
  constexpr std::uint32_t kGenerated = 25'000;
  for (const auto way : {JoinWay::kToken, JoinWay::kPort})
    for (const bool is_ipv6 : {false, true}) {
      auto plane = BalancerPlane::open({});
      if (!plane) GTEST_SKIP() << plane.error().what;
      must(plane->set_limits({.inserts_per_second = 100'000'000}));
      fill(*plane);
      EXPECT_EQ(misrouted_joins(*plane, GetParam(), way, is_ipv6, kGenerated), 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(Hooks, BalancerJoins,
                         ::testing::Values(BalancerHook::kTc, BalancerHook::kXdp), hook_of);

}  // namespace
}  // namespace anabranch::balancer
