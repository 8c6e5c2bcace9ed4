// SPDX-License-Identifier: MIT
#include "wire/arp.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace anabranch::wire {
namespace {

const MacAddress kMac{{2, 0, 0, 0, 0, 2}};
const IpAddress kAddress = IpAddress::v4(0x0a021005);

TEST(Arp, AProbeOctetByOctet) {
  const auto frame = encode_arp_frame(ArpPacket::probe(kMac, kAddress));
  const std::vector<std::uint8_t> expected{
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0,  0, 0, 2,  // to everybody, from us
      0x08, 0x06, 0,    1,    0x08, 0,    6,  4, 0,  1,        // ARP request, Ethernet, IPv4
      2,    0,    0,    0,    0,    2,    0,  0, 0,  0,        // from nobody's address
      0,    0,    0,    0,    0,    0,    10, 2, 16, 5};       // for 10.2.16.5
  EXPECT_EQ(std::vector(frame.begin(), frame.end()), expected);
}

TEST(Arp, PacketsComeBack) {
  for (const auto& packet :
       {ArpPacket::probe(kMac, kAddress), ArpPacket::announcement(kMac, kAddress),
        ArpPacket{ArpPacket::Operation::kReply, kMac, kAddress, {{1, 2, 3, 4, 5, 6}}, kAddress}}) {
    const auto frame = encode_arp_frame(packet);
    EXPECT_EQ(decode_arp_frame(frame), packet);
    std::vector<std::uint8_t> padded(frame.begin(), frame.end());
    padded.resize(60);
    EXPECT_EQ(decode_arp_frame(padded), packet) << "Ethernet frames have 60 octets at least";
  }
}

TEST(Arp, OtherFramesAreRefused) {
  const auto whole = encode_arp_frame(ArpPacket::probe(kMac, kAddress));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(decode_arp_frame(std::span(whole).first(size))) << size;
  for (std::size_t at = 12; at < 20; ++at) {  // EtherType, kinds and lengths of addresses
    auto wrong = whole;
    wrong[at] ^= 0x20;
    EXPECT_FALSE(decode_arp_frame(wrong)) << at;
  }
  auto wrong = whole;
  wrong[21] = 8;  // InARP
  EXPECT_FALSE(decode_arp_frame(wrong));
}

}  // namespace
}  // namespace anabranch::wire
