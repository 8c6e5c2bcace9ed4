// SPDX-License-Identifier: MIT
// What a server's program sends on to the server that had the place before. Connections that are
// here are real ones, over the loopback interface.
#include "kernel/mptcp_numbers.hpp"
#include "kernel/sysctl.hpp"
#include "server_plane_fixture.hpp"

namespace anabranch::balancer::server_plane_test {
namespace {

class BalancerServerChainTest : public BalancerServerPlaneTest {};

TEST_P(BalancerServerChainTest, AConnectionThatIsHereStaysHere) {
  give_history(kMe, kNear);
  for (const int protocol : {int{IPPROTO_TCP}, kernel::kIpprotoMptcp}) {
    LoopbackConnection connection(on().client.address, on().service, protocol);
    const Segment segment{connection.client(), on().service};
    expect_left_alone(received(frame(segment)));
    expect_left_alone(received(too_big(connection.client(), on().service)));
    if (protocol == kernel::kIpprotoMptcp) continue;
    connection.close_by_server();
    expect_left_alone(received(frame(segment)));  // TIME_WAIT
  }
  EXPECT_EQ(count(STEER_HERE_CHAINED), 0U);
}

TEST_P(BalancerServerChainTest, AnUnknownConnectionGoesToWhoHadThePlaceBefore) {
  give_history(kMe, kNear);
  const LoopbackListener listener(on().service, kernel::kIpprotoMptcp);
  const auto plain = segment();
  for (const auto& before : {plain, wrapped(on().balancer, on().me, packet_of(plain))}) {
    const auto after = sent_on(before);
    ASSERT_TRUE(after);
    EXPECT_EQ(after->at(5), kNear);
    auto expected = packet_of(plain);
    --expected.at(is_v4() ? 8 : 7);  // a hop less
    if (is_v4()) {
      EXPECT_EQ(sum_of(*after), 0xffff);
      std::copy_n(after->begin() + 14 + 10, 2, expected.begin() + 10);
    }
    EXPECT_EQ(packet_of(*after), expected);
  }
  EXPECT_EQ(count(STEER_HERE_CHAINED), 2U);
}

TEST_P(BalancerServerChainTest, ComplaintsFollowTheirConnection) {
  give_history(kMe, kNear);
  const auto after = sent_on(received(too_big(on().client, on().service)));
  ASSERT_TRUE(after);
  EXPECT_EQ(after->at(5), kNear);
}

TEST_P(BalancerServerChainTest, AFarServerGetsItEncapsulated) {
  give_history(kMe, kFar);
  const auto plain = segment();
  for (const auto& before : {plain, wrapped(on().balancer, on().me, packet_of(plain))}) {
    const auto after = sent_on(before);
    ASSERT_TRUE(after);
    EXPECT_EQ(after->at(5), kFar);
    const std::size_t outer = is_v4() ? 20 : 40;
    const std::size_t addresses = 14 + outer - (is_v4() ? 8 : 32);
    const auto both = octets_of(on().me) + octets_of(on().far);
    EXPECT_TRUE(std::equal(both.begin(), both.end(),
                           after->begin() + static_cast<std::ptrdiff_t>(addresses)));
    EXPECT_EQ(after->size(), plain.size() + outer);
    const Octets inside(after->end() - 100, after->end());
    EXPECT_EQ(inside, Octets(plain.end() - 100, plain.end()));
    if (is_v4()) {
      EXPECT_EQ(sum_of(*after), 0xffff);
      EXPECT_EQ(sum_of(*after, 14 + outer), 0xffff);
    }
  }
}

TEST_P(BalancerServerChainTest, OnlyTheOwnerOfAPlaceSendsOn) {
  expect_left_alone(segment());  // no history at all
  give_history(kNear, kMe);
  expect_left_alone(segment());
  give_history(kNear, kFar);
  expect_left_alone(segment());
  give_history(kMe, 0);
  expect_left_alone(segment());
  give_history(kMe, kMe);
  expect_left_alone(segment());
}

TEST_P(BalancerServerChainTest, AnOldChangeIsForgotten) {
  give_history(kMe, kNear, STEER_CHAIN_SECONDS - 30);
  EXPECT_TRUE(sent_on(segment()));
  give_history(kMe, kNear, STEER_CHAIN_SECONDS + 1);
  expect_left_alone(segment());
  give_history(kMe, kNear);
  EXPECT_TRUE(sent_on(segment()));
  must(plane->clear_history(kService));
  expect_left_alone(segment());
}

TEST_P(BalancerServerChainTest, NewConnectionsAndFurtherSubflowsAreNeverSentOn) {
  give_history(kMe, kNear);
  expect_left_alone(segment(kSyn, kUsualOptions + kMpCapable));
  expect_left_alone(service_join(kMe, kMpJoin));
  expect_left_alone(
      received(frame({on().client, with_port(on().service, kFirstJoinPort + kMe), kAck})));
  expect_left_alone(received(frame({on().client, {on().own_join, 443}, kAck})));
}

TEST_P(BalancerServerChainTest, EachPlaceHasItsOwnHistory) {
  std::vector<steer_place> places(STEER_RING_PLACES,
                                  {.owner = kMe, .previous = 0, .changed = seconds_since_start()});
  steer_flow flow{};
  write(on().client.address, flow.client);
  write(on().service.address, flow.service);
  flow.client_port = STEER_TO_WIRE_16(on().client.port);
  flow.service_port = STEER_TO_WIRE_16(on().service.port);
  places.at(steer_ring_place(&flow)).previous = kNear;
  must(plane->set_history(kService, places));
  EXPECT_TRUE(sent_on(segment()));
  expect_left_alone(received(frame({with_port(on().client, 40001), on().service})));
  EXPECT_FALSE(plane->set_history(kService, std::span(places).first(100)));
}

TEST_P(BalancerServerChainTest, APacketThatGoesAroundEnds) {
  give_history(kMe, kNear);
  auto octets = segment();
  octets.at(14 + (is_v4() ? 8 : 7)) = 1;
  expect_dropped(received(octets), STEER_HERE_LOST_HOPS);
}

TEST_P(BalancerServerChainTest, AServerThatCannotBeReachedIsNotGuessed) {
  give_history(kMe, kNear);
  must(plane->set_server(kNear, {}));
  expect_dropped(segment(), STEER_HERE_LOST_NO_NEXT_HOP);
}

TEST_P(BalancerServerChainTest, AHandshakeByCookieEndsHere) {
  give_history(kMe, kNear);
  must(kernel::write_sysctl("net/ipv4/tcp_syncookies", "2"));
  for (const int protocol : {int{IPPROTO_TCP}, kernel::kIpprotoMptcp}) {
    LoopbackConnection connection(on().client.address, on().service, protocol);
    const auto third = connection.third_packet();
    expect_left_alone(third);  // of a connection that is open
    connection.forget();
    expect_left_alone(third);
    auto other = third;
    ++other.at(14 + (is_v4() ? 20 : 40) + 8);  // what it acknowledges
    EXPECT_TRUE(sent_on(other));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, BalancerServerChainTest, ::testing::Values(&kIpv4, &kIpv6),
                         family_of);

}  // namespace
}  // namespace anabranch::balancer::server_plane_test
