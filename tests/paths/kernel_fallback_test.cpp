// SPDX-License-Identifier: MIT
#include "paths/kernel_fallback.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "paths/hand_over.hpp"
#include "support/two_hosts.hpp"

namespace anabranch::paths {
namespace {

using kernel::MptcpEndpoint;
using kernel::MptcpLimits;
using test::must;

Path path(const char* address, unsigned ifindex = 2, bool usable = true) {
  Path out;
  out.address = must(IpAddress::parse(address));
  out.ifindex = ifindex;
  out.usable = usable;
  return out;
}

TEST(KernelFallback, EachUsablePathGetsAnEndpointThatNobodyElseMade) {
  MptcpEndpoint theirs;
  theirs.id = 1;
  theirs.address = path("10.1.0.2").address;
  const auto changes = compare_fallback(
      {path("10.1.0.2"), path("10.2.0.2"), path("10.3.0.2", 2, false), path("10.4.0.2")}, {theirs},
      {}, {path("10.4.0.2").address});
  ASSERT_EQ(changes.add.size(), 1u);
  EXPECT_EQ(changes.add[0].address, path("10.2.0.2").address);
  EXPECT_EQ(changes.add[0].flags, MptcpEndpoint::kSubflow);
  EXPECT_TRUE(changes.remove.empty());
}

TEST(KernelFallback, OursGoWithTheirPathAndOthersStay) {
  FallbackState state;
  state.endpoints = {path("10.1.0.2").address, path("10.2.0.2").address};
  std::vector<MptcpEndpoint> actual(3);
  actual[0].address = path("10.1.0.2").address;
  actual[1].address = path("10.2.0.2").address;
  actual[2].address = path("10.9.0.2").address;
  const auto changes =
      compare_fallback({path("10.1.0.2"), path("10.2.0.2", 2, false)}, actual, state, {});
  EXPECT_TRUE(changes.add.empty());
  ASSERT_EQ(changes.remove.size(), 1u);
  EXPECT_EQ(changes.remove[0].address, path("10.2.0.2").address);
}

TEST(KernelFallback, ItsStateIsReadAgainAndForeignTextIsNot) {
  FallbackState state;
  state.endpoints = {path("10.1.0.2").address, path("2001:db8::2").address};
  state.limits_before = MptcpLimits{0, 2};
  state.limits_set = MptcpLimits{8, 8};
  EXPECT_EQ(parse_fallback(format_fallback(state)).value(), state);
  for (const char* text : {"", "\x01\x02", "{}", "anabranch-paths-fallback 1\nendpoint x\n",
                           "anabranch-paths-fallback 1\nlimits-set 8\n"})
    EXPECT_FALSE(parse_fallback(text)) << text;
}

/// In a namespace, with a runtime directory of its own.
class InNamespace : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespace of our own";
    std::string name = "/tmp/anabranch-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    ::setenv("RUNTIME_DIRECTORY", name.c_str(), 1);
    manager_ = must(kernel::MptcpPathManager::open());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_;
  std::optional<kernel::MptcpPathManager> manager_;
};
using KernelFallbackInKernel = InNamespace;
using HandOver = InNamespace;

TEST_F(KernelFallbackInKernel, CleanUpTakesAwayWhatWeMadeAndNothingElse) {
  const auto limits = must(manager_->limits());
  MptcpEndpoint theirs;
  theirs.address = path("10.9.0.2").address;
  theirs.flags = MptcpEndpoint::kSubflow;
  must(manager_->add(theirs));
  {
    auto fallback = must(KernelFallback::open(8));
    must(fallback.keep({path("10.1.0.2", 1), path("10.2.0.2", 1)}));
    must(fallback.keep({path("10.1.0.2", 1), path("10.2.0.2", 1)}));
    EXPECT_EQ(must(manager_->endpoints()).size(), 3u);
    EXPECT_EQ(must(manager_->limits()), (MptcpLimits{8, 8}));
  }
  {
    auto next = must(KernelFallback::open(8));
    must(next.keep({path("10.2.0.2", 1)}));
    EXPECT_EQ(must(manager_->endpoints()).size(), 2u) << "the next run knows what is ours";
  }
  must(clean_up());
  const auto left = must(manager_->endpoints());
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].address, theirs.address);
  EXPECT_EQ(must(manager_->limits()), limits);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(KernelFallbackInKernel, NinePathsAreNoError) {
  auto fallback = must(KernelFallback::open(8));
  std::vector<Path> paths;
  for (int i = 1; i <= 9; ++i)
    paths.push_back(path(("10." + std::to_string(i) + ".0.2").c_str(), 1));
  must(fallback.keep(paths));
  EXPECT_EQ(must(manager_->endpoints()).size(), 8u);
}

TEST_F(KernelFallbackInKernel, HigherLimitsOfSomebodyElseStay) {
  must(manager_->set_limits({3, 5}));
  must(must(KernelFallback::open(2)).keep({}));
  EXPECT_EQ(must(manager_->limits()), (MptcpLimits{3, 5}));
}

TEST_F(HandOver, NewConnectionsComeAndGoAsTheyWere) {
  using enum kernel::PathManagerType;
  ASSERT_EQ(must(kernel::path_manager_type()), kKernel);
  must(take_over());
  EXPECT_EQ(must(kernel::path_manager_type()), kUserspace);
  must(take_over());  // after a crash of everything
  must(hand_back());
  EXPECT_EQ(must(kernel::path_manager_type()), kKernel);
  must(hand_back());
  must(kernel::set_path_manager_type(kUserspace));
  must(hand_back());
  EXPECT_EQ(must(kernel::path_manager_type()), kUserspace) << "somebody else's will now";
}

}  // namespace
}  // namespace anabranch::paths
