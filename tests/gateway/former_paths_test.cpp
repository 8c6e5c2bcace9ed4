// SPDX-License-Identifier: MIT
#include "gateway/former_paths.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const MonotonicTime kNow(1h);

TEST(FormerPaths, PathThatHostsHadIsRememberedAsLongAsTheyMayPreferIt) {
  FormerPaths paths;
  paths.follow(1, 900s, kNow);
  EXPECT_THAT(paths.indices(), IsEmpty());
  EXPECT_EQ(paths.next(), MonotonicTime::max());
  paths.follow(2, 900s, kNow + 10s);
  EXPECT_THAT(paths.indices(), ElementsAre(1));
  EXPECT_EQ(paths.next(), kNow + 910s);
  paths.follow(2, 900s, kNow + 909s);
  EXPECT_THAT(paths.indices(), ElementsAre(1));
  paths.follow(2, 900s, kNow + 910s);
  EXPECT_THAT(paths.indices(), IsEmpty());
}

TEST(FormerPaths, PathTheyHaveAgainIsNoFormerOne) {
  FormerPaths paths;
  paths.follow(1, 900s, kNow);
  paths.follow(2, 900s, kNow + 1s);
  paths.follow(1, 900s, kNow + 2s);
  EXPECT_THAT(paths.indices(), ElementsAre(2));
}

TEST(FormerPaths, WithoutAnyPathTheLastOneIsFormer) {
  FormerPaths paths;
  paths.follow(1, 900s, kNow);
  paths.follow(std::nullopt, 900s, kNow + 1s);
  EXPECT_THAT(paths.indices(), ElementsAre(1));
}

}  // namespace
}  // namespace anabranch::gateway
