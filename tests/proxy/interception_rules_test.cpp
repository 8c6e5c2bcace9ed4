// SPDX-License-Identifier: MIT
#include "proxy/interception_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernel/nft.hpp"
#include "support/private_network.hpp"

namespace anabranch::proxy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CpeSettings settings(const std::string& rules = {}) {
  auto out = parse_cpe_settings(
      "[cpe]\nlan = [\"lan0\", \"lan1\"]\n"
      "[[converter]]\nname = \"a\"\naddress = \"198.18.0.9\"\n"
      "[[converter]]\nname = \"b\"\naddress = \"2001:db8::9\"\n" +
          rules,
      "t");
  EXPECT_TRUE(out) << out.error().text();
  return out.value_or(CpeSettings{});
}

/// The lines of chain "judge" in which `word` stands.
std::string lines(const std::string& rules, const std::string& word) {
  std::string out;
  std::size_t at = rules.find("chain judge");
  const auto end = rules.find("  }\n", at);
  while (at < end) {
    const auto stop = rules.find('\n', at);
    const auto line = rules.substr(at, stop - at);
    if (line.find(word) != line.npos) out += line.substr(line.find_first_not_of(' ')) + "\n";
    at = stop + 1;
  }
  return out;
}

TEST(InterceptionRules, LeaveAloneWhatSpeaksMptcpAndTheConverters) {
  const auto rules = interception_rules(settings(), 4000);
  EXPECT_EQ(lines(rules, "mptcp"), "tcp option mptcp exists counter name mptcp accept\n");
  EXPECT_THAT(rules, HasSubstr("ip daddr { 198.18.0.9/32 } accept\n"));
  EXPECT_THAT(rules, HasSubstr("ip6 daddr { 2001:db8::9/128 } accept\n"));
  EXPECT_THAT(rules, HasSubstr("iifname { \"lan0\", \"lan1\" } tcp flags"));
}

TEST(InterceptionRules, AHostThatHasMetALimitIsNotTaken) {
  const auto rules = interception_rules(settings(), 4000);
  EXPECT_THAT(rules, HasSubstr("  chain take {\n"
                               "    ip saddr @full4 counter name full accept\n"
                               "    ip6 saddr @full6 counter name full accept\n"
                               "    goto hand_over\n  }\n"));
  EXPECT_THAT(rules, HasSubstr("meta mark 1634599171 jump tell_full"));
  EXPECT_THAT(rules, HasSubstr("add @full4 { ip daddr timeout 10s }"));
}

TEST(InterceptionRules, ARuleCountsAndDecides) {
  const auto rules = interception_rules(
      settings("[[rule]]\nname = \"ssh\"\naction = \"direct\"\nports = [\"22\"]\n"), 4000);
  EXPECT_EQ(lines(rules, "rule_1"),
            "meta nfproto ipv4 tcp dport { 22-22 } counter name rule_1 accept\n"
            "meta nfproto ipv6 tcp dport { 22-22 } counter name rule_1 accept\n");
}

TEST(InterceptionRules, WithoutAConverterNothingIsTakenAndRulesStillReject) {
  auto none = settings(
      "[[rule]]\nname = \"a\"\naction = \"convert\"\nports = [\"443\"]\n"
      "[[rule]]\nname = \"b\"\naction = \"reject\"\nports = [\"25\"]\n");
  EXPECT_EQ(lines(interception_rules(none, 4000), "goto take"),
            "meta nfproto ipv4 tcp dport { 443-443 } counter name rule_1 goto take\n"
            "meta nfproto ipv6 tcp dport { 443-443 } counter name rule_1 goto take\n"
            "goto take\n");
  none.converters.clear();
  const auto rules = interception_rules(none, 4000);
  EXPECT_EQ(lines(rules, "goto take"), "");
  EXPECT_THAT(lines(rules, "rule_2"), HasSubstr("reject with tcp reset"));
}

TEST(InterceptionRules, ARuleOfOneFamilyIsOneLine) {
  const auto rules = interception_rules(
      settings("[[rule]]\nname = \"x\"\naction = \"reject\"\nto = [\"203.0.113.0/24\"]\n"
               "from = [\"10.0.0.0/8\", \"2001:db8::/32\"]\n"),
      4000);
  EXPECT_EQ(lines(rules, "rule_1"),
            "meta nfproto ipv4 ip saddr { 10.0.0.0/8 } ip daddr { 203.0.113.0/24 } counter name "
            "rule_1 reject with tcp reset\n");
}

// nft refuses intervals that overlap.
TEST(InterceptionRules, OverlapsAreTakenOut) {
  const auto rules =
      interception_rules(settings("[[rule]]\nname = \"x\"\naction = \"convert\"\n"
                                  "to = [\"10.1.0.0/16\", \"10.0.0.0/8\", \"10.0.0.0/8\"]\n"
                                  "ports = [\"80-90\", \"85-100\", \"101\", \"22\"]\n"),
                         4000);
  EXPECT_EQ(lines(rules, "rule_1"),
            "meta nfproto ipv4 ip daddr { 10.0.0.0/8 } tcp dport { 22-22, 80-101 } counter name "
            "rule_1 goto take\n");
}

TEST(InterceptionRules, PrivateDestinationsAreLeftAloneUnlessARuleNamesThem) {
  const auto rules = interception_rules(
      settings("[[rule]]\nname = \"x\"\naction = \"convert\"\nto = [\"10.0.0.0/8\"]\n"), 4000);
  const auto rule = rules.find("rule_1 goto take");
  const auto alone = rules.find("ip daddr { 0.0.0.0/8, 10.0.0.0/8");
  ASSERT_NE(rule, rules.npos);
  ASSERT_NE(alone, rules.npos);
  EXPECT_LT(rule, alone);
}

// What it sends itself, and what was taken before, is not judged.
TEST(InterceptionRules, SocketsOfThisMachineAreJudgedOnTheirWayOut) {
  const auto rules = interception_rules(settings("[single]\nuids = [\"7\", \"10-19\"]\n"), 4000);
  const auto marks = rules.find("meta mark 1634598912-1634664447 accept");
  const auto taken = rules.find("ct mark 1634599168 ct direction original meta mark set");
  const auto chosen = rules.find("jump choose_own");
  ASSERT_NE(marks, rules.npos) << rules;
  ASSERT_NE(taken, rules.npos) << rules;
  EXPECT_LT(marks, taken);
  EXPECT_LT(taken, chosen);
  EXPECT_THAT(rules, HasSubstr("    socket transparent 1 accept\n"
                               "    meta skuid 7 goto judge_own\n"
                               "    meta skuid 10-19 goto judge_own\n  }\n"));
  EXPECT_THAT(rules, HasSubstr("goto take_own\n  }\n"));
}

// What is led back to this machine can go nowhere else: whether it is taken is decided before.
TEST(InterceptionRules, SocketsOfThisMachineAreLeftAloneBeyondALimitAndWithoutAConverter) {
  auto device = settings("[single]\n");
  const auto rules = interception_rules(device, 4000);
  EXPECT_THAT(rules, HasSubstr("  chain take_own {\n"
                               "    ip saddr @full4 counter name full accept\n"));
  EXPECT_THAT(rules, HasSubstr("== syn goto hand_over\n"));
  device.converters.clear();
  EXPECT_THAT(interception_rules(device, 4000), Not(HasSubstr("goto take_own")));
}

TEST(InterceptionRules, OfADeviceKnowNoLan) {
  const auto device = parse_cpe_settings(
      "[cpe]\n[[converter]]\nname = \"a\"\naddress = \"198.18.0.9\"\n", "t", true);
  ASSERT_TRUE(device) << device.error().text();
  const auto rules = interception_rules(*device, 4000);
  EXPECT_THAT(rules, Not(HasSubstr("chain judge {")));
  EXPECT_THAT(rules, HasSubstr("    socket transparent 1 accept\n    goto judge_own\n"));
  EXPECT_THAT(interception_rules(settings(), 4000), Not(HasSubstr("ct mark")))
      << "who takes nothing of this machine has no use for conntrack";
}

TEST(InterceptionRules, ACgroupIsBelowTheMountAtItsDepth) {
  const auto rules = interception_rules(
      settings("[single]\ncgroups = [\"/user.slice/user-1000.slice\"]\n"), 4000, {}, "unified/");
  EXPECT_THAT(rules, HasSubstr("socket cgroupv2 level 2 \"unified/user.slice/user-1000.slice\" "
                               "goto judge_own\n"));
}

TEST(InterceptionRules, NftTakesThemAgainAndAgain) {
  if (!test::enter_private_network()) GTEST_SKIP() << "no network namespace";
  const auto every = settings(
      "[[rule]]\nname = \"a\"\naction = \"direct\"\nto = [\"10.0.0.0/8\", \"2001:db8::/32\"]\n"
      "ports = [\"1-65535\"]\nfrom = [\"192.168.0.0/16\", \"fd00::/8\"]\n"
      "[[rule]]\nname = \"b\"\naction = \"reject\"\nto = [\"0.0.0.0/0\"]\n"
      "[[rule]]\nname = \"c\"\naction = \"convert\"\n"
      "[single]\nuids = [\"0\", \"5-9\"]\n");
  for (int i = 0; i < 2; ++i) {
    const auto applied = kernel::apply_nft(interception_rules(every, 4000));
    ASSERT_TRUE(applied) << applied.error().text();
  }
  const auto removed = kernel::apply_nft(no_interception_rules());
  EXPECT_TRUE(removed) << removed.error().text();
}

}  // namespace
}  // namespace anabranch::proxy
