// SPDX-License-Identifier: MIT
#include "lab/join_delays.hpp"

#include <array>
#include <cstdint>

#include <gtest/gtest.h>

namespace anabranch::lab {
namespace {

std::uint32_t token(const std::array<std::uint8_t, 8>& key) {
  return token_of_key(std::as_bytes(std::span<const std::uint8_t, 8>(key)));
}

// Computed with another implementation of SHA-256.
TEST(JoinDelays, TheTokenIsTheStartOfTheKeysHash) {
  EXPECT_EQ(token({1, 2, 3, 4, 5, 6, 7, 8}), 0x66840ddaU);
  EXPECT_EQ(token({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), 0x12a3ae44U);
}

}  // namespace
}  // namespace anabranch::lab
