// SPDX-License-Identifier: MIT
#include "paths/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::paths {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<Settings> load(const std::string& text) {
  return parse_settings(text, "p.toml");
}

/// What the reader says to a file that is wrong.
std::string complaint(const std::string& text) {
  const auto settings = load(text);
  if (settings) return "no complaint";
  EXPECT_EQ(settings.error().code, ExitCode::kBadInput);
  return settings.error().text();
}

TEST(PathsSettings, NothingNeedsToBeConfigured) {
  const auto settings = load("");
  ASSERT_TRUE(settings);
  EXPECT_THAT(settings->allow, IsEmpty());
  EXPECT_THAT(settings->deny, IsEmpty());
  EXPECT_EQ(settings->subflows, 8u);
  EXPECT_EQ(settings->announce, AnnounceMode::kServer);
  EXPECT_TRUE(settings->prefer_route);
  EXPECT_TRUE(settings->limit_with_bpf);
  EXPECT_EQ(settings->cgroup, "");
  EXPECT_EQ(settings->probe_interval, milliseconds(200));
  EXPECT_EQ(settings->probe_interval_limit, milliseconds(500));
  EXPECT_THAT(settings->rules, IsEmpty());
  EXPECT_FALSE(settings->metrics);
  EXPECT_EQ(default_settings().subflows, 8u);
}

TEST(PathsSettings, ValuesAreTaken) {
  const auto settings = load(R"(
[interfaces]
allow = ["eth*", "wlan0"]
deny = ["eth9"]
[subflows]
limit = 3
[announce]
when = "never"
[route]
prefer = false
[limits]
bpf = false
cgroup = "/system.slice"
[probe]
interval = "1s"
interval_limit = "5s"
[metrics]
listen = "9474"
)");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_THAT(settings->allow, ElementsAre("eth*", "wlan0"));
  EXPECT_THAT(settings->deny, ElementsAre("eth9"));
  EXPECT_EQ(settings->subflows, 3u);
  EXPECT_EQ(settings->announce, AnnounceMode::kNever);
  EXPECT_FALSE(settings->prefer_route);
  EXPECT_FALSE(settings->limit_with_bpf);
  EXPECT_EQ(settings->cgroup, "/system.slice");
  EXPECT_EQ(settings->probe_interval, seconds(1));
  EXPECT_EQ(settings->probe_interval_limit, seconds(5));
  EXPECT_EQ(settings->metrics->port, 9474);
}

TEST(PathsSettings, RulesKeepTheirOrder) {
  const auto settings = load(R"(
[[rule]]
name = "no backups abroad"
to = ["198.51.100.0/24", "2001:db8::1"]
ports = ["443", "8000-8999"]
uids = ["root", "1000"]
cgroups = ["/user.slice"]
interfaces = ["wwan*"]
deny = true

[[rule]]
name = "mobile"
interfaces = ["wwan0"]
backup = true
subflows = 1

[[rule]]
name = "rest"
backup = false
)");
  ASSERT_TRUE(settings) << settings.error().text();
  ASSERT_EQ(settings->rules.size(), 3u);
  const auto& first = settings->rules[0];
  EXPECT_EQ(first.match.destinations.at(1).text(), "2001:db8::1/128");
  EXPECT_EQ(first.match.ports.at(0).last, 443);
  EXPECT_EQ(first.match.ports.at(1).first, 8000);
  EXPECT_EQ(first.match.ports.at(1).last, 8999);
  EXPECT_THAT(first.match.uids, ElementsAre(0u, 1000u));
  EXPECT_TRUE(first.deny);
  EXPECT_EQ(first.backup, std::nullopt) << "what is measured decides";
  EXPECT_EQ(first.subflows, std::nullopt);
  EXPECT_EQ(settings->rules[1].backup, true);
  EXPECT_EQ(settings->rules[1].subflows, 1u);
  EXPECT_EQ(settings->rules[2].backup, false);
  const policy::Flow flow{.destination = IpAddress::parse("192.0.2.1").value(),
                          .interface = "wwan0"};
  EXPECT_EQ(policy::first_match(settings->rules, flow), &settings->rules[1]);
}

TEST(PathsSettings, AFileThatMayBeAbsentIsFoundOrNot) {
  const std::filesystem::path nowhere = "/nonexistent/paths.toml";
  EXPECT_EQ((SettingsFile{nowhere, false}).found(), "");
  EXPECT_TRUE((SettingsFile{nowhere, false}).load()) << "the defaults";
  EXPECT_EQ((SettingsFile{nowhere, true}).found(), nowhere);
  EXPECT_FALSE((SettingsFile{nowhere, true}).load());
}

TEST(PathsSettings, MistakesAreNamedWithTheirPlaceAndAHint) {
  const struct {
    const char* file;
    const char* place;
    const char* hint;
  } rows[] = {
      {"[interface]\n", "p.toml:1:", "did you mean 'interfaces'?"},
      {"[subflows]\nlimit = 9\n", "p.toml:2:9: 'limit' is out of range", "from 1 to 8"},
      {"[subflows]\nlimit = 0\n", "p.toml:2:9: 'limit' is out of range", "from 1 to 8"},
      {"[announce]\nwhen = \"client\"\n", "p.toml:2:8:", "one of \"server\""},
      {"[route]\nprefer = \"yes\"\n", "p.toml:2:10:", "without quotes"},
      {"[limits]\ncgroup = \"system.slice\"\n", "p.toml:2:10:", "\"/system.slice\""},
      {"[limits]\ncgroup = \"/a/../..\"\n", "p.toml:2:10:", "mount of cgroup2"},
      {"[probe]\ninterval = \"1ms\"\n", "p.toml:2:12:", "from 20 ms to 1 min"},
      {"[probe]\ninterval = \"2s\"\ninterval_limit = \"1s\"\n", "p.toml:3:18:", "at least"},
      {"[interfaces]\nallow = [\"\"]\n", "p.toml:2:9:", "wwan*"},
      {"[interfaces]\ndeny = [\"an-interface-name\"]\n", "p.toml:2:8:", "15 characters"},
      {"[[rule]]\ndeny = true\n", "p.toml:1:1: 'name' is missing", "rule1"},
      {"[[rule]]\nname = \"a\"\nto = [\"example.org\"]\n", "p.toml:3:6:", "198.51.100.0/24"},
      {"[[rule]]\nname = \"a\"\nto = [\"10.1.0.0/8\"]\n", "p.toml:3:6:", "10.0.0.0/8"},
      {"[[rule]]\nname = \"a\"\nports = [\"0\"]\n", "p.toml:3:9:", "8000-8999"},
      {"[[rule]]\nname = \"a\"\nports = [\"9-8\"]\n", "p.toml:3:9:", "8000-8999"},
      {"[[rule]]\nname = \"a\"\nports = [\"65536\"]\n", "p.toml:3:9:", "8000-8999"},
      {"[[rule]]\nname = \"a\"\nports = [\"80-\"]\n", "p.toml:3:9:", "8000-8999"},
      {"[[rule]]\nname = \"a\"\nuids = [\"no such user\"]\n", "p.toml:3:8:", "a number"},
      {"[[rule]]\nname = \"a\"\ncgroups = [\"x\"]\n", "p.toml:3:11:", "nginx.service"},
      {"[[rule]]\nname = \"a\"\nsubflows = 9\n", "p.toml:3:12:", "from 0 to 8"},
      {"[[rule]]\nname = \"a\"\ndeny = true\nbackup = true\n", "p.toml:4:10:", "no backups"},
      {"[[rule]]\nname = \"a\"\n[[rule]]\nname = \"a\"\n", "p.toml:4:8:", "of its own"},
      {"[[rule]]\nname = \"a\"\nport = [\"1\"]\n", "p.toml:3:1:", "did you mean 'ports'?"},
      {"[metrics]\nlisten = \"here\"\n", "p.toml:2:10:", "127.0.0.1:9473"},
  };
  for (const auto& row : rows) {
    const auto said = complaint(row.file);
    EXPECT_THAT(said, HasSubstr(row.place)) << row.file;
    EXPECT_THAT(said, HasSubstr(row.hint)) << row.file;
  }
}

TEST(PathsSettings, AllMistakesOfAFileAreToldAtOnce) {
  const auto said = complaint("[subflows]\nlimit = 99\n[route]\nprefer = 1\n");
  EXPECT_THAT(said, HasSubstr("p.toml:2:"));
  EXPECT_THAT(said, HasSubstr("p.toml:4:"));
}

TEST(PathsSettings, ALongerIntervalTakesItsLimitAlong) {
  EXPECT_EQ(load("[probe]\ninterval = \"2s\"\n")->probe_interval_limit, seconds(2));
}

TEST(PathsSettings, OnlyANamedFileHasToExist) {
  SettingsFile file;
  file.path = std::filesystem::path(testing::TempDir()) / "paths_settings_test_none.toml";
  EXPECT_TRUE(file.load());
  file.needed = true;
  const auto settings = file.load();
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, ExitCode::kBadInput);
}

}  // namespace
}  // namespace anabranch::paths
