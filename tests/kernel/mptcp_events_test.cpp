// SPDX-License-Identifier: MIT
// Events as Linux 6.18 sent them, and in the forms before and after it.
#include "kernel/mptcp_events.hpp"

#include <cerrno>

#include <gtest/gtest.h>

#include "support/netlink_octets.hpp"

namespace anabranch::kernel {
namespace {

using test::NetlinkOctets;
using Type = MptcpEvent::Type;

MptcpEvent parsed(std::string_view digits) {
  return parse_mptcp_event(NetlinkOctets(digits).message()).value();
}
Endpoint at(const char* address, std::uint16_t port) {
  return {IpAddress::parse(address).value(), port};
}

constexpr std::string_view kAcceptedWithBoth =
    "7c0000001c000000000000000000000002010000080001005c5a9004050012000100000006000d000200"
    "0000060002000a0000001400060000000000000000000000ffff0a4d0102140008000000000000000000"
    "0000ffff0a4d0101060009001b58000006000a00ebba000005000300000000000500040000000000";
constexpr std::string_view kAcceptedWithAttribute =
    "740000001c000000000000000000000002010000080001005c5a90040500120001000000060002000a00"
    "00001400060000000000000000000000ffff0a4d01021400080000000000000000000000ffff0a4d0101"
    "060009001b58000006000a00ebba000005000300000000000500040000000000";
constexpr std::string_view kAcceptedWithFlag =
    "740000001c000000000000000000000002010000080001005c5a900406000d0002000000060002000a00"
    "00001400060000000000000000000000ffff0a4d01021400080000000000000000000000ffff0a4d0101"
    "060009001b58000006000a00ebba000005000300000000000500040000000000";

TEST(MptcpEvent, AClientsConnection) {
  MptcpEvent expected;
  expected.type = Type::kEstablished;
  expected.token = 0x12895e16;
  expected.local = at("10.77.1.1", 60346);
  expected.remote = at("10.77.1.2", 7000);
  EXPECT_EQ(
      parsed(
          "540000001c00000000000000000000000201000008000100165e89120600020002000000080005000a4d"
          "0101080007000a4d010206000900ebba000006000a001b58000005000300000000000500040000000000"),
      expected);
}

TEST(MptcpEvent, TheServersSideIsKnownInEveryForm) {
  for (const auto digits : {kAcceptedWithBoth, kAcceptedWithAttribute, kAcceptedWithFlag}) {
    const auto event = parsed(digits);
    EXPECT_TRUE(event.server_side);
    EXPECT_FALSE(event.deny_join_id0);
    EXPECT_EQ(event.local, at("10.77.1.2", 7000)) << "IPv4-mapped addresses are shown as IPv4";
    EXPECT_EQ(event.remote.address, at("10.77.1.1", 0).address);
  }
}

TEST(MptcpEvent, TheCFlagOfThePeer) {
  const auto event = parsed(
      "5c0000001c00000000000000000000000201000008000100165e89120600020002000000080005000a4d"
      "0101080007000a4d010206000900ebba000006000a001b58000005000300000000000500040000000000"
      "06000d0001000000");
  EXPECT_TRUE(event.deny_join_id0);
  EXPECT_FALSE(event.server_side);
}

TEST(MptcpEvent, AClosedConnectionHasATokenOnly) {
  MptcpEvent expected;
  expected.type = Type::kClosed;
  expected.token = 0x12895e16;
  EXPECT_EQ(parsed("1c0000001c00000000000000000000000301000008000100165e8912"), expected);
}

TEST(MptcpEvent, AnAddressAnnouncedWithAPortAndRemoved) {
  const auto announced = parsed(
      "340000001c0000000000000000000000060100000800010005c7e6f6050004000900000006000a001f40"
      "0000080007000a4d0201");
  EXPECT_EQ(announced.type, Type::kAnnounced);
  EXPECT_EQ(announced.remote_id, 9);
  EXPECT_EQ(announced.remote, at("10.77.2.1", 8000));
  const auto removed =
      parsed("240000001c0000000000000000000000070100000800010005c7e6f60500040009000000");
  EXPECT_EQ(removed.type, Type::kRemoved);
  EXPECT_EQ(removed.token, announced.token);
  EXPECT_EQ(removed.remote_id, 9);
}

TEST(MptcpEvent, AResetSubflowSaysWhyAndWhere) {
  const auto event = parsed(
      "7c0000001c00000000000000000000000b0100000800010064c8d5300600020002000000080005000a4d"
      "0201080007000a4d0102060009009b75000006000a001b58000005000300070000000500040000000000"
      "05000b000000000008000f000300000005000c006800000008001000000000000800110000000000");
  EXPECT_EQ(event.type, Type::kSubflowClosed);
  EXPECT_EQ(event.local, at("10.77.2.1", 39797));
  EXPECT_EQ(event.local_id, 7);
  EXPECT_EQ(event.ifindex, 3U);
  EXPECT_EQ(event.error, ECONNRESET);
  EXPECT_EQ(event.reset_reason, 0U) << "MP_TCPRST with an unspecified error is not none";
  EXPECT_FALSE(event.reset_transient);
  const auto resources = parsed(
      "7c0000001c00000000000000000000000b0100000800010064c8d5300600020002000000080005000a4d"
      "0201080007000a4d0102060009009b75000006000a001b58000005000300070000000500040000000000"
      "05000b000000000008000f000300000005000c006800000008001000020000000800110001000000");
  EXPECT_EQ(resources.reset_reason, 2U);
  EXPECT_TRUE(resources.reset_transient);
  const auto plain = parsed(
      "6c0000001c00000000000000000000000b0100000800010064c8d5300600020002000000080005000a4d"
      "0201080007000a4d0102060009009b75000006000a001b58000005000300070000000500040000000000"
      "05000b000000000008000f000300000005000c0068000000");
  EXPECT_EQ(plain.reset_reason, std::nullopt);
}

TEST(MptcpEvent, APriority) {
  const auto event = parsed(
      "740000001c00000000000000000000000d01000008000100f15c46cf060002000a000000140006000000"
      "0000000000000000ffff0a4d01021400080000000000000000000000ffff0a4d0201060009001b580000"
      "06000a00c76d00000500030000000000050004000700000005000b0001000000");
  EXPECT_EQ(event.type, Type::kSubflowPriority);
  EXPECT_TRUE(event.backup);
  EXPECT_EQ(event.remote_id, 7);
}

TEST(MptcpEvent, AListenerForBothFamilies) {
  const auto event = parsed(
      "380000001c00000000000000000000000f010000060002000a000000060009001b580000140006000000"
      "0000000000000000000000000000");
  EXPECT_EQ(event.type, Type::kListenerCreated);
  EXPECT_EQ(event.local, at("::", 7000));
}

TEST(MptcpEvent, WhatIsCutOrUnknownIsNoEventOrAnEmptierOne) {
  EXPECT_FALSE(parse_mptcp_event(NetlinkOctets(kAcceptedWithBoth).cut(18).message()));
  NetlinkOctets unknown(kAcceptedWithBoth);
  static_cast<std::uint8_t*>(NLMSG_DATA(&unknown.message()))[0] = 77;
  EXPECT_FALSE(parse_mptcp_event(unknown.message()));
  NetlinkOctets control(kAcceptedWithBoth);
  control.message().nlmsg_type = NLMSG_DONE;
  EXPECT_FALSE(parse_mptcp_event(control.message()));
  for (std::uint32_t size = 20; size < kAcceptedWithBoth.size() / 2; ++size)
    EXPECT_TRUE(parse_mptcp_event(NetlinkOctets(kAcceptedWithBoth).cut(size).message()));
}

TEST(Endpoint, TextTellsTheFamilyApart) {
  EXPECT_EQ(at("192.0.2.1", 443).text(), "192.0.2.1:443");
  EXPECT_EQ(at("2001:db8::1", 443).text(), "[2001:db8::1]:443");
}

}  // namespace
}  // namespace anabranch::kernel
