// SPDX-License-Identifier: MIT
// How "never-worse" is planned and judged, without running it.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/never_worse_plan.hpp"

namespace anabranch::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::size_t pair_named(std::string_view name) {
  const auto pairs = path_pairs();
  return static_cast<std::size_t>(
      std::distance(pairs.begin(), std::ranges::find(pairs, name, &PathPair::name)));
}

/// Runs of Anabranch over known paths, download.
NeverWorseFigures figures_of(std::string_view pair, std::vector<NeverWorseRun> runs) {
  NeverWorseFigures out;
  out.runs[{Knowledge::kKnown, false, pair_named(pair), Manager::kAnabranch}] = std::move(runs);
  out.tcp_mbit[{false, pair_named(pair)}] = {47.5};
  return out;
}

const Expectation* expectation(const ScenarioResult& result, std::string_view part) {
  for (const auto& candidate : result.expectations)
    if (candidate.name.find(part) != std::string::npos) return &candidate;
  return nullptr;
}

TEST(NeverWorse, TheWorstRunOfTheWorstPairCounts) {
  auto figures = figures_of("C", {{.whole = 0.98, .start = 0.96}, {.whole = 0.96, .start = 0.97}});
  figures.runs[{Knowledge::kKnown, false, pair_named("E"), Manager::kAnabranch}] = {
      {.whole = 1.36, .start = 1.3, .share = 0.97}};
  ScenarioResult result;
  judge_never_worse(figures, true, result);
  const auto* whole = expectation(result, "known, download, whole time");
  ASSERT_NE(whole, nullptr);
  EXPECT_DOUBLE_EQ(whole->value, 0.96);
  EXPECT_EQ(whole->bound, ">= 0.97");
  EXPECT_FALSE(whole->ok);
  EXPECT_THAT(whole->name, HasSubstr("(pair C)"));
  const auto* start = expectation(result, "known, download, first 3 s");
  ASSERT_NE(start, nullptr);
  EXPECT_TRUE(start->ok);
}

TEST(NeverWorse, PeersAreMeasuredAndNotJudged) {
  NeverWorseFigures figures;
  figures.runs[{Knowledge::kKnown, true, pair_named("B"), Manager::kKernel}] = {{.whole = 0.4}};
  ScenarioResult result;
  judge_never_worse(figures, true, result);
  EXPECT_THAT(result.expectations, IsEmpty());
  ASSERT_EQ(result.tables.size(), 1u);
  EXPECT_THAT(result.tables[0].rows,
              ElementsAre(ElementsAre("known upload B", "", "0.40 0.40", "0.00", "0.00", "-")));
}

TEST(NeverWorse, OnlyASenderWithLimitsOnSubflowsIsHeldToTheHigherShare) {
  auto figures = figures_of("A", {{.whole = 1, .start = 1, .share = 0.91}});
  figures.runs[{Knowledge::kKnown, true, pair_named("A"), Manager::kAnabranch}] = {
      {.whole = 1, .start = 1, .share = 0.91}};
  ScenarioResult with;
  judge_never_worse(figures, true, with);
  EXPECT_TRUE(expectation(with, "pair A, download")->ok);
  EXPECT_FALSE(expectation(with, "pair A, upload")->ok);
  ScenarioResult without;
  judge_never_worse(figures, false, without);
  EXPECT_TRUE(expectation(without, "pair A, upload")->ok);
}

TEST(NeverWorse, SilenceIsHeldToTheSurvivorsRoundTrip) {
  // B's slow path has 150 ms one way: 2 x 300 + 200.
  EXPECT_EQ(path_pairs()[pair_named("B")].most_silence(), milliseconds(800));
  ScenarioResult result;
  judge_never_worse(
      figures_of("B", {{.whole = 1, .start = 1, .silence_ms = 400}, {.whole = 1, .start = 1}}),
      true, result);
  const auto* silence = expectation(result, "longest silence after the cut");
  ASSERT_NE(silence, nullptr);
  EXPECT_DOUBLE_EQ(silence->value, 0.5);
  EXPECT_TRUE(silence->ok);
}

TEST(NeverWorse, ATcpThatDoesNotFillItsLinkMakesTheRunVoid) {
  auto figures = figures_of("A", {{.whole = 1, .start = 1, .share = 1}});
  figures.tcp_mbit[{false, pair_named("A")}] = {47.5, 40};
  ScenarioResult result;
  judge_never_worse(figures, true, result);
  const auto* tcp = expectation(result, "emulated rate");
  ASSERT_NE(tcp, nullptr);
  EXPECT_DOUBLE_EQ(tcp->value, 0.8);
  EXPECT_FALSE(tcp->ok);
}

TEST(NeverWorse, SpreadOfNothingOneAndSeveral) {
  EXPECT_EQ(spread_of({}).median, 0);
  EXPECT_EQ(spread_of({3}).least, 3);
  EXPECT_EQ(spread_of({4, 1, 3, 2}).median, 2.5);
  EXPECT_EQ(spread_of({4, 1, 3, 2}).most, 4);
}

TEST(NeverWorsePlan, QuickIsThreePairsInBothDirectionsAtOnce) {
  const auto plan = never_worse_plan(Scale::kQuick, {});
  ASSERT_EQ(plan.batches.size(), 1u);
  EXPECT_EQ(plan.batches[0].size(), 6u);
  EXPECT_EQ(plan.rounds, 1u);
  EXPECT_FALSE(plan.takes(Manager::kKernel, Knowledge::kUnknown));
  // TCP, the peers over known paths, ours over known and unknown ones.
  EXPECT_EQ(plan.steps(), 5u);
}

TEST(NeverWorsePlan, LimitsAreInForceUnlessTheyAreChosenNotToBe) {
  EXPECT_EQ(never_worse_plan(Scale::kQuick, {}).limits, SubflowLimits::kOn);
  EXPECT_EQ(never_worse_plan(Scale::kQuick, {.only = {"no-limits"}}).limits, SubflowLimits::kOff);
}

TEST(NeverWorsePlan, EveryLaneIsInExactlyOneBatchOfAnEvenSize) {
  const auto plan = never_worse_plan(Scale::kFull, {});
  EXPECT_EQ(plan.rounds, 10u);
  std::vector<Lane> seen;
  for (const auto& batch : plan.batches) {
    EXPECT_EQ(batch.size(), 5u);
    seen.insert(seen.end(), batch.begin(), batch.end());
  }
  EXPECT_EQ(seen, all_lanes());
}

TEST(NeverWorsePlan, WhatIsChosenOfOneKindLeavesTheOthersWhole) {
  const auto plan =
      never_worse_plan(Scale::kNormal, {.only = {"A", "C", "upload", "anabranch"}, .runs = 1});
  EXPECT_THAT(plan.batches,
              ElementsAre(ElementsAre(Lane{pair_named("A"), true}, Lane{pair_named("C"), true})));
  EXPECT_THAT(plan.managers, ElementsAre(Manager::kAnabranch));
  EXPECT_THAT(plan.knowledge, ElementsAre(Knowledge::kUnknown, Knowledge::kKnown));
  EXPECT_EQ(plan.steps(), 3u);
}

TEST(Choice, AWordThatAScenarioDoesNotKnowIsRefusedWithThoseItKnows) {
  const auto scenario = find_scenario("never-worse");
  ASSERT_TRUE(scenario.has_value());
  EXPECT_TRUE(check_choice(**scenario, {.only = {"A", "mptcpd"}}).has_value());
  const auto refused = check_choice(**scenario, {.only = {"Q"}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().hint, HasSubstr("Z10"));
  const auto whole = find_scenario("single-homed");
  ASSERT_TRUE(whole.has_value());
  EXPECT_FALSE(check_choice(**whole, {.runs = 2}).has_value());
  EXPECT_TRUE(check_choice(**whole, {}).has_value());
}

}  // namespace
}  // namespace anabranch::lab
