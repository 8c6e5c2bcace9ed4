// SPDX-License-Identifier: MIT
// Which servers are drained outlives the process.
#include "balancer/drained.hpp"

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::balancer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BalancerDrained : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "drained.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::set<std::string> after_restart() const {
    Drained drained(file());
    drained.load();
    return drained.names();
  }
  std::filesystem::path file() const { return folder_ / "state" / "drained.json"; }

  std::filesystem::path folder_;
};

TEST_F(BalancerDrained, HoldsOverARestartUntilItIsUndone) {
  EXPECT_THAT(after_restart(), IsEmpty());
  Drained drained(file());
  ASSERT_TRUE(drained.set("a", true));
  ASSERT_TRUE(drained.set("b \"\xff", true));
  ASSERT_TRUE(drained.set("a", true));
  EXPECT_EQ(after_restart().size(), 2U);
  ASSERT_TRUE(drained.set("b \"\xff", false));
  EXPECT_THAT(after_restart(), ElementsAre("a"));
}

TEST_F(BalancerDrained, AFileThatIsNoneIsNoReasonToStop) {
  std::filesystem::create_directories(file().parent_path());
  for (const char* content :
       {"", "{\"drained\": [", "[]", "{\"drained\": 3}", "{\"drained\": [3]}"}) {
    std::ofstream(file(), std::ios::trunc) << content;
    EXPECT_THAT(after_restart(), IsEmpty()) << content;
  }
}

TEST_F(BalancerDrained, WhatCannotBeWrittenDoesNotHold) {
  std::ofstream(folder_ / "state") << "a file where the directory is to be";
  Drained drained(file());
  EXPECT_FALSE(drained.set("a", true));
  EXPECT_THAT(drained.names(), IsEmpty());
}

TEST_F(BalancerDrained, AServerThatIsGoneIsForgotten) {
  Drained drained(file());
  ASSERT_TRUE(drained.set("a", true));
  ASSERT_TRUE(drained.set("b", true));
  drained.keep_only({{.name = "b", .addresses = {}, .join_addresses = {}}});
  EXPECT_THAT(drained.names(), ElementsAre("b"));
}

}  // namespace
}  // namespace anabranch::balancer
