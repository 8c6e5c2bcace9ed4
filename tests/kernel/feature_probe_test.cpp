// SPDX-License-Identifier: MIT
#include "kernel/feature_probe.hpp"

#include <cerrno>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

namespace anabranch::kernel {
namespace {

using ::testing::HasSubstr;

std::string network_namespace() {
  char target[64] = {};
  return ::readlink("/proc/self/ns/net", target, sizeof target - 1) > 0 ? target : "";
}

TEST(RunProbe, BringsTheFindingBackFromTheChild) {
  const auto finding = run_probe(ProbeGround::kHere, [] {
    return Finding{FeatureState::kDegraded, "slow, but there", "buy another"};
  });
  EXPECT_EQ(finding.state, FeatureState::kDegraded);
  EXPECT_EQ(finding.detail, "slow, but there");
  EXPECT_EQ(finding.hint, "buy another");
}

TEST(RunProbe, AProbeThatHangsIsEndedAndReported) {
  const auto finding = run_probe(
      ProbeGround::kHere,
      [] {
        for (;;) ::pause();
        return Finding{};
      },
      milliseconds(50));
  EXPECT_EQ(finding.state, FeatureState::kRefused);
  EXPECT_EQ(finding.detail, "no answer within 50 ms");
}

TEST(RunProbe, AProbeThatStartedAHangingProgramDoesNotHoldUsUp) {
  const auto sleep = find_program("sleep");
  ASSERT_TRUE(sleep);
  const auto begin = MonotonicClock::now();
  const auto finding = run_probe(
      ProbeGround::kHere,
      [&] {
        run_program({*sleep, "30"});
        return Finding{};
      },
      milliseconds(50));
  EXPECT_EQ(finding.state, FeatureState::kRefused);
  EXPECT_LT(MonotonicClock::now() - begin, seconds(15));
}

TEST(RunProbe, AProbeThatDiesIsReported) {
  const auto finding = run_probe(ProbeGround::kHere, []() -> Finding { ::_exit(1); });
  EXPECT_EQ(finding.state, FeatureState::kRefused);
  EXPECT_THAT(finding.detail, HasSubstr("without an answer"));
}

TEST(RunProbe, ANamespaceProbeRunsElsewhereAndLeavesUsWhereWeAre) {
  const auto before = network_namespace();
  const auto finding = run_probe(ProbeGround::kNamespace, [] {
    return Finding{FeatureState::kOk, network_namespace()};
  });
  if (finding.state != FeatureState::kOk) GTEST_SKIP() << finding.detail;
  EXPECT_NE(finding.detail, before);
  EXPECT_EQ(network_namespace(), before);
}

TEST(FindingFromErrno, TellsMissingFromRefused) {
  EXPECT_EQ(finding_from_errno(EPROTONOSUPPORT, "x").state, FeatureState::kMissing);
  EXPECT_EQ(finding_from_errno(ENOSYS, "x").state, FeatureState::kMissing);
  EXPECT_EQ(finding_from_errno(EPERM, "x").state, FeatureState::kRefused);
}

TEST(RunProgram, GivesStatusAndText) {
  const auto shell = find_program("sh");
  ASSERT_TRUE(shell);
  const auto output = run_program({*shell, "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(output.status, 3);
  EXPECT_EQ(output.text, "out\nerr\n");
  EXPECT_LE(run_program({*shell, "-c", "head -c 100000 /dev/zero"}).text.size(), 4096u);
  EXPECT_NE(run_program({"/no/such/program"}).status, 0);
}

TEST(ProbeFeatures, EveryCheckHasANameOfItsOwnADetailAndAMeaning) {
  std::set<std::string> names;
  for (const auto& feature : probe_features()) {
    EXPECT_TRUE(names.insert(feature.name).second) << feature.name;
    EXPECT_FALSE(feature.detail.empty()) << feature.name;
    EXPECT_FALSE(feature.meaning.empty()) << feature.name;
  }
  EXPECT_GE(names.size(), 20u);
}

TEST(ProbeFeatures, LeavesNoInterfaceBehind) {
  probe_features();
  for (const char* name : {"one", "two", "virtual", "switch"})
    EXPECT_EQ(::if_nametoindex(name), 0u) << name;
}

}  // namespace
}  // namespace anabranch::kernel
