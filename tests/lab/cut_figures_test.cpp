// SPDX-License-Identifier: MIT
#include "lab/cut_figures.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace anabranch::lab {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::uint16_t kOld = 40001;
constexpr std::uint16_t kNew = 40002;

SubflowSample subflow(const char* local, std::uint16_t port, std::uint64_t octets) {
  return {.local = IpAddress::parse(local).value_or(IpAddress()),
          .local_port = port,
          .remote = IpAddress::v4(0xc6120001),
          .remote_port = 5001,
          .octets = octets};
}

/// Sampled every 20 ms. Path 1 carries 2,500 octets a sample (1 Mbit/s) throughout. Path 2 carries
/// as much until 200 ms; from 400 ms on a new subflow of it does.
TransferRecord record() {
  TransferRecord out;
  for (std::int64_t at = 0; at <= 1000; at += 20) {
    const auto samples = static_cast<std::uint64_t>(at / 20);
    event::Sample sample{.at_ns = at * kMs, .octets = 0, .subflows = {}};
    sample.subflows.push_back(subflow("10.1.0.2", kOld, 2500 * samples));
    sample.subflows.push_back(
        subflow("10.2.0.2", kOld, 2500 * std::min<std::uint64_t>(samples, 10)));
    if (at > 400) sample.subflows.push_back(subflow("10.2.0.2", kNew, 2500 * (samples - 20)));
    out.samples.push_back(sample);
  }
  return out;
}

TEST(CarriesAgain, TellsWhenThePathHasHadTheRateForAWindow) {
  // Half the rate over 100 ms: half of a window after the first octet at 400 ms.
  const auto back = carries_again(record(), 2, 200 * kMs, 1000 * kMs, BitRate::mbit(0.5));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, milliseconds(260));
}

TEST(CarriesAgain, LooksAtWholeWindowsOnly) {
  const auto back = carries_again(record(), 1, 300 * kMs, 1000 * kMs, BitRate::mbit(0.5));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, kRateWindow);
}

TEST(CarriesAgain, IsNothingWhenTheRateIsNotReachedInTime) {
  EXPECT_FALSE(carries_again(record(), 2, 200 * kMs, 420 * kMs, BitRate::mbit(0.5)));
  EXPECT_FALSE(carries_again(record(), 2, 200 * kMs, 1000 * kMs, BitRate::mbit(2)));
}

TEST(CarriesAgain, DoesNotCountTheSubflowThatWasStruck) {
  const auto back = carries_again(record(), 2, 100 * kMs, 1000 * kMs, BitRate::mbit(0.5), kOld);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, milliseconds(360));
}

TEST(PathRate, IsWhatThePathCarriedInBetween) {
  EXPECT_NEAR(path_rate(record(), 1, 100 * kMs, 500 * kMs).mbit(), 1, 1e-9);
  EXPECT_EQ(path_rate(record(), 2, 240 * kMs, 380 * kMs).mbit(), 0);
}

TEST(Percentile, IsTheNearestRank) {
  std::vector<double> hundred;
  for (int i = 100; i >= 1; --i) hundred.push_back(i);
  EXPECT_EQ(percentile(hundred, 50), 50);
  EXPECT_EQ(percentile(hundred, 99), 99);
  EXPECT_EQ(percentile(hundred, 100), 100);
  EXPECT_EQ(percentile(hundred, 0), 1);
  EXPECT_EQ(percentile({3, 1, 2}, 99), 3);
  EXPECT_TRUE(std::isnan(percentile({}, 50)));
}

}  // namespace
}  // namespace anabranch::lab
