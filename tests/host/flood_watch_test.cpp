// SPDX-License-Identifier: MIT
#include "host/flood_watch.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;

/// `packets` evenly over `time` from `begin`: when a report was due, and what it said.
struct Reported {
  nanoseconds at;
  std::uint64_t count;
};
std::vector<Reported> reports(FloodWatch& watch, MonotonicTime begin, unsigned packets,
                              nanoseconds time) {
  std::vector<Reported> out;
  for (unsigned i = 0; i < packets; ++i)
    if (const auto count = watch.useless(begin + time / packets * i))
      out.push_back({time / packets * i, *count});
  return out;
}

TEST(FloodWatch, OrdinaryNoiseIsNotWorthALine) {
  FloodWatch watch;
  EXPECT_TRUE(reports(watch, MonotonicTime(1h), 50 * 3600, 1h).empty()) << "50 packets a second";
}

TEST(FloodWatch, AFloodIsToldWhenItBeginsAndOnceAMinute) {
  FloodWatch watch;
  const auto out = reports(watch, MonotonicTime(1h), 1'300'000, 130s);  // 10,000 packets a second
  ASSERT_EQ(out.size(), 3u);
  EXPECT_LE(out[0].at, 200ms);
  EXPECT_EQ(out[0].count, 1000u);
  EXPECT_NEAR(static_cast<double>(out[1].count), 600'000, 1000) << "all since the last report";
}

}  // namespace
}  // namespace anabranch::host
