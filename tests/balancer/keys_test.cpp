// SPDX-License-Identifier: MIT
// Keys in a frame, and the token that they make: the very source of the BPF programs.
#include <random>

#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <steering/keys.h>
#include <steering/parse.h>

#include "support/frames.hpp"

namespace anabranch {
namespace {

using namespace test;

TEST(BalancerKeys, ATokenIsTheBeginningOfSha256OverTheKey) {
  EXPECT_EQ(steer_token_of_key(0x11223344, 0x55667788), 0x1dce6604U);
  EXPECT_EQ(steer_token_of_key(0xa1a2a3a4, 0xa5a6a7a8), 0x65886c9fU);
  EXPECT_EQ(steer_token_of_key(0x01020304, 0x05060708), 0x66840ddaU);
  EXPECT_EQ(steer_token_of_key(0, 0), 0xaf5570f5U);
}

TEST(BalancerKeys, OpenSslComesToTheSameToken) {
  std::mt19937 random(6234);
  for (int i = 0; i < 10'000; ++i) {
    const auto high = static_cast<std::uint32_t>(random());
    const auto low = static_cast<std::uint32_t>(random());
    Octets key;
    for (const auto half : {high, low})
      key = key + word(static_cast<std::uint16_t>(half >> 16)) +
            word(static_cast<std::uint16_t>(half));
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> sum{};
    SHA256(key.data(), key.size(), sum.data());
    ASSERT_EQ(steer_token_of_key(high, low), steer_number_at(sum.data())) << high << " " << low;
  }
}

TEST(BalancerKeys, NoFrameIsReadBeyondItsEnd) {
  const auto keys = hex("1e140101 0102030405060708 a1a2a3a4a5a6a7a8");
  for (const auto& whole :
       {frame({at("192.0.2.7:40000"), at("198.51.100.10:443"), kAck, keys}),
        frame({at("[2001:db8:7::7]:40000"), at("[2001:db8::10]:443"), kAck, keys})})
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      const Octets part(whole.begin(), whole.begin() + static_cast<long>(size));
      steer_packet packet{};
      // The header says more than there is: what was read of it before may be true for all that.
      steer_parse(part.data(), part.data() + part.size(), static_cast<std::uint32_t>(whole.size()),
                  &packet);
      std::uint32_t token = 0;
      const bool is_found =
          packet.kind == STEER_SEGMENT &&
          steer_read_token(part.data(), part.data() + part.size(), &packet, &token);
      EXPECT_EQ(is_found, size == whole.size()) << size;
      EXPECT_EQ(token, is_found ? 0x65886c9fU : 0U);
    }
}

}  // namespace
}  // namespace anabranch
