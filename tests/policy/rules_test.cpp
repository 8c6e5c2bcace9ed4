// SPDX-License-Identifier: MIT
#include "policy/rules.hpp"

#include <gtest/gtest.h>

namespace anabranch::policy {
namespace {

IpPrefix prefix(std::string_view text) {
  return IpPrefix::parse(text).value();
}

Flow web() {
  return {.destination = IpAddress::parse("198.51.100.7").value(),
          .port = 443,
          .uid = 1000,
          .cgroup = "/system.slice/nginx.service",
          .interface = "wwan0"};
}

struct Row {
  const char* what;
  Match match;
  bool matches;
};

TEST(Rules, EachConditionAsksForItsOwn) {
  const Row rows[] = {
      {"no condition", {}, true},
      {"its prefix", {.destinations = {prefix("198.51.100.0/24")}}, true},
      {"another prefix", {.destinations = {prefix("198.51.101.0/24")}}, false},
      {"one of two prefixes",
       {.destinations = {prefix("2001:db8::/32"), prefix("198.51.100.7")}},
       true},
      {"every IPv6 address", {.destinations = {prefix("::/0")}}, false},
      {"its port", {.ports = {{443, 443}}}, true},
      {"a range's last port", {.ports = {{80, 80}, {400, 443}}}, true},
      {"a range's first port", {.ports = {{443, 500}}}, true},
      {"a port beside it", {.ports = {{444, 500}}}, false},
      {"its user", {.uids = {0, 1000}}, true},
      {"another user", {.uids = {1001}}, false},
      {"its cgroup", {.cgroups = {"/system.slice/nginx.service"}}, true},
      {"a cgroup above it", {.cgroups = {"/system.slice"}}, true},
      {"a cgroup above it, with a slash", {.cgroups = {"/system.slice/"}}, true},
      {"the root cgroup", {.cgroups = {"/"}}, true},
      {"a cgroup whose name only begins alike", {.cgroups = {"/system.sli"}}, false},
      {"a cgroup below it", {.cgroups = {"/system.slice/nginx.service/worker"}}, false},
      {"its interface", {.interfaces = {"eth0", "wwan*"}}, true},
      {"another interface", {.interfaces = {"eth*"}}, false},
      {"all at once",
       {.destinations = {prefix("0.0.0.0/0")},
        .ports = {{1, 1023}},
        .uids = {1000},
        .cgroups = {"/"},
        .interfaces = {"*"}},
       true},
      {"all but one", {.ports = {{443, 443}}, .uids = {7}}, false},
  };
  for (const auto& row : rows) EXPECT_EQ(row.match.matches(web()), row.matches) << row.what;
}

TEST(Rules, WhatIsNotKnownOfAFlowMatchesOnlyRulesThatDoNotAsk) {
  const Flow unknown{.destination = web().destination, .port = 443};
  EXPECT_TRUE((Match{.ports = {{443, 443}}}.matches(unknown)));
  EXPECT_FALSE((Match{.uids = {0}}.matches(unknown)));
  EXPECT_FALSE((Match{.cgroups = {"/"}}.matches(unknown)));
  EXPECT_FALSE((Match{.interfaces = {"*"}}.matches(unknown)));
}

TEST(Rules, NamesMatchAsInTheShell) {
  EXPECT_TRUE(name_matches("wwan*", "wwan0"));
  EXPECT_TRUE(name_matches("wwan*", "wwan"));
  EXPECT_TRUE(name_matches("eth?", "eth1"));
  EXPECT_TRUE(name_matches("*p2", "anab2p2"));
  EXPECT_TRUE(name_matches("e*h*0", "enxhh10"));
  EXPECT_TRUE(name_matches("*", "lo"));
  EXPECT_TRUE(name_matches("**", ""));
  EXPECT_FALSE(name_matches("eth?", "eth10"));
  EXPECT_FALSE(name_matches("eth?", "eth"));
  EXPECT_FALSE(name_matches("eth", "eth0"));
  EXPECT_FALSE(name_matches("eth0", "eth"));
  EXPECT_FALSE(name_matches("", "eth0"));
  EXPECT_FALSE(name_matches("a*b", "abc"));
}

TEST(Rules, TheFirstThatMatchesWins) {
  struct Rule {
    Match match;
  };
  std::vector<Rule> rules{{{.ports = {{22, 22}}}}, {{.ports = {{443, 443}}}}, {}};
  EXPECT_EQ(first_match(rules, web()), &rules[1]);
  Flow mail = web();
  mail.port = 25;
  EXPECT_EQ(first_match(rules, mail), &rules[2]);
  rules.pop_back();
  EXPECT_EQ(first_match(rules, mail), nullptr);
  EXPECT_EQ(first_match(std::vector<Rule>(), mail), nullptr);
}

}  // namespace
}  // namespace anabranch::policy
