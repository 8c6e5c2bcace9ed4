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
  const auto take = rules.substr(rules.find("chain take"));
  EXPECT_LT(take.find("ip saddr @full4 counter name full accept"), take.find("tproxy"));
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

TEST(InterceptionRules, NftTakesThemAgainAndAgain) {
  if (!test::enter_private_network()) GTEST_SKIP() << "no network namespace";
  const auto every = settings(
      "[[rule]]\nname = \"a\"\naction = \"direct\"\nto = [\"10.0.0.0/8\", \"2001:db8::/32\"]\n"
      "ports = [\"1-65535\"]\nfrom = [\"192.168.0.0/16\", \"fd00::/8\"]\n"
      "[[rule]]\nname = \"b\"\naction = \"reject\"\nto = [\"0.0.0.0/0\"]\n"
      "[[rule]]\nname = \"c\"\naction = \"convert\"\n");
  for (int i = 0; i < 2; ++i) {
    const auto applied = kernel::apply_nft(interception_rules(every, 4000));
    ASSERT_TRUE(applied) << applied.error().text();
  }
  const auto removed = kernel::apply_nft(no_interception_rules());
  EXPECT_TRUE(removed) << removed.error().text();
}

}  // namespace
}  // namespace anabranch::proxy
