// SPDX-License-Identifier: MIT
#include "proxy/converter_pool.hpp"

#include <map>

#include <gtest/gtest.h>

namespace anabranch::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Endpoint kOne = Endpoint::parse("198.18.0.1:5124").value();
const Endpoint kTwo = Endpoint::parse("198.18.0.2:5124").value();
const Endpoint kSpare = Endpoint::parse("198.18.0.3:5124").value();
const ConverterPool::Time kNow{std::chrono::hours(1)};
constexpr seconds kRetry{10};

std::vector<ConverterEntry> three() {
  return {{"one", kOne, 1}, {"two", kTwo, 3}, {"spare", kSpare, 0}};
}

/// How many of a hundred connections go to each.
std::map<Endpoint, int> shares(const ConverterPool& pool, ConverterPool::Time now = kNow) {
  std::map<Endpoint, int> out;
  for (std::uint64_t i = 0; i < 100; ++i)
    if (const auto choice = pool.choose(static_cast<std::uint32_t>((i << 32) / 100), now))
      ++out[choice->endpoint];
  return out;
}

TEST(ConverterPool, SharesByWeight) {
  const ConverterPool pool(three(), kRetry);
  EXPECT_EQ(shares(pool), (std::map<Endpoint, int>{{kOne, 25}, {kTwo, 75}}));
}

TEST(ConverterPool, LeavesOutWhatCannotBeReached) {
  ConverterPool pool(three(), kRetry);
  pool.unreachable(kTwo, "no answer", kNow);
  EXPECT_EQ(shares(pool), (std::map<Endpoint, int>{{kOne, 100}}));
  pool.reached(kTwo);
  EXPECT_EQ(shares(pool).size(), 2u);
}

TEST(ConverterPool, ASpareServesWhileNoOtherCan) {
  ConverterPool pool(three(), kRetry);
  pool.unreachable(kOne, "no answer", kNow);
  pool.unreachable(kTwo, "no answer", kNow);
  EXPECT_EQ(shares(pool), (std::map<Endpoint, int>{{kSpare, 100}}));
  pool.unreachable(kSpare, "no answer", kNow);
  EXPECT_TRUE(shares(pool).empty());
}

TEST(ConverterPool, AsksAtOnceAndThenInAnInterval) {
  ConverterPool pool(three(), kRetry);
  EXPECT_TRUE(pool.due(kNow).empty());
  pool.unreachable(kTwo, "no answer", kNow);
  ASSERT_EQ(pool.due(kNow).size(), 1u) << "one lost SYN proves nothing";
  EXPECT_TRUE(pool.due(kNow + kRetry - milliseconds(1)).empty());
  EXPECT_EQ(pool.due(kNow + kRetry).size(), 1u);
}

TEST(ConverterPool, LeavesAloneForAsLongAsItWasTold) {
  ConverterPool pool(three(), kRetry);
  pool.pause(kTwo, seconds(5), kNow);
  EXPECT_EQ(shares(pool).count(kTwo), 0u);
  EXPECT_EQ(shares(pool, kNow + seconds(5)).count(kTwo), 1u);
  // RFC 8803 section 6.2.8: no time means 30 seconds at least.
  pool.pause(kTwo, seconds(0), kNow);
  EXPECT_EQ(shares(pool, kNow + seconds(29)).count(kTwo), 0u);
  EXPECT_EQ(shares(pool, kNow + seconds(30)).count(kTwo), 1u);
}

TEST(ConverterPool, RemembersThatDataInSynsIsLost) {
  ConverterPool pool({{"one", kOne, 1}}, kRetry);
  EXPECT_TRUE(pool.choose(0, kNow)->syn_data);
  pool.syn_data_lost(kOne, kNow);
  EXPECT_FALSE(pool.choose(0, kNow + seconds(599))->syn_data);
  EXPECT_TRUE(pool.choose(0, kNow + seconds(600))->syn_data);
}

TEST(ConverterPool, NewSettingsKeepWhatIsKnown) {
  ConverterPool pool(three(), kRetry);
  pool.unreachable(kTwo, "no answer", kNow);
  pool.set_cookie(kOne, {1, 2, 3});
  pool.set({{"renamed", kTwo, 1}, {"one", kOne, 1}}, kRetry);
  EXPECT_EQ(shares(pool), (std::map<Endpoint, int>{{kOne, 100}}));
  EXPECT_EQ(pool.choose(0, kNow)->cookie, (signalling::Octets{1, 2, 3}));
  pool.unreachable(kSpare, "gone from the list", kNow);
}

}  // namespace
}  // namespace anabranch::proxy
