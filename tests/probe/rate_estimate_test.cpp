// SPDX-License-Identifier: MIT
// What a train's answers tell about the rate.
#include "probe/rate_estimate.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace anabranch::probe {
namespace {

using std::chrono::microseconds;

constexpr double kLost = -1;

/// Mbit/s from arrivals in milliseconds after the first packet was sent; packets of 1400 octets.
double estimate(const std::vector<double>& milliseconds_after) {
  std::vector<std::optional<MonotonicTime>> arrivals;
  for (const auto after : milliseconds_after) {
    arrivals.emplace_back();
    if (after != kLost)
      arrivals.back() = MonotonicTime(seconds(9)) + nanoseconds(static_cast<long>(after * 1e6));
  }
  return estimate_rate(arrivals, 1400).mbit();
}

TEST(RateEstimate, IsThatOfTheSpacing) {
  EXPECT_NEAR(estimate({30, 52.4, 74.8, 97.2, 119.6, 142}), 0.5, 1e-6);
  EXPECT_NEAR(estimate({10, 10.224, 10.448, 10.672, 10.896, 11.12}), 50, 1e-6);
}

TEST(RateEstimate, DoesNotMindOneAnswerThatWaitedForTheNext) {
  EXPECT_NEAR(estimate({10, 10.448, 10.45, 10.672, 10.896, 11.12}), 50, 1e-6);
}

TEST(RateEstimate, DoesNotMindAnswersOutOfOrder) {
  EXPECT_NEAR(estimate({10, 10.448, 10.224, 10.672, 10.896, 11.12}), 50, 1e-6);
}

TEST(RateEstimate, AQueueThatDropsTheEndLeavesEnough) {
  EXPECT_NEAR(estimate({30, 52.4, 74.8, 97.2, kLost, kLost}), 0.5, 1e-6);
}

TEST(RateEstimate, TimeAcrossALossDoesNotCount) {
  const double behind = estimate({10, 10.224, kLost, 10.672, 10.896, 11.12});
  const double before = estimate({10, 10.224, kLost, 10.448, 10.672, 10.896});
  EXPECT_NEAR(behind, 50, 1e-6) << "the narrow link carried it, then it was lost";
  EXPECT_NEAR(before, 50, 1e-6) << "the narrow link never carried it";
}

TEST(RateEstimate, WithoutNeighboursItTellsTooLittleAndNotTooMuch) {
  const double rate = estimate({10, kLost, 10.448, kLost, 10.896, kLost});
  EXPECT_NEAR(rate, 25, 1e-6);
}

TEST(RateEstimate, AnswersAtOnceTellWhatTheClockCanTell) {
  EXPECT_NEAR(estimate({10, 10, 10, 10, 10, 10}), 1120, 1e-6);
}

TEST(RateEstimate, NeedsTwoAnswers) {
  EXPECT_EQ(estimate({}), 0);
  EXPECT_EQ(estimate({10, kLost, kLost}), 0);
  EXPECT_EQ(estimate({kLost, kLost}), 0);
}

}  // namespace
}  // namespace anabranch::probe
