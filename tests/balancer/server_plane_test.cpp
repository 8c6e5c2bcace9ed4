// SPDX-License-Identifier: MIT
// What a server's program unwraps and what it keeps out.
#include "server_plane_fixture.hpp"

namespace anabranch::balancer::server_plane_test {
namespace {

TEST_P(BalancerServerPlaneTest, TheOuterHeaderOfTheBalancerIsTakenOff) {
  const auto inner = segment(kSyn, kUsualOptions + kMpCapable);
  const auto result = run(wrapped(on().balancer, on().me, packet_of(inner)));
  EXPECT_EQ(result.verdict, kLeftAlone);
  EXPECT_EQ(packet_of(result.frame), packet_of(inner));
  EXPECT_EQ(Octets(result.frame.begin() + 12, result.frame.begin() + 14),
            word(is_v4() ? 0x0800 : 0x86dd));
  EXPECT_EQ(count(STEER_HERE_UNWRAPPED), 1U);
}

TEST_P(BalancerServerPlaneTest, JoinsAndComplaintsAreUnwrappedToo) {
  for (const auto& inner : {to(with_port({on().own_join}, 443), kMpJoin),
                            service_join(kMe, kMpJoin), too_big(on().client, on().service)})
    EXPECT_EQ(packet_of(run(wrapped(on().balancer, on().me, packet_of(inner))).frame),
              packet_of(inner));
}

TEST_P(BalancerServerPlaneTest, WhatSomebodyElseHasWrappedStaysAsItIs) {
  expect_left_alone(wrapped(on().stranger, on().me, packet_of(segment())));
  EXPECT_EQ(count(STEER_HERE_STRANGER), 1U);
  expect_left_alone(wrapped(on().balancer, on().stranger, packet_of(segment())));
  EXPECT_EQ(count(STEER_HERE_STRANGER), 1U) << "what is for another machine is not looked at";
}

TEST_P(BalancerServerPlaneTest, AnotherTunnelOfTheBalancerIsLeftAlone) {
  for (const auto& inside : {on().stranger, on().others_join})
    expect_left_alone(wrapped(on().balancer, on().me,
                              packet_of(frame({on().client, {inside, on().service.port}}))));
  EXPECT_EQ(count(STEER_HERE_WRAPPED_OTHER), 2U);
}

TEST_P(BalancerServerPlaneTest, AnOddOuterHeaderIsLeftAlone) {
  const auto inner = packet_of(segment());
  std::vector<Octets> odd{wrapped(on().balancer, on().me, inner, {.length_error = 1}),
                          wrapped(on().balancer, on().me, inner, {.length_error = -1})};
  if (is_v4()) {
    odd.push_back(wrapped(on().balancer, on().me, inner, {.fragment = 0x2000}));
    odd.push_back(wrapped(on().balancer, on().me, inner, {.fragment = 0x0001}));
    odd.push_back(wrapped(on().balancer, on().me, inner));
    ++odd.back().at(14 + 10);  // the checksum
  }
  auto wrong_version = inner;
  wrong_version.front() = is_v4() ? 0x65 : 0x40;
  odd.push_back(wrapped(on().balancer, on().me, wrong_version));
  for (const auto& octets : odd) expect_left_alone(octets);
  EXPECT_EQ(count(STEER_HERE_WRAPPED_BADLY), odd.size());
}

TEST_P(BalancerServerPlaneTest, FramesThatEndAnywhereDoNoHarm) {
  give_history(kMe, kNear);
  const auto whole = wrapped(on().balancer, on().me, packet_of(segment()));
  // The kernel runs no program over less than an IP header.
  for (std::size_t octets = is_v4() ? 34 : 54; octets < whole.size(); ++octets)
    EXPECT_NE(
        run(Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(octets))).verdict,
        std::uint32_t{TC_ACT_REDIRECT});
}

TEST_P(BalancerServerPlaneTest, OnlyJoinsBeginWhereFurtherSubflowsGo) {
  for (const auto& destination :
       {with_port(on().service, kFirstJoinPort + kMe), with_port({on().own_join}, 443)}) {
    expect_left_alone(to(destination, kUsualOptions + kMpJoin));
    expect_dropped(to(destination, kUsualOptions), STEER_HERE_LOST_NO_JOIN);
    expect_dropped(to(destination, kMpCapable), STEER_HERE_LOST_NO_JOIN);
    expect_dropped(to(destination, kMpCapable + kMpJoin), STEER_HERE_LOST_NO_JOIN);
    expect_left_alone(received(frame({on().client, destination, kAck})));
  }
  EXPECT_EQ(count(STEER_HERE_JOIN), 2U);
}

TEST_P(BalancerServerPlaneTest, WhatIsNotOursIsNotKeptOut) {
  for (const auto& destination :
       {on().service, with_port(on().service, kFirstJoinPort + kNear),
        with_port({on().others_join}, 443), with_port({on().stranger}, kFirstJoinPort + kMe)})
    expect_left_alone(to(destination, kUsualOptions));
  expect_left_alone(received(frame({on().client, {on().own_join, 443}}, {.protocol = 17})));
}

TEST_P(BalancerServerPlaneTest, TheJoinPortIsOpenWhereTheCureIsNotUsed) {
  auto without = target(STEER_ADDRESS);
  without.join_ports = 0;
  must(plane->set_targets(
      std::array{BalancerServerPlane::Target{destination_of(on().service.address, 0), without}}));
  expect_left_alone(service_join(kMe, kUsualOptions));
  expect_left_alone(to(with_port({on().own_join}, 443), kUsualOptions));
}

TEST_P(BalancerServerPlaneTest, FragmentsDoNotGetAroundTheWall) {
  const auto syn = Segment{on().client, {on().own_join, 443}, kSyn, {}, 100}.octets();
  Envelope first{.fragment = 0x2000};
  if (!is_v4()) first = {.extra = hex("06 00 0001 00000007"), .first_extra = 44};
  const auto fragment = [&] {
    return received(ethernet(ip_packet(on().client.address, on().own_join, syn, first)));
  };
  expect_dropped(fragment(), STEER_HERE_LOST_FRAGMENT);
  first.protocol = 17;
  if (!is_v4()) first.extra = hex("11 00 0001 00000007");
  expect_left_alone(fragment());
}

TEST_P(BalancerServerPlaneTest, HeadersThatCannotBeReadAreDropped) {
  auto octets = to({on().own_join, 443}, {});
  octets[octets.size() - 8] = 4 << 4;  // the header's length
  expect_dropped(octets, STEER_HERE_LOST_MALFORMED);
}

TEST_P(BalancerServerPlaneTest, WhatABridgeShowsUsOfOthersIsNotTouched) {
  give_history(kMe, kNear);
  auto others = segment();
  others.at(0) = 2;
  expect_left_alone(others);
  auto tunnel = wrapped(on().balancer, on().me, packet_of(segment()));
  tunnel.at(0) = 2;
  expect_left_alone(tunnel);
}

INSTANTIATE_TEST_SUITE_P(Families, BalancerServerPlaneTest, ::testing::Values(&kIpv4, &kIpv6),
                         family_of);

}  // namespace
}  // namespace anabranch::balancer::server_plane_test
