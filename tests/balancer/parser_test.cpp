// SPDX-License-Identifier: MIT
// What the balancer reads of a frame: the very source of the BPF programs, built for user space.
#include <array>
#include <cstring>

#include <gtest/gtest.h>
#include <steering/parse.h>

#include "support/frames.hpp"

namespace anabranch {
namespace {

using namespace test;

const Endpoint kClient = at("192.0.2.7:40000");
const Endpoint kService = at("198.51.100.10:443");
const Endpoint kClient6 = at("[2001:db8:7::7]:40000");
const Endpoint kService6 = at("[2001:db8:10::10]:443");

steer_packet read(const Octets& octets) {
  steer_packet out{};
  steer_parse(octets.data(), octets.data() + octets.size(),
              static_cast<std::uint32_t>(octets.size()), &out);
  return out;
}

steer_packet read_syn(const Octets& options) {
  return read(frame({kClient, kService, kSyn, options}));
}

Endpoint endpoint(const __be32 (&address)[4], __be16 port) {
  std::array<std::uint8_t, 16> octets{};
  std::memcpy(octets.data(), address, octets.size());
  return {IpAddress::v6(octets).unmapped(), static_cast<std::uint16_t>(STEER_TO_HOST_16(port))};
}
Endpoint client_of(const steer_packet& packet) {
  return endpoint(packet.flow.client, packet.flow.client_port);
}
Endpoint service_of(const steer_packet& packet) {
  return endpoint(packet.flow.service, packet.flow.service_port);
}

TEST(BalancerParser, DataHasItsFlow) {
  for (const auto& [client, service] : {std::pair{kClient, kService}, {kClient6, kService6}}) {
    const auto packet = read(frame({client, service, kAck, {}, 100}));
    EXPECT_EQ(packet.kind, STEER_SEGMENT);
    EXPECT_EQ(client_of(packet), client);
    EXPECT_EQ(service_of(packet), service);
    EXPECT_EQ(packet.is_ipv6, !client.address.is_v4());
    EXPECT_EQ(packet.octets, (packet.is_ipv6 ? 40U : 20U) + 20U + 100U);
    EXPECT_FALSE(packet.is_syn);
  }
}

TEST(BalancerParser, ASynTellsWhatMptcpWantsWithIt) {
  EXPECT_EQ(read_syn(kUsualOptions).mptcp, 0);
  EXPECT_EQ(read_syn(kUsualOptions + kMpCapable).mptcp, STEER_MP_CAPABLE);
  const auto join = read_syn(kUsualOptions + kMpJoin);
  EXPECT_EQ(join.mptcp, STEER_MP_JOIN);
  EXPECT_EQ(join.token, kJoinToken);
  EXPECT_TRUE(join.is_syn);
  EXPECT_EQ(read(frame({kClient6, kService6, kSyn, kUsualOptions + kMpJoin})).token, kJoinToken);
}

TEST(BalancerParser, OptionsOfOtherSegmentsAreNotRead) {
  const auto packet = read(frame({kClient, kService, kAck, kMpJoin}));
  EXPECT_EQ(packet.kind, STEER_SEGMENT);
  EXPECT_EQ(packet.mptcp, 0);
  EXPECT_FALSE(read(frame({kClient, kService, kSyn | kAck, kMpJoin})).is_syn);
}

TEST(BalancerParser, AJoinIsFoundWhereverItStands) {
  EXPECT_EQ(read_syn(kMpJoin).token, kJoinToken);
  EXPECT_EQ(read_syn(Octets(28, 1) + kMpJoin).token, kJoinToken) << "behind 28 single octets";
  EXPECT_EQ(read_syn(hex("fd1b") + Octets(25) + hex("01") + kMpJoin).token, kJoinToken)
      << "behind an unknown option";
  EXPECT_EQ(read_syn(Octets{1} + kMpJoin).token, kJoinToken) << "on an odd octet";
}

struct OddOptions {
  const char* what;
  const char* options;
  std::uint8_t mptcp;
  bool odd;
};

TEST(BalancerParser, OddOptionsAreReadAsTheServerReadsThem) {
  for (const auto& [what, options, mptcp, odd] : std::initializer_list<OddOptions>{
           {"nothing behind the end", "00 1e0c1002a1b2c3d401020304", 0, false},
           {"length 0", "1e001002a1b2c3d4", 0, true},
           {"length 1", "0301 1e0c1002a1b2c3d401020304", 0, true},
           {"longer than the list", "1e0c1002a1b2c3d4", 0, true},
           {"a kind without a length at the end", "010101 1e", 0, true},
           {"what came before the break counts", "1e0c1002a1b2c3d401020304 0300", STEER_MP_JOIN,
            true},
           {"MP_JOIN as in a SYN/ACK", "1e101002a1b2c3d40102030405060708", 0, false},
           {"MPTCP without a subtype", "1e02 0101", 0, false},
           {"MP_CAPABLE of version 0", "1e040081", 0, false},
           {"MP_CAPABLE with a key", "1e0c01810102030405060708", 0, false},
           {"MP_CAPABLE as in a third packet", "1e140101 0102030405060708 a1a2a3a4a5a6a7a8", 0,
            false},
           {"DSS has no place here", "1e082001 00000001", 0, false},
           {"both", "1e040181 1e0c1002a1b2c3d401020304", STEER_MP_CAPABLE | STEER_MP_JOIN, false},
           {"the last of two", "1e0c1002 11111111 01020304 1e0c1002a1b2c3d401020304", STEER_MP_JOIN,
            false},
       }) {
    const auto packet = read_syn(hex(options));
    EXPECT_EQ(packet.kind, STEER_SEGMENT) << what;
    EXPECT_EQ(packet.mptcp, mptcp) << what;
    EXPECT_EQ(packet.has_odd_options, odd) << what;
    EXPECT_EQ(packet.token, (mptcp & STEER_MP_JOIN) != 0 ? kJoinToken : 0) << what;
  }
}

TEST(BalancerParser, WhatIsSteppedOverAtOnceReadsAsOneByOne) {
  const auto check = [](const Octets& options) {
    steer_option_walk one_by_one{};
    one_by_one.options = options.data();
    one_by_one.end = options.data() + options.size();
    one_by_one.octets = static_cast<std::uint32_t>(options.size());
    bpf_loop(STEER_MOST_OPTION_OCTETS, steer_read_option, &one_by_one, 0);
    const auto packet = read_syn(options);
    EXPECT_EQ(packet.mptcp, one_by_one.mptcp);
    EXPECT_EQ(packet.token, one_by_one.token);
    EXPECT_EQ(packet.has_odd_options, one_by_one.is_malformed);
  };
  const auto usual = kUsualOptions + kMpJoin;
  for (std::size_t bit = 0; bit < 8 * kUsualOptions.size(); ++bit) {
    auto options = usual;
    options[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    check(options);
  }
  for (std::size_t size = 0; size <= usual.size(); size += 4)
    check({usual.begin(), usual.begin() + static_cast<long>(size)});
}

TEST(BalancerParser, HeadersThatContradictThemselvesAreMalformed) {
  auto short_header = frame({kClient, kService, kSyn});
  short_header[14 + 20 + 12] = 4 << 4;
  EXPECT_EQ(read(short_header).kind, STEER_MALFORMED) << "TCP header of 16 octets";
  auto long_header = frame({kClient, kService, kSyn, kMpCapable});
  long_header[14 + 20 + 12] = 15 << 4;
  EXPECT_EQ(read(long_header).kind, STEER_MALFORMED) << "options that are not there";
  EXPECT_EQ(read(frame({kClient, kService, kAck}, {.length_error = 1})).kind, STEER_MALFORMED);
  auto version = frame({kClient, kService, kAck});
  version[14] = 0x65;
  EXPECT_EQ(read(version).kind, STEER_MALFORMED) << "another version than Ethernet says";
}

TEST(BalancerParser, NoFrameIsReadBeyondItsEnd) {
  for (const auto& whole : {frame({kClient, kService, kSyn, kUsualOptions + kMpJoin}),
                            frame({kClient6, kService6, kSyn, kUsualOptions + kMpJoin}),
                            too_big(kClient, kService), too_big(kClient6, kService6)})
    for (std::size_t size = 0; size < whole.size(); ++size) {
      // A copy of just that size, so that a sanitizer sees what is read behind it.
      const auto packet = read(Octets(whole.begin(), whole.begin() + static_cast<long>(size)));
      EXPECT_TRUE(packet.kind == STEER_OTHER || packet.kind == STEER_MALFORMED) << size;
    }
}

TEST(BalancerParser, IpOptionsAndExtensionHeadersAreSteppedOver) {
  EXPECT_EQ(service_of(read(frame({kClient, kService}, {.extra = Octets(40, 1)}))), kService);
  const auto destination_options = hex("06 00 0104 00000000");
  EXPECT_EQ(service_of(read(
                frame({kClient6, kService6}, {.extra = destination_options, .first_extra = 60}))),
            kService6);
  const auto four = hex("2b 00 0104 00000000") + hex("3c 00 0104 00000000") + hex("3c 01 010c") +
                    Octets(12) + destination_options;
  EXPECT_EQ(service_of(read(frame({kClient6, kService6}, {.extra = four, .first_extra = 0}))),
            kService6);
  const auto five = hex("3c 00 0104 00000000") + four;
  EXPECT_EQ(read(frame({kClient6, kService6}, {.extra = five, .first_extra = 60})).kind,
            STEER_MALFORMED);
}

TEST(BalancerParser, FragmentsAreKnownAsSuch) {
  EXPECT_EQ(read(frame({kClient, kService}, {.fragment = 0x2000})).kind, STEER_FRAGMENT);
  EXPECT_EQ(read(frame({kClient, kService}, {.fragment = 0x0010})).kind, STEER_FRAGMENT);
  EXPECT_EQ(read(frame({kClient, kService}, {.fragment = 0x4000})).kind, STEER_SEGMENT)
      << "do not fragment";
  const auto with_header = [](std::string_view header) {
    return read(frame({kClient6, kService6}, {.extra = hex(header), .first_extra = 44}));
  };
  EXPECT_EQ(with_header("06 00 0001 00000007").kind, STEER_FRAGMENT) << "the first";
  EXPECT_EQ(with_header("06 00 0100 00000007").kind, STEER_FRAGMENT) << "the last";
  EXPECT_EQ(with_header("06 00 0000 00000007").kind, STEER_SEGMENT) << "all of the packet";
}

TEST(BalancerParser, AnIcmpErrorBelongsToTheConnectionItIsAbout) {
  for (const auto& [client, service] : {std::pair{kClient, kService}, {kClient6, kService6}}) {
    const auto packet = read(too_big(client, service));
    EXPECT_EQ(packet.kind, STEER_COMPLAINT);
    EXPECT_EQ(client_of(packet), client);
    EXPECT_EQ(service_of(packet), service);
  }
}

TEST(BalancerParser, EverythingElseIsLeftAlone) {
  EXPECT_EQ(read({}).kind, STEER_OTHER);
  EXPECT_EQ(read(frame({kClient, kService}, {.protocol = 17})).kind, STEER_OTHER) << "UDP";
  auto arp = frame({kClient, kService});
  arp[13] = 0x06;
  EXPECT_EQ(read(arp).kind, STEER_OTHER);
  auto echo = too_big(kClient, kService);
  echo[14 + 20] = 8;
  EXPECT_EQ(read(echo).kind, STEER_OTHER) << "an echo request";
  auto solicitation = too_big(kClient6, kService6);
  solicitation[14 + 40] = 135;
  EXPECT_EQ(read(solicitation).kind, STEER_OTHER) << "a neighbour solicitation";
}

}  // namespace
}  // namespace anabranch
