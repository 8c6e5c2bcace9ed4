// SPDX-License-Identifier: MIT
#include "wire/ext_route.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace anabranch::wire {
namespace {

using Octets = std::vector<std::uint8_t>;

TEST(ExtRoute, IsIndexThenCount) {
  EXPECT_EQ(encode_ext_route({2, 3}), (std::array<std::uint8_t, 2>{2, 3}));
  EXPECT_EQ(decode_ext_route(Octets{1, 2}), (ExtRoute{1, 2}));
}

TEST(ExtRoute, OneOctetIsAnIndexWithUnknownCount) {
  EXPECT_EQ(decode_ext_route(Octets{7}), (ExtRoute{7, 0}));
}

TEST(ExtRoute, OtherLengthsAreIgnored) {
  EXPECT_FALSE(decode_ext_route(Octets{}));
  EXPECT_FALSE(decode_ext_route(Octets{1, 2, 3}));
  EXPECT_FALSE(decode_ext_route(Octets{0, 0, 0, 2}));
}

TEST(ExtRoute, EveryValueComesBack) {
  for (unsigned value = 0; value < 0x10000; ++value) {
    const ExtRoute route{static_cast<std::uint8_t>(value >> 8),
                         static_cast<std::uint8_t>(value & 0xff)};
    ASSERT_EQ(decode_ext_route(encode_ext_route(route)), route);
  }
}

}  // namespace
}  // namespace anabranch::wire
