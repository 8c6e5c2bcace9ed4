// SPDX-License-Identifier: MIT
// Which slow paths are good company. The pairs are those whose goodput with and without limits was
// measured: a fast path with 50 Mbit/s, 20 ms there and back, and 70 ms when its queue is full.
#include "paths/admission.hpp"

#include <gtest/gtest.h>

namespace anabranch::paths {
namespace {

constexpr Quality kFast{BitRate::mbit(48), milliseconds(20), milliseconds(70)};
constexpr Quality kA{BitRate::mbit(4.8), milliseconds(20), milliseconds(70)};
constexpr Quality kB{BitRate::mbit(4.8), milliseconds(300), milliseconds(350)};
constexpr Quality kC{BitRate::mbit(0.48), milliseconds(100), milliseconds(200)};
constexpr Quality kE{BitRate::mbit(19), milliseconds(20), milliseconds(70)};
/// 4 MB, as the kernel doubles them.
constexpr std::uint64_t kBuffer = 8 << 20;

TEST(Admission, WithoutLimitsALongSlowPathHoldsTheFastOneUp) {
  EXPECT_TRUE(admit(kFast, kA).admitted);
  EXPECT_TRUE(admit(kFast, kE).admitted);
  EXPECT_STREQ(admit(kFast, kB).code, "slow-company");
}

TEST(Admission, WithLimitsThereIsRoomForALongSlowPath) {
  const auto verdict = admit(kFast, kB, kBuffer);
  EXPECT_TRUE(verdict.admitted) << verdict.need << " of " << verdict.room;
  EXPECT_LT(verdict.need, admit(kFast, kB).need) << "its bursts are smaller";
  EXPECT_EQ(verdict.room, kBuffer / 3 * 2) << "the kernel's accounting takes a third";
  EXPECT_TRUE(admit(kFast, kA, kBuffer).admitted);
  EXPECT_TRUE(admit(kFast, kE, kBuffer).admitted);
}

TEST(Admission, ASmallBufferIsNoRoom) {
  EXPECT_STREQ(admit(kFast, kB, 2 << 20).code, "slow-company");
}

TEST(Admission, AVerySlowPathStaysABackupWhateverTheLimits) {
  EXPECT_STREQ(admit(kFast, kC, kBuffer).code, "little-gain");
}

}  // namespace
}  // namespace anabranch::paths
