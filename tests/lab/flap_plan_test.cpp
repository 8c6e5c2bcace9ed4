// SPDX-License-Identifier: MIT
#include "lab/flap_plan.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace anabranch::lab {
namespace {

constexpr unsigned kPaths = 3;

std::vector<PlannedEvent> plan(unsigned seed, unsigned count = 300) {
  std::mt19937 random(seed);
  return plan_flaps(random, kPaths, count);
}

/// Whether nothing happens to the path from `from` to `to`.
bool well(const std::vector<PlannedEvent>& events, unsigned path, nanoseconds from,
          nanoseconds to) {
  return std::ranges::none_of(events, [&](const PlannedEvent& event) {
    return event.path == path && event.at < to && event.ends() > from;
  });
}

TEST(FlapPlan, WhenAPathIsStruckAnotherHasLongBeenWellAndStaysSo) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const auto events = plan(seed);
    for (const auto& event : events) {
      bool refuge = false;
      for (unsigned path = 1; path <= kPaths; ++path)
        refuge |= well(events, path, event.at - kAnchorOverlap + milliseconds(1), event.ends());
      EXPECT_TRUE(refuge) << "seed " << seed << ", event on path " << event.path << " at "
                          << duration_text(event.at);
    }
  }
}

TEST(FlapPlan, APathHasOneEventAtATime) {
  const auto events = plan(1);
  for (std::size_t i = 0; i < events.size(); ++i)
    for (std::size_t k = i + 1; k < events.size(); ++k)
      if (events[i].path == events[k].path) {
        EXPECT_GE(events[k].at, events[i].ends());
      }
}

TEST(FlapPlan, EveryPathMeetsEveryKindOfEvent) {
  std::set<std::pair<unsigned, LinkEvent>> met;
  for (const auto& event : plan(1)) met.emplace(event.path, event.event);
  EXPECT_EQ(met.size(), kPaths * 4);
}

TEST(FlapPlan, HasAsManyEventsAsAskedForInTheOrderOfTheirTimes) {
  const auto events = plan(1, 20);
  EXPECT_EQ(events.size(), 20u);
  EXPECT_TRUE(std::ranges::is_sorted(events, {}, &PlannedEvent::at));
}

TEST(FlapPlan, IsTheSameInEveryRun) {
  const auto one = plan(7);
  const auto other = plan(7);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].at, other[i].at);
    EXPECT_EQ(one[i].event, other[i].event);
  }
}

}  // namespace
}  // namespace anabranch::lab
