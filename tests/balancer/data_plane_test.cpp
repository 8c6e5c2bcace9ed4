// SPDX-License-Identifier: MIT
// Frames through the BPF programs as the kernel runs them, without a network: the same fixtures for
// XDP and tc.
#include <set>

#include "balancer/steered_frames.hpp"

namespace anabranch::balancer {
namespace {

using namespace test;
using BalancerDataPlane = SteeredFrames;

TEST_P(BalancerDataPlane, AConnectionKeepsTheServerOfItsSyn) {
  std::set<std::uint32_t> used;
  for (const auto& [client, service] : {std::pair{kClient, kService}, {kClient6, kService6}})
    for (std::uint32_t port = 1; port <= 50; ++port) {
      const auto from = from_port(client, port);
      const auto chosen = server_of({from, service, kSyn, kUsualOptions + kMpCapable});
      EXPECT_EQ(server_of({from, service, kAck, {}, 100}), chosen);
      used.insert(chosen);
    }
  EXPECT_EQ(used, (std::set<std::uint32_t>{1, 2, 3, 4}));
  EXPECT_EQ(count(STEER_NOTED_CAPABLE), 50U);
  EXPECT_EQ(count(STEER_BY_RING), 50U);
  EXPECT_EQ(count(STEER_BY_CONNECTION), 50U);
}

TEST_P(BalancerDataPlane, TheRingAloneGivesTheSameServerAgain) {
  must(plane->set_limits({.inserts_per_second = 0}));
  for (std::uint32_t port = 1; port <= 50; ++port) {
    const auto from = from_port(kClient, port);
    EXPECT_EQ(server_of({from, kService, kSyn}), server_of({from, kService, kAck}));
  }
  EXPECT_EQ(count(STEER_BY_RING), 100U);
  EXPECT_EQ(count(STEER_NOTED_UNLEARNED), 100U);
}

TEST_P(BalancerDataPlane, InsertsHaveALimitPerSecond) {
  must(plane->set_limits({.inserts_per_second = 10}));
  for (std::uint32_t port = 1; port <= 20; ++port) server_of({from_port(kClient, port), kService});
  EXPECT_GE(count(STEER_NOTED_UNLEARNED), 1U);
  EXPECT_LE(count(STEER_NOTED_UNLEARNED), 10U) << "a second may have begun between";
}

TEST_P(BalancerDataPlane, ConnectionsOutliveANewRingAndNewOnesFollowIt) {
  const auto first = server_of({kClient, kService, kSyn});
  std::vector<RingServer> others;
  for (std::uint16_t id = 1; id <= kServers; ++id)
    if (id != first) others.push_back({id});
  give_ring(0, others);
  EXPECT_EQ(server_of({kClient, kService, kAck}), first);
  EXPECT_EQ(server_of({kClient, kService, kSyn}), first) << "the same SYN once more";
  for (std::uint32_t port = 1; port <= 50; ++port)
    EXPECT_NE(server_of({from_port(kClient, port), kService, kSyn}), first);

  auto draining = server(first);
  draining.state = STEER_DRAINING;
  must(plane->set_server(first, draining));
  EXPECT_EQ(server_of({kClient, kService, kAck}), first);
  EXPECT_NE(server_of({kClient, kService, kSyn}), first) << "nothing new for one that drains";
}

TEST_P(BalancerDataPlane, AConnectionOfARemovedServerGoesByTheRing) {
  const auto first = server_of({kClient, kService, kSyn});
  must(plane->set_server(first, {}));
  give_ring(0, {{static_cast<std::uint16_t>(first % kServers + 1)}});
  EXPECT_EQ(server_of({kClient, kService, kAck}), first % kServers + 1);
}

TEST_P(BalancerDataPlane, AJoinPortNamesTheServer) {
  for (const auto& [client, service] : {std::pair{kClient, kService}, {kClient6, kService6}})
    for (std::uint32_t id = 1; id <= kServers; ++id) {
      const auto to = join_port(service, id);
      EXPECT_EQ(server_of({client, to, kSyn, kUsualOptions + kMpJoin}), id);
      EXPECT_EQ(server_of({client, to, kAck, {}, 100}), id);
      EXPECT_EQ(steer(too_big(client, to)).server, id);
    }
  EXPECT_EQ(count(STEER_BY_JOIN_PORT), 3 * kServers);
  EXPECT_EQ(count(STEER_NOTED_JOIN, 1), kServers);
}

TEST_P(BalancerDataPlane, AJoinPortIsForJoinsOnly) {
  EXPECT_TRUE(steer(frame({kClient, join_port(kService, 2), kSyn, kMpCapable})).dropped);
  expect_only(STEER_LOST_NO_JOIN);
}

TEST_P(BalancerDataPlane, TheJoinPortOfNobodyIsDropped) {
  EXPECT_TRUE(steer(frame({kClient, join_port(kService, 77), kSyn, kMpJoin})).dropped);
  expect_only(STEER_LOST_NO_SERVER);
}

TEST_P(BalancerDataPlane, APortBeyondTheJoinPortsIsTheMachinesOwn) {
  const auto outcome = steer(frame({kClient, join_port(kService, 100), kSyn, kMpJoin}));
  EXPECT_FALSE(outcome.dropped);
  EXPECT_EQ(outcome.server, 0U);
}

TEST_P(BalancerDataPlane, AJoinToAServiceIsDroppedAndNotGuessed) {
  EXPECT_TRUE(steer(frame({kClient, kService, kSyn, kUsualOptions + kMpJoin})).dropped);
  expect_only(STEER_LOST_JOIN);
}

TEST_P(BalancerDataPlane, WithoutACureAJoinIsHashed) {
  EXPECT_NE(server_of({kClient, kPlain, kSyn, kUsualOptions + kMpJoin}), 0U);
  expect_only(STEER_BY_RING, kPlainNumber);
}

TEST_P(BalancerDataPlane, AServersOwnAddressNamesIt) {
  EXPECT_EQ(server_of({kClient, kOwn, kSyn, kMpJoin}), 3U);
  EXPECT_EQ(server_of({kClient, kOwn, kAck}), 3U);
  EXPECT_TRUE(steer(frame({kClient, kOwn, kSyn, kMpCapable})).dropped);
}

TEST_P(BalancerDataPlane, AJoinIsSteeredWhateverStandsBeforeIt) {
  const auto to = join_port(kService, 2);
  EXPECT_EQ(server_of({kClient, to, kSyn, Octets(28, 1) + kMpJoin}), 2U);
  EXPECT_EQ(server_of({kClient, to, kSyn, hex("fd1b") + Octets(25) + hex("01") + kMpJoin}), 2U);
  EXPECT_EQ(server_of({kClient, to, kSyn, kMpJoin + hex("0300")}), 2U);
  EXPECT_EQ(count(STEER_NOTED_ODD_OPTIONS), 1U);
  EXPECT_TRUE(steer(frame({kClient, to, kSyn, hex("0301") + kMpJoin})).dropped)
      << "no server reads what stands behind a break";
  EXPECT_TRUE(steer(frame({kClient, to, kSyn, kMpCapable + kMpJoin})).dropped)
      << "both make it plain TCP";
}

TEST_P(BalancerDataPlane, PathMtuComplaintsReachTheServerOfTheConnection) {
  for (const auto& [client, service] : {std::pair{kClient, kService}, {kClient6, kService6}})
    for (std::uint32_t port = 1; port <= 20; ++port) {
      const auto from = from_port(client, port);
      const auto before = steer(too_big(from, service)).server;
      EXPECT_EQ(server_of({from, service, kSyn}), before);
    }
  EXPECT_EQ(count(STEER_NOTED_COMPLAINT), 20U);
  EXPECT_EQ(count(STEER_BY_RING), 40U) << "a complaint is not learned from";
}

TEST_P(BalancerDataPlane, FragmentsAreCounted) {
  EXPECT_TRUE(steer(frame({kClient, kService}, {.fragment = 0x2000})).dropped);
  expect_only(STEER_LOST_FRAGMENT);
  EXPECT_FALSE(steer(frame({kClient, at("203.0.113.1:443")}, {.fragment = 0x2000})).dropped)
      << "what is not for a service is not ours";
}

TEST_P(BalancerDataPlane, MalformedHeadersAreCounted) {
  auto octets = frame({kClient, kService, kSyn});
  octets[14 + 20 + 12] = 4 << 4;
  EXPECT_TRUE(steer(octets).dropped);
  expect_only(STEER_LOST_MALFORMED);
}

TEST_P(BalancerDataPlane, OthersTrafficIsLeftAlone) {
  for (const auto& octets :
       {frame({kClient, at("203.0.113.1:443"), kSyn}), frame({kClient, from_port(kService, 444)}),
        frame({kClient, kService}, {.protocol = 17}), frame({kClient6, at("[2001:db8::5]:443")})}) {
    const auto outcome = steer(octets);
    EXPECT_FALSE(outcome.dropped);
    EXPECT_EQ(outcome.server, 0U);
    EXPECT_EQ(outcome.frame, octets);
  }
}

TEST_P(BalancerDataPlane, OnlyTheEthernetHeaderChangesOnTheWayToAServer) {
  const auto before = frame({kClient, join_port(kService, 2), kAck, {}, 100});
  const auto after = steer(before).frame;
  EXPECT_EQ(Octets(after.begin(), after.begin() + 14), hex("020000000002 0200000000bb 0800"));
  EXPECT_EQ(Octets(after.begin() + 14, after.end()), Octets(before.begin() + 14, before.end()));
}

TEST_P(BalancerDataPlane, AnOuterHeaderOfTheSameFamilyLeadsToAServerFarAway) {
  const auto inner = frame({kClient, join_port(kService, kEncapsulating), kAck, {}, 100});
  // 2656 is the complement of d9a9, the sum of the outer header's other words.
  EXPECT_EQ(steer(inner).frame, hex("020000000004 0200000000bb 0800"
                                    "4500 00a0 0000 4000 4004 2656 0a000001 0a000004") +
                                    Octets(inner.begin() + 14, inner.end()));
  const auto inner6 = frame({kClient6, join_port(kService6, kEncapsulating), kAck, {}, 100});
  EXPECT_EQ(steer(inner6).frame, hex("020000000004 0200000000bb 86dd"
                                     "60000000 00a0 2940 20010db8000000000000000000000001"
                                     "20010db8000000000000000000000004") +
                                     Octets(inner6.begin() + 14, inner6.end()));
}

TEST_P(BalancerDataPlane, PaddingOfAShortFrameIsNoPartOfThePacket) {
  auto padded = frame({kClient, join_port(kService, kEncapsulating), kAck});
  padded.resize(60, 0);
  const auto after = steer(padded).frame;
  EXPECT_EQ(Octets(after.begin() + 16, after.begin() + 18), word(60)) << "20 + 20 + 20";
}

TEST_P(BalancerDataPlane, AServerThatCannotBeReachedIsNotGuessed) {
  auto lost = server(2);
  lost.next_hop[0] = {};
  must(plane->set_server(2, lost));
  EXPECT_TRUE(steer(frame({kClient, join_port(kService, 2), kAck})).dropped);
  expect_only(STEER_LOST_NO_NEXT_HOP);
  EXPECT_EQ(server_of({kClient6, join_port(kService6, 2), kAck}), 2U);
}

TEST_P(BalancerDataPlane, AnEmptyRingDrops) {
  give_ring(0, {});
  EXPECT_TRUE(steer(frame({kClient, kService, kSyn})).dropped);
  expect_only(STEER_LOST_NO_SERVER);
}

TEST_P(BalancerDataPlane, ServersTrafficIsCounted) {
  server_of({kClient, join_port(kService, 2), kAck, {}, 100});
  server_of({kClient, join_port(kService, 2), kAck, {}, 200});
  const auto traffic = must(plane->traffic(2));
  EXPECT_EQ(traffic.packets, 2U);
  EXPECT_EQ(traffic.octets, 2 * 40U + 300U);
}

TEST_P(BalancerDataPlane, ExplainSaysWhatWillBeAndChangesNothing) {
  const auto syn = frame({kClient, kService, kSyn, kUsualOptions + kMpCapable});
  const auto explained = must(plane->explain(syn));
  EXPECT_EQ(explained.packet.kind, STEER_SEGMENT);
  EXPECT_EQ(explained.packet.mptcp, STEER_MP_CAPABLE);
  EXPECT_EQ(explained.verdict.reason, STEER_BY_RING);
  EXPECT_EQ(explained.verdict.place, steer_ring_place(&explained.packet.flow));
  EXPECT_EQ(must(plane->explain(syn)).verdict.reason, STEER_BY_RING) << "nothing was learned";
  EXPECT_EQ(count(STEER_BY_RING), 0U) << "nothing was counted";
  EXPECT_EQ(steer(syn).server, explained.verdict.server);
  EXPECT_EQ(must(plane->explain(syn)).verdict.reason, STEER_BY_CONNECTION);
}

INSTANTIATE_TEST_SUITE_P(Hooks, BalancerDataPlane,
                         ::testing::Values(BalancerHook::kTc, BalancerHook::kXdp), hook_of);

}  // namespace
}  // namespace anabranch::balancer
