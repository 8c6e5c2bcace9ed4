// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "octets.hpp"
#include "signalling/convert.hpp"

namespace anabranch::signalling {
namespace {

using namespace std::chrono_literals;

const Octets kSecret = hex("000102030405060708090a0b0c0d0e0f");
const ConvertCookies::Time kNow{std::chrono::hours(480000)};
constexpr auto kSlot = 600s;

TEST(ConvertCookies, AreGoodForTheirClientAlone) {
  const ConvertCookies cookies(kSecret, kSlot);
  const auto cookie = cookies.make(address("192.0.2.1"), kNow);
  EXPECT_EQ(cookie.size() % 4, 0) << "padding would change it";
  EXPECT_TRUE(cookies.good(cookie, address("192.0.2.1"), kNow));
  EXPECT_TRUE(cookies.good(cookie, address("::ffff:192.0.2.1"), kNow));
  EXPECT_FALSE(cookies.good(cookie, address("192.0.2.2"), kNow));
  EXPECT_FALSE(cookies.good(cookie, address("::c000:201"), kNow));
}

TEST(ConvertCookies, AreGoodForTheirSlotAndTheNext) {
  const ConvertCookies cookies(kSecret, kSlot);
  const auto client = address("2001:db8::1");
  const auto cookie = cookies.make(client, kNow);  // the first second of a slot
  EXPECT_TRUE(cookies.good(cookie, client, kNow + kSlot - 1s));
  EXPECT_TRUE(cookies.good(cookie, client, kNow + kSlot));
  EXPECT_TRUE(cookies.good(cookie, client, kNow + 2 * kSlot - 1s));
  EXPECT_FALSE(cookies.good(cookie, client, kNow + 2 * kSlot));
  EXPECT_FALSE(cookies.good(cookie, client, kNow - 1s)) << "made in the future";
  EXPECT_NE(cookies.make(client, kNow), cookies.make(client, kNow + kSlot));
}

TEST(ConvertCookies, AreOfTheirSecret) {
  const auto client = address("192.0.2.1");
  const auto cookie = ConvertCookies(kSecret, kSlot).make(client, kNow);
  EXPECT_TRUE(ConvertCookies(kSecret, kSlot).good(cookie, client, kNow)) << "in any process";
  auto other = kSecret;
  other.back() ^= 1;
  EXPECT_FALSE(ConvertCookies(other, kSlot).good(cookie, client, kNow));
}

TEST(ConvertCookies, OfAFormerSecretAreGoodForOneSlotMore) {
  const auto client = address("192.0.2.1");
  const ConvertCookies before(kSecret, kSlot);
  const auto old = before.make(client, kNow + kSlot - 1s);
  const auto cookies = before.renewed(Octets(32, 0x5a), 3600s, kNow + kSlot - 1s);
  EXPECT_TRUE(cookies.good(cookies.make(client, kNow + kSlot), client, kNow + kSlot));
  EXPECT_NE(cookies.make(client, kNow), before.make(client, kNow));
  EXPECT_TRUE(cookies.good(old, client, kNow + 2 * kSlot - 2s));
  EXPECT_FALSE(cookies.good(old, client, kNow + 2 * kSlot - 1s));
  const auto again = cookies.renewed(Octets(32, 0x5a), 3600s, kNow + kSlot);
  EXPECT_TRUE(again.good(old, client, kNow + kSlot)) << "nothing has changed in between";
  const auto twice = cookies.renewed(Octets(32, 0x77), 3600s, kNow + kSlot);
  EXPECT_FALSE(twice.good(old, client, kNow + kSlot)) << "the one before the former";
}

TEST(ConvertCookies, EveryOctetCounts) {
  const ConvertCookies cookies(kSecret, kSlot);
  const auto client = address("192.0.2.1");
  const auto cookie = cookies.make(client, kNow);
  for (std::size_t i = 0; i < cookie.size(); ++i) {
    auto bent = cookie;
    bent[i] ^= 0x10;
    EXPECT_FALSE(cookies.good(bent, client, kNow));
    EXPECT_FALSE(cookies.good(Heard(cookie).first(i), client, kNow));
  }
  EXPECT_FALSE(cookies.good(cookie + Octets{0}, client, kNow));
}

}  // namespace
}  // namespace anabranch::signalling
