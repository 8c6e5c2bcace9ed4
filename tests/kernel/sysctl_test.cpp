// SPDX-License-Identifier: MIT
#include "kernel/sysctl.hpp"

#include <filesystem>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "support/private_network.hpp"

namespace anabranch::kernel {
namespace {

const std::string kFilter = "net/ipv4/conf/lo/rp_filter";
const std::string kForwarding = "net/ipv4/conf/lo/forwarding";

class SavedSysctlsInKernel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
    char name[] = "/tmp/anabranch-sysctl.XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    ASSERT_TRUE(write_sysctl(kFilter, "1"));
    ASSERT_TRUE(write_sysctl(kForwarding, "0"));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path file() const { return folder_ / "saved"; }
  std::filesystem::path folder_;
};

TEST_F(SavedSysctlsInKernel, ALaterProcessPutsBackWhatAnEarlierOneFound) {
  ASSERT_TRUE(SavedSysctls(file()).set(kFilter, "2"));
  SavedSysctls second(file());
  ASSERT_TRUE(second.set(kFilter, "0"));
  ASSERT_TRUE(second.restore());
  EXPECT_EQ(read_sysctl(kFilter), "1");
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(SavedSysctlsInKernel, OnlyTheUnwantedOnesArePutBack) {
  SavedSysctls saved(file());
  ASSERT_TRUE(saved.set(kFilter, "2"));
  ASSERT_TRUE(saved.set(kForwarding, "1"));
  ASSERT_TRUE(saved.restore_others({kForwarding}));
  EXPECT_EQ(read_sysctl(kFilter), "1");
  EXPECT_EQ(read_sysctl(kForwarding), "1");
  ASSERT_TRUE(SavedSysctls(file()).restore());
  EXPECT_EQ(read_sysctl(kForwarding), "0");
}

}  // namespace
}  // namespace anabranch::kernel
