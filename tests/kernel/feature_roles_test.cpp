// SPDX-License-Identifier: MIT
#include "kernel/feature_roles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A machine that has everything, but for `name`, which is `state`.
std::vector<Feature> machine(std::string_view name = {}, FeatureState state = FeatureState::kOk) {
  std::vector<Feature> out;
  for (const char* check : {"privileges",
                            "mptcp",
                            "mptcp_pm",
                            "mptcp_path_managers",
                            "mptcp_diag",
                            "mptcp_full_info",
                            "congestion_control",
                            "cubic",
                            "fast_open",
                            "ipv6",
                            "policy_routing",
                            "macvlan",
                            "packet_socket",
                            "nft_nat",
                            "nft_tproxy",
                            "conntrack",
                            "veth",
                            "bridge",
                            "user_namespaces",
                            "bpf",
                            "bpf_file_system",
                            "subflow_limits",
                            "nft",
                            "kea-dhcp4",
                            "nginx",
                            "curl",
                            "udhcpc"})
    out.push_back({check, check == name ? state : FeatureState::kOk, "what was found", "", ""});
  return out;
}

RoleVerdict verdict(std::string_view role, const std::vector<Feature>& features) {
  for (auto& candidate : judge_roles(features))
    if (candidate.role == role) return candidate;
  ADD_FAILURE() << "no verdict on " << role;
  return {};
}

TEST(RoleVerdicts, AMachineThatHasEverythingIsReadyForEveryRole) {
  const auto verdicts = judge_roles(machine());
  std::vector<std::string> roles;
  for (const auto& verdict : verdicts) {
    roles.push_back(verdict.role);
    EXPECT_EQ(verdict.readiness, Readiness::kReady) << verdict.role;
    EXPECT_TRUE(verdict.reasons.empty()) << verdict.role << ": " << verdict.reasons.front();
  }
  EXPECT_THAT(
      roles, ElementsAre("gateway", "host", "paths", "converter", "cpe", "balancer", "lab", "run"));
  EXPECT_TRUE(all_roles_possible(verdicts));
}

TEST(RoleVerdicts, WithoutMptcpGatewayAndBalancerAreLeft) {
  const auto features = machine("mptcp", FeatureState::kMissing);
  EXPECT_EQ(verdict("gateway", features).readiness, Readiness::kReady);
  EXPECT_THAT(verdict("balancer", features).reasons, ElementsAre(HasSubstr("checked by MPTCP")));
  for (const char* role : {"host", "paths", "converter", "cpe", "lab", "run"})
    EXPECT_EQ(verdict(role, features).readiness, Readiness::kImpossible) << role;
  EXPECT_FALSE(all_roles_possible(judge_roles(features)));
}

TEST(RoleVerdicts, RefusedIsAsBadAsMissingForWhatIsRequired) {
  const auto host = verdict("host", machine("policy_routing", FeatureState::kRefused));
  EXPECT_EQ(host.readiness, Readiness::kImpossible);
  EXPECT_THAT(host.reasons, ElementsAre("paths cannot be kept apart (policy_routing refused)"));
}

TEST(RoleVerdicts, ADegradedRequirementSaysWhatWasFound) {
  const auto host = verdict("host", machine("mptcp", FeatureState::kDegraded));
  EXPECT_EQ(host.readiness, Readiness::kDegraded);
  EXPECT_THAT(host.reasons, ElementsAre("mptcp is what was found"));
}

TEST(RoleVerdicts, WithoutMacvlanThereIsNoFurtherPath) {
  const auto host = verdict("host", machine("macvlan", FeatureState::kMissing));
  EXPECT_EQ(host.readiness, Readiness::kImpossible);
  EXPECT_THAT(host.reasons, ElementsAre(HasSubstr("no virtual interface")));
}

TEST(RoleVerdicts, WithoutTranslationTheGatewayStillForwards) {
  const auto gateway = verdict("gateway", machine("nft", FeatureState::kMissing));
  EXPECT_EQ(gateway.readiness, Readiness::kDegraded);
  EXPECT_THAT(gateway.reasons, ElementsAre(HasSubstr("nat = \"none\" (nft missing)")));
}

TEST(RoleVerdicts, OnlyTheDecisiveReasonsAreSaid) {
  auto features = machine("mptcp", FeatureState::kMissing);
  for (auto& feature : features)
    if (feature.name == "congestion_control") feature.state = FeatureState::kDegraded;
  EXPECT_THAT(verdict("run", features).reasons,
              ElementsAre("programs stay on plain TCP (mptcp missing)"));
}

TEST(RoleVerdicts, AnOrdinaryUserMayRunTheLabButNotAGateway) {
  const auto features = machine("privileges", FeatureState::kDegraded);
  EXPECT_EQ(verdict("lab", features).readiness, Readiness::kReady);
  EXPECT_THAT(verdict("gateway", features).reasons,
              ElementsAre("only as root (privileges degraded)"));
  EXPECT_TRUE(all_roles_possible(judge_roles(features)));
}

TEST(RoleVerdicts, WithoutUserNamespacesTheLabNeedsRoot) {
  const auto lab = verdict("lab", machine("user_namespaces", FeatureState::kRefused));
  EXPECT_EQ(lab.readiness, Readiness::kDegraded);
  EXPECT_THAT(lab.reasons, ElementsAre("only as root (user_namespaces refused)"));
}

TEST(RoleVerdicts, WithoutBpfThereIsNoBalancer) {
  const auto features = machine("bpf", FeatureState::kRefused);
  const auto balancer = verdict("balancer", features);
  EXPECT_EQ(balancer.readiness, Readiness::kImpossible);
  EXPECT_THAT(balancer.reasons,
              ElementsAre("its forwarding program cannot be loaded (bpf refused)"));
  EXPECT_FALSE(all_roles_possible(judge_roles(features)));
}

TEST(RoleVerdicts, AnOrdinaryUsersBalancerIsNoFailureOfTheMachine) {
  const auto features = machine("bpf", FeatureState::kDegraded);
  EXPECT_THAT(verdict("balancer", features).reasons, ElementsAre("bpf is what was found"));
  EXPECT_TRUE(all_roles_possible(judge_roles(features)));
}

TEST(RoleVerdicts, WithoutABpfFileSystemABalancerNeedsAnotherPlace) {
  const auto balancer = verdict("balancer", machine("bpf_file_system", FeatureState::kMissing));
  EXPECT_EQ(balancer.readiness, Readiness::kDegraded);
  EXPECT_THAT(balancer.reasons, ElementsAre(HasSubstr("'pins' (bpf_file_system missing)")));
}

TEST(RoleVerdicts, WithoutTproxyACpeTakesNothing) {
  const auto features = machine("nft_tproxy", FeatureState::kMissing);
  const auto cpe = verdict("cpe", features);
  EXPECT_EQ(cpe.readiness, Readiness::kDegraded);
  EXPECT_THAT(cpe.reasons, ElementsAre("hosts' connections cannot be taken (nft_tproxy missing)"));
}

TEST(RoleVerdicts, ACheckThatWasNotMadeCountsAsMissing) {
  EXPECT_EQ(verdict("run", {}).readiness, Readiness::kImpossible);
}

}  // namespace
}  // namespace anabranch::kernel
