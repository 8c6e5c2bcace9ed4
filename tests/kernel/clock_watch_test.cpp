// SPDX-License-Identifier: MIT
#include "kernel/clock_watch.hpp"

#include <gtest/gtest.h>
#include <poll.h>

namespace anabranch::kernel {
namespace {

TEST(ClockWatch, AMachineThatIsAwakeHasNotSlept) {
  auto watch = ClockWatch::open();
  ASSERT_TRUE(watch) << watch.error().text();
  pollfd entry{watch->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 10), 0) << "nothing has happened to the clocks";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(watch->take(), nanoseconds{0});
}

}  // namespace
}  // namespace anabranch::kernel
