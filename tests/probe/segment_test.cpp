// SPDX-License-Identifier: MIT
// The segments of a probe, octet by octet.
#include "probe/segment.hpp"

#include <gtest/gtest.h>

namespace anabranch::probe {
namespace {

const Flow kFlow{.local = IpAddress::v4(0x0a010002),
                 .local_port = 40001,
                 .remote = IpAddress::v4(0xc6336401),
                 .remote_port = 443};
const Flow kFlow6{.local = IpAddress::parse("2001:db8::2").value(),
                  .local_port = 40001,
                  .remote = IpAddress::parse("2001:db8:1::1").value(),
                  .remote_port = 443};

std::vector<std::uint8_t> reply(std::uint8_t flags, std::uint32_t acknowledged) {
  std::vector<std::uint8_t> segment(20);
  segment[0] = 443 >> 8;
  segment[1] = 443 & 0xff;
  segment[2] = 40001 >> 8;
  segment[3] = 40001 & 0xff;
  for (int i = 0; i < 4; ++i)
    segment[8 + i] = static_cast<std::uint8_t>(acknowledged >> (24 - 8 * i));
  segment[12] = 5 << 4;
  segment[13] = flags;
  return segment;
}

TEST(Syn, LooksLikeThatOfAnyClient) {
  const std::vector<std::uint8_t> expected{
      0x9c, 0x41, 0x01, 0xbb,  // ports
      0x01, 0x02, 0x03, 0x04,  // sequence
      0,    0,    0,    0,     // nothing acknowledged
      0x80, 0x02, 0xfa, 0xf0,  // eight words, SYN, window 64240
      0x9d, 0xe6, 0,    0,     // checksum
      2,    4,    0x05, 0xb4,  // MSS 1460
      1,    3,    3,    7,     // window scale
      1,    1,    4,    2,     // SACK permitted
  };
  EXPECT_EQ(build_syn(kFlow, 0x01020304), expected);
  EXPECT_EQ(expected.size(), kSynOctets);
}

TEST(Syn, HasTheSmallerSegmentSizeOfIpv6) {
  const auto syn = build_syn(kFlow6, 1);
  EXPECT_EQ(syn[22] << 8 | syn[23], 1440);
}

TEST(Syn, ChecksumIsRightWithAndWithoutPayload) {
  for (const auto& flow : {kFlow, kFlow6})
    for (const unsigned payload : {0U, 1U, 2U, 1348U}) {
      const auto syn = build_syn(flow, 0xfffffffe, payload);
      EXPECT_EQ(syn.size(), kSynOctets + payload);
      EXPECT_EQ(tcp_checksum(flow, syn), 0) << payload;
    }
}

TEST(Reset, IsAtTheSequenceNumberThePeerExpects) {
  const auto reset = build_reset(kFlow, 0x01020305);
  ASSERT_EQ(reset.size(), 20U);
  EXPECT_EQ(reset[7], 5);
  EXPECT_EQ(reset[13], 0x04);
  EXPECT_EQ(tcp_checksum(kFlow, reset), 0);
}

TEST(Reply, SynAckAndResetAreAnswers) {
  EXPECT_EQ(
      parse_reply(reply(0x12, 0x01020305)),
      (Reply{.remote_port = 443, .local_port = 40001, .acknowledged = 0x01020305, .reset = false}));
  EXPECT_TRUE(parse_reply(reply(0x14, 7))->reset);
}

TEST(Reply, OtherSegmentsAreNot) {
  EXPECT_FALSE(parse_reply(reply(0x02, 7))) << "somebody's own SYN";
  EXPECT_FALSE(parse_reply(reply(0x10, 7))) << "ACK";
  EXPECT_FALSE(parse_reply(reply(0x11, 7))) << "FIN";
  EXPECT_FALSE(parse_reply(reply(0x04, 7))) << "a reset that acknowledges nothing";
  EXPECT_FALSE(parse_reply(reply(0x16, 7))) << "SYN and RST make no sense together";
}

TEST(Reply, MayHaveOptionsButMustBeWhole) {
  auto segment = reply(0x12, 7);
  segment.resize(40);
  segment[12] = 10 << 4;
  EXPECT_TRUE(parse_reply(segment));
  for (std::size_t length = 0; length < 40; ++length)
    EXPECT_FALSE(parse_reply(std::span(segment).first(length))) << length;
  segment[12] = 4 << 4;
  EXPECT_FALSE(parse_reply(segment)) << "a header shorter than a header";
}

TEST(Ipv4Packet, GivesItsSegment) {
  std::vector<std::uint8_t> packet(24 + 20 + 6);
  packet[0] = 0x46;  // four octets of options
  packet[3] = 24 + 20;
  packet[9] = 6;
  EXPECT_EQ(tcp_of_ipv4(packet).data(), packet.data() + 24);
  EXPECT_EQ(tcp_of_ipv4(packet).size(), 20U) << "padding behind it is not part of it";

  auto other = packet;
  other[9] = 17;
  EXPECT_TRUE(tcp_of_ipv4(other).empty()) << "UDP";
  other = packet;
  other[7] = 1;
  EXPECT_TRUE(tcp_of_ipv4(other).empty()) << "a later fragment";
  other = packet;
  other[0] = 0x66;
  EXPECT_TRUE(tcp_of_ipv4(other).empty()) << "version 6";
  other = packet;
  other[0] = 0x44;
  EXPECT_TRUE(tcp_of_ipv4(other).empty()) << "too short a header";
  other = packet;
  other[3] = 23;
  EXPECT_TRUE(tcp_of_ipv4(other).empty()) << "shorter than its header";
}

}  // namespace
}  // namespace anabranch::probe
