// SPDX-License-Identifier: MIT
#include "proxy/checkup.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/rules_in_the_way.hpp"

namespace anabranch::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

MachineFacts healthy() {
  MachineFacts out;
  out.mptcp = true;
  out.fast_open = 3;
  out.blackhole_timeout = "3600";
  out.descriptors = 1'000'000;
  out.reverse_path_filter = {{"all", 0}, {"lan0", 0}};
  out.source_mark_in_check = {{"all", 0}, {"lan0", 0}};
  out.lan = {IpPrefix::parse("10.1.0.0/16").value()};
  return out;
}

CpeSettings cpe(const std::string& more = {}) {
  auto out = parse_cpe_settings("[cpe]\nlan = [\"lan0\"]\n" + more +
                                    "[[converter]]\nname = \"one\"\naddress = \"198.18.0.9\"\n",
                                "t");
  EXPECT_TRUE(out) << out.error().text();
  return out.value_or(CpeSettings{});
}

Reach reach() {
  return {.converter = "one",
          .endpoint = Endpoint::parse("198.18.0.9:5124").value(),
          .from = IpAddress::parse("172.16.2.1").value(),
          .interface = "up2",
          .leaves_by = "up2",
          .answer = "answers by MPTCP",
          .answers = true,
          .mptcp = true};
}

kernel::Rule rule(std::uint32_t priority, const char* from = nullptr) {
  kernel::Rule out;
  out.priority = priority;
  out.table = 100;
  if (from != nullptr) out.from = IpPrefix::parse(from).value();
  return out;
}

/// Names of what is not well, with the first letter of how bad: "d" or "s".
std::vector<std::string> complaints(const std::vector<Check>& checks) {
  std::vector<std::string> out;
  for (const auto& check : checks) {
    if (check.health == Health::kOk) continue;
    EXPECT_FALSE(check.why.empty() || check.cure.empty()) << check.name;
    out.push_back((check.health == Health::kSick ? "s " : "d ") + check.name);
  }
  return out;
}

TEST(Checkup, AHealthyCpeHasNoComplaint) {
  EXPECT_THAT(complaints(judge_cpe(cpe(), healthy(), {reach()})), ElementsAre());
}

TEST(Checkup, TellsEachThingThatIsWrongWithTheMachine) {
  auto facts = healthy();
  facts.mptcp = false;
  facts.fast_open = 2;
  facts.blackholes = 1;
  facts.congestion_refused = "congestion control 'x' refused";
  facts.descriptors = 1024;
  facts.reverse_path_filter["all"] = 1;
  facts.source_mark_in_check["lan0"] = 1;
  facts.rules = {rule(50)};
  EXPECT_THAT(complaints(judge_cpe(cpe(), facts, {})),
              ElementsAre("s mptcp", "d fast_open", "d mptcp_blackhole", "s congestion",
                          "d descriptors", "d rp_filter", "s src_valid_mark", "d rules"));
}

TEST(Checkup, BbrIsDoubtful) {
  EXPECT_THAT(complaints(judge_cpe(cpe("congestion = \"bbr\"\n"), healthy(), {})),
              ElementsAre("d congestion"));
}

TEST(Checkup, BlackholesDoNotCountWhereTheyAreNotHeeded) {
  auto facts = healthy();
  facts.blackholes = 3;
  facts.blackhole_timeout = "0";
  EXPECT_THAT(complaints(judge_cpe(cpe(), facts, {})), ElementsAre());
}

TEST(Checkup, TellsWhichUplinkDoesNotReachTheConverterAndWhy) {
  const std::string name = "converter one from 172.16.2.1";
  auto one = reach();
  one.leaves_by = "";
  EXPECT_THAT(complaints(judge_cpe(cpe(), healthy(), {one})), ElementsAre("s " + name));
  one.leaves_by = "up1";
  auto checks = judge_cpe(cpe(), healthy(), {one});
  EXPECT_EQ(checks.back().found, "its packets leave by up1, and not by up2");
  EXPECT_THAT(checks.back().cure, HasSubstr("ip rule add from 172.16.2.1 lookup"));
  one = reach();
  one.mptcp = false;
  EXPECT_THAT(complaints(judge_cpe(cpe(), healthy(), {one})), ElementsAre("d " + name));
  one.answers = false;
  one.answer = "Connection refused";
  checks = judge_cpe(cpe(), healthy(), {one});
  EXPECT_EQ(checks.back().health, Health::kSick);
  EXPECT_EQ(checks.back().found, "Connection refused");
  one.cookie_refused = true;
  checks = judge_cpe(cpe(), healthy(), {one});
  EXPECT_THAT(checks.back().cure, HasSubstr("cookie_secret_file"));
}

TEST(Checkup, FiltersMatterToAConverterThatHasOthersAddresses) {
  auto facts = healthy();
  facts.reverse_path_filter["eth0"] = 1;
  facts.rules = {rule(50)};
  const auto judged = [&](const std::string& more) {
    const auto settings =
        parse_converter_settings("[clients]\nallow = [\"192.0.2.0/24\"]\n" + more, "t");
    EXPECT_TRUE(settings) << settings.error().text();
    return complaints(judge_converter(*settings, facts));
  };
  EXPECT_THAT(judged(""), ElementsAre());
  EXPECT_THAT(judged("[source]\nmode = \"preservation\"\n"), ElementsAre("d rp_filter", "d rules"));
  EXPECT_THAT(judged("[[incoming]]\nname = \"a\"\nlisten = \"198.18.0.10\"\nclient = "
                     "\"192.0.2.7\"\n"),
              ElementsAre("d rp_filter", "d rules"));
}

TEST(RulesInTheWay, AreThoseBeforeOursThatMayHold) {
  const MarkedPackets packets{
      .mark = 7, .rule = 790, .interfaces = {"lan0"}, .sources = healthy().lan};
  auto local = rule(0);
  local.table = 255;
  auto other_mark = rule(10);
  other_mark.mark = 8;
  auto same_mark = rule(20);
  same_mark.mark = 7;
  auto udp = rule(30);
  udp.ip_protocol = 17;
  auto other_interface = rule(40);
  other_interface.input_interface = "up1";
  auto ours = rule(50);
  ours.protocol = 173;
  const std::vector<kernel::Rule> rules{local,
                                        other_mark,
                                        same_mark,
                                        udp,
                                        other_interface,
                                        ours,
                                        rule(60, "172.16.1.0/24"),
                                        rule(70, "10.0.0.0/8"),
                                        rule(790),
                                        rule(791)};
  std::vector<std::uint32_t> found;
  for (const auto& one : rules_in_the_way(rules, packets)) found.push_back(one.priority);
  EXPECT_THAT(found, ElementsAre(20u, 70u, 790u));
  EXPECT_EQ(rule_text(rule(70, "10.0.0.0/8")), "70: from 10.0.0.0/8 lookup 100");
}

}  // namespace
}  // namespace anabranch::proxy
