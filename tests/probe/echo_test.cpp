// SPDX-License-Identifier: MIT
#include "probe/echo.hpp"

#include <gtest/gtest.h>

namespace anabranch::probe {
namespace {

constexpr Echo kEcho{0x1234, 7, 0x0102030405060708};

/// What a peer makes of a request (RFC 792: the type changes, the rest stays).
std::vector<std::uint8_t> reply(Family family) {
  auto message = build_echo(family, kEcho);
  message[0] = static_cast<std::uint8_t>(family == Family::kIpv4 ? 0 : 129);
  return message;
}

TEST(Echo, ARequestIsAsTheRfcsSay) {
  const std::vector<std::uint8_t> v4 = {8, 0, 0xd5, 0xb0, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8};
  const auto built = build_echo(Family::kIpv4, kEcho);
  EXPECT_EQ(built, v4);
  const auto v6 = build_echo(Family::kIpv6, kEcho);
  EXPECT_EQ(v6[0], 128);
  EXPECT_EQ(v6[2], 0) << "the kernel's to fill in";
  EXPECT_EQ(v6[3], 0);
}

TEST(Echo, AReplyRepeatsWhatWasAsked) {
  for (const auto family : {Family::kIpv4, Family::kIpv6})
    EXPECT_EQ(parse_echo_reply(family, reply(family)), kEcho);
}

TEST(Echo, NothingElseIsAReply) {
  EXPECT_FALSE(parse_echo_reply(Family::kIpv4, build_echo(Family::kIpv4, kEcho))) << "a request";
  EXPECT_FALSE(parse_echo_reply(Family::kIpv6, reply(Family::kIpv4))) << "the other family's";
  auto code = reply(Family::kIpv4);
  code[1] = 1;
  EXPECT_FALSE(parse_echo_reply(Family::kIpv4, code));
  auto cut = reply(Family::kIpv4);
  cut.pop_back();
  EXPECT_FALSE(parse_echo_reply(Family::kIpv4, cut));
  auto longer = reply(Family::kIpv4);
  longer.push_back(0);
  EXPECT_FALSE(parse_echo_reply(Family::kIpv4, longer));
  EXPECT_FALSE(parse_echo_reply(Family::kIpv4, {}));
}

std::vector<std::uint8_t> packet(std::span<const std::uint8_t> inside, std::uint8_t first = 0x45) {
  std::vector<std::uint8_t> out(std::size_t{4} * (first & 0x0f));
  out[0] = first;
  out[9] = 1;
  out.insert(out.end(), inside.begin(), inside.end());
  return out;
}

TEST(Echo, IsFoundBehindTheIpHeaderAndItsOptions) {
  const auto message = reply(Family::kIpv4);
  for (const std::uint8_t first : std::initializer_list<std::uint8_t>{0x45, 0x46, 0x4f}) {
    const auto whole = packet(message, first);
    EXPECT_EQ(parse_echo_reply(Family::kIpv4, icmp_of_ipv4(whole)), kEcho);
  }
}

TEST(Echo, WhatIsNoWholePacketHoldsNone) {
  const auto message = reply(Family::kIpv4);
  EXPECT_TRUE(icmp_of_ipv4({}).empty());
  EXPECT_TRUE(icmp_of_ipv4(std::vector<std::uint8_t>(19, 0x45)).empty());
  auto other = packet(message);
  other[9] = 6;
  EXPECT_TRUE(icmp_of_ipv4(other).empty()) << "TCP";
  auto later = packet(message);
  later[7] = 1;
  EXPECT_TRUE(icmp_of_ipv4(later).empty()) << "a later fragment";
  auto shorter = packet(message);
  shorter[0] = 0x44;
  EXPECT_TRUE(icmp_of_ipv4(shorter).empty()) << "a header that is too short to be one";
  auto lying = packet({}, 0x45);
  lying[0] = 0x4f;
  EXPECT_TRUE(icmp_of_ipv4(lying).empty()) << "a header longer than the packet";
}

}  // namespace
}  // namespace anabranch::probe
