// SPDX-License-Identifier: MIT
// The waits between transmissions of a DHCPv6 message (RFC 8415 section 15).
#include "host/retransmission.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kNoJitter = 1000;
constexpr std::uint32_t kMost = 2000;
constexpr std::uint32_t kLeast = 0;

/// The waits until it is over, 20 at most.
std::vector<milliseconds> waits(const Retransmission::Parameters& parameters,
                                std::uint32_t random = kNoJitter) {
  Retransmission retransmission;
  retransmission.begin(parameters);
  MonotonicTime now(1h);
  std::vector<milliseconds> out;
  do {
    retransmission.sent(now, random);
    out.push_back(std::chrono::duration_cast<milliseconds>(retransmission.next() - now));
    now = retransmission.next();
  } while (!retransmission.over() && out.size() < 20);
  return out;
}
using Waits = std::vector<milliseconds>;

TEST(Retransmission, WaitsDoubleUpToTheLongest) {
  auto got = waits({1s, 30s, 8});
  EXPECT_EQ(got, (Waits{1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s}));
}

TEST(Retransmission, WaitsAreATenthLongerOrShorter) {
  EXPECT_EQ(waits({1s, 4s, 4}, kMost), (Waits{1100ms, 2310ms, 4400ms, 4400ms}));
  EXPECT_EQ(waits({1s, 4s, 4}, kLeast), (Waits{900ms, 1710ms, 3249ms, 3600ms}));
}

TEST(Retransmission, SolicitGivesServersTheirTime) {
  EXPECT_EQ(waits({1s, {}, 1, {}, true}, kLeast), (Waits{1100ms}));
}

TEST(Retransmission, ADurationCutsTheLastWait) {
  EXPECT_EQ(waits({1s, 4s, 0, 10s}), (Waits{1s, 2s, 4s, 3s}));
}

TEST(Retransmission, WithoutLimitsItGoesOn) {
  EXPECT_EQ(waits({1s, 10s}).size(), 20u);
}

TEST(Retransmission, NothingIsDueBeforeTheFirstTransmission) {
  Retransmission retransmission;
  retransmission.begin({1s});
  EXPECT_EQ(retransmission.next(), MonotonicTime::max());
  EXPECT_FALSE(retransmission.over());
}

TEST(Retransmission, ANewLongestWaitHoldsFromTheNextOneOn) {
  Retransmission retransmission;
  retransmission.begin({1s, 1h});
  MonotonicTime now(1h);
  for (int i = 0; i < 10; ++i) retransmission.sent(now, kNoJitter);
  EXPECT_EQ(retransmission.next() - now, 512s);
  retransmission.set_longest(60s);
  EXPECT_EQ(retransmission.next() - now, 512s);
  retransmission.sent(now, kNoJitter);
  EXPECT_EQ(retransmission.next() - now, 60s);
}

}  // namespace
}  // namespace anabranch::host
