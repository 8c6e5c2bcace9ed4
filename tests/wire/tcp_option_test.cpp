// SPDX-License-Identifier: MIT
#include "wire/tcp_option.hpp"

#include <gtest/gtest.h>

#include "support/hex.hpp"

namespace anabranch::wire {
namespace {

using test::hex;

TEST(TcpOptions, AreKindLengthAndContent) {
  const std::vector<TcpOption> options{{2, hex("05b4")}, {4}, {8, hex("0000000100000002")}};
  EXPECT_EQ(encode_tcp_options(options), hex("020405b4 0402 080a0000000100000002"));
  EXPECT_EQ(decode_tcp_options(hex("020405b4 0402 080a0000000100000002")), options);
}

TEST(TcpOptions, NoOperationIsSkippedAndTheEndEndsThem) {
  EXPECT_EQ(decode_tcp_options(hex("01 01 0402 01 00 ff01")), (std::vector<TcpOption>{{4}}));
  EXPECT_EQ(decode_tcp_options({}), std::vector<TcpOption>{});
}

TEST(TcpOptions, AWrongLengthMakesThemAllVoid) {
  EXPECT_FALSE(decode_tcp_options(hex("0402 0400")));
  EXPECT_FALSE(decode_tcp_options(hex("0401")));
  EXPECT_FALSE(decode_tcp_options(hex("04")));
  EXPECT_FALSE(decode_tcp_options(hex("020405")));
}

TEST(TcpOptions, KindsWithoutLengthAndLongContentCannotBeWritten) {
  EXPECT_FALSE(encode_tcp_options(std::vector<TcpOption>{{0}}));
  EXPECT_FALSE(encode_tcp_options(std::vector<TcpOption>{{1}}));
  EXPECT_FALSE(encode_tcp_options(std::vector<TcpOption>{{254, std::vector<std::uint8_t>(254)}}));
  const std::vector<TcpOption> longest{{254, std::vector<std::uint8_t>(253, 7)}};
  EXPECT_EQ(decode_tcp_options(encode_tcp_options(longest).value()), longest);
}

}  // namespace
}  // namespace anabranch::wire
