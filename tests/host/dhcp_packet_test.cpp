// SPDX-License-Identifier: MIT
#include "host/dhcp_packet.hpp"

#include <random>

#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}
MacAddress mac(const char* text) {
  return MacAddress::parse(text).value();
}

DhcpFrame ack() {
  DhcpFrame frame;
  frame.source = mac("02:00:00:00:00:67");
  frame.destination = mac("02:00:00:00:00:68");
  frame.source_address = address("10.1.0.1");
  frame.destination_address = address("10.2.16.5");
  frame.message.type = DhcpType::kAck;
  frame.message.xid = 0xdeadbeef;
  frame.message.elapsed_s = 3;
  frame.message.client = address("10.2.16.5");
  frame.message.assigned = address("10.2.16.5");
  frame.message.hardware = mac("02:00:00:00:00:68");
  frame.message.options[dhcp::kLeaseTime] = {0, 0, 2, 88};
  frame.message.options[224] = {2, 2};
  return frame;
}

OutgoingMessage discover() {
  OutgoingMessage out;
  out.message.type = DhcpType::kDiscover;
  out.message.xid = 7;
  out.message.broadcast = true;
  out.message.hardware = mac("02:00:00:00:00:68");
  out.message.options[224] = {2, 0};
  return out;
}

TEST(DhcpPacket, FramesComeBack) {
  EXPECT_EQ(decode_frame(encode_frame(ack())), ack());
  EXPECT_EQ(decode_frame(encode_frame(frame_for(discover()))), frame_for(discover()));
}

TEST(DhcpPacket, ABroadcastComesFromTheClientsOwnEthernetAddress) {
  const auto octets = encode_frame(frame_for(discover()));
  const std::vector<std::uint8_t> start(octets.begin(), octets.begin() + 14);
  EXPECT_EQ(start, (std::vector<std::uint8_t>{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,
                                              0x68, 0x08, 0x00}));
  EXPECT_EQ(octets[26] | octets[27] | octets[28] | octets[29], 0) << "source 0.0.0.0";
  EXPECT_EQ(octets[30] & octets[31] & octets[32] & octets[33], 255) << "to 255.255.255.255";
  EXPECT_EQ((std::vector<std::uint8_t>{octets.begin() + 34, octets.begin() + 38}),
            (std::vector<std::uint8_t>{0, 68, 0, 67}));
  EXPECT_EQ(octets[42 + 10], 0x80) << "the broadcast flag";
  EXPECT_GE(octets.size(), 14u + 20 + 8 + 300) << "old servers want 300 octets";
}

TEST(DhcpPacket, ARenewalGoesStraightToTheServer) {
  OutgoingMessage out;
  out.message.type = DhcpType::kRequest;
  out.message.client = address("10.2.16.5");
  out.message.hardware = mac("02:00:00:00:00:68");
  out.to = OutgoingMessage::Server{address("10.1.0.1"), mac("02:00:00:00:00:67")};
  const auto frame = decode_frame(encode_frame(frame_for(out)));
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->destination, mac("02:00:00:00:00:67"));
  EXPECT_EQ(frame->destination_address, address("10.1.0.1"));
  EXPECT_EQ(frame->source_address, address("10.2.16.5"));
}

TEST(DhcpPacket, LongOptionsAreSplitAndJoined) {
  auto frame = ack();
  frame.message.options[dhcp::kClasslessRoutes] = std::vector<std::uint8_t>(600, 0x5a);
  EXPECT_EQ(decode_frame(encode_frame(frame)), frame);
}

TEST(DhcpPacket, OtherTrafficIsNotForUs) {
  auto octets = encode_frame(ack());
  octets[37] = 69;  // another port
  EXPECT_FALSE(decode_frame(octets));
  octets = encode_frame(ack());
  octets[42] = 1;  // a request that claims to be an ACK
  EXPECT_FALSE(decode_frame(octets));
}

TEST(DhcpPacket, EveryTruncationIsRefusedQuietly) {
  const auto whole = encode_frame(ack());
  for (std::size_t size = 0; size < whole.size(); ++size)
    ASSERT_NO_THROW(decode_frame(std::span(whole).first(size))) << size;
  EXPECT_FALSE(decode_frame(std::span(whole).first(100)));
}

TEST(DhcpPacket, GarbageNeverThrows) {
  const auto whole = encode_frame(ack());
  std::mt19937 random(1);
  unsigned understood = 0;
  for (int round = 0; round < 100'000; ++round) {
    auto octets = whole;
    for (unsigned changes = random() % 8; changes-- > 0;)
      octets[random() % octets.size()] = static_cast<std::uint8_t>(random());
    if (random() % 8 == 0) octets.resize(random() % octets.size());
    ASSERT_NO_THROW(understood += decode_frame(octets).has_value());
  }
  EXPECT_GT(understood, 10'000u) << "the mutations must reach the message itself";
}

}  // namespace
}  // namespace anabranch::host
