// SPDX-License-Identifier: MIT
// What subflows get of the limits is shown with kernel/subflow_limits.hpp.
#include "paths/limiter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/test_cgroup.hpp"

namespace anabranch::paths {
namespace {

using ::testing::StartsWith;

Settings settings_for(bool bpf, std::string cgroup) {
  auto out = default_settings();
  out.limit_with_bpf = bpf;
  out.cgroup = std::move(cgroup);
  return out;
}

TEST(Limiter, IsOffWhenTheSettingsSaySo) {
  Limiter limiter(settings_for(false, "/nowhere"));
  EXPECT_EQ(limiter.state(), "off");
  EXPECT_FALSE(limiter.active());
}

TEST(Limiter, TellsWhyThereAreNoLimitsAndThePathManagerGoesOn) {
  Limiter limiter(settings_for(true, "/there/is/no/such/cgroup"));
  EXPECT_THAT(limiter.state(), StartsWith("refused: "));
  EXPECT_FALSE(limiter.active());
  EXPECT_EQ(limiter.send_buffer(), 0u);
  EXPECT_TRUE(limiter.apply({*IpAddress::parse("10.1.0.2"), {*IpAddress::parse("10.2.0.2")}}));
}

TEST(Limiter, SetsChangesAndClearsLimits) {
  if (const auto loadable = kernel::SubflowLimits::loadable(); !loadable)
    GTEST_SKIP() << loadable.error().what;
  const auto cgroup = test::TestCgroup::enter();
  if (!cgroup) GTEST_SKIP() << "no cgroup of version 2 can be made";
  Limiter limiter(settings_for(true, cgroup->path().substr(cgroup->path().rfind('/'))));
  if (limiter.state().find("wmem_max") != std::string::npos) GTEST_SKIP() << limiter.state();
  ASSERT_EQ(limiter.state(), "active");
  EXPECT_GE(limiter.send_buffer(), 4U << 20);
  const auto one = *IpAddress::parse("10.1.0.2");
  const auto two = *IpAddress::parse("10.2.0.2");
  EXPECT_TRUE(limiter.apply({one, {two}}));
  EXPECT_TRUE(limiter.apply({one, {two}}));
  EXPECT_TRUE(limiter.apply({two, {one}}));
  EXPECT_TRUE(limiter.apply({two, {}}));
}

}  // namespace
}  // namespace anabranch::paths
