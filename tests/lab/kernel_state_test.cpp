// SPDX-License-Identifier: MIT
#include "lab/kernel_state.hpp"

#include <gtest/gtest.h>

namespace anabranch::lab {
namespace {

TEST(KernelState, TheDifferenceNamesWhatIsGoneAndWhatIsNew) {
  EXPECT_EQ(difference_text({"rule 1", "rule 2"}, {"rule 1", "rule 3"}), "- rule 2, + rule 3");
}

TEST(KernelState, EqualStatesDifferInNothing) {
  EXPECT_EQ(difference_text({"rule 1"}, {"rule 1"}), "");
}

}  // namespace
}  // namespace anabranch::lab
