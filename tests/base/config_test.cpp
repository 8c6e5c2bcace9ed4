// SPDX-License-Identifier: MIT
#include "base/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::config {
namespace {

using ::testing::HasSubstr;

TEST(Config, NamesThePlaceOfEveryMistakeAtOnce) {
  const auto document =
      Document::parse("[lan]\ninterface = 5\n[[uplink]]\nindex = 99\n", "g.toml").value();
  const Section root = document.root();
  root.require_section("lan").require_text("interface");
  for (const auto& uplink : root.sections("uplink")) uplink.require_number("index", 1, 64);
  const auto outcome = document.finish();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ExitCode::kBadInput);
  EXPECT_THAT(outcome.error().text(), HasSubstr("g.toml:2:13: 'interface' is not a text"));
  EXPECT_THAT(outcome.error().text(),
              HasSubstr("g.toml:4:9: 'index' is out of range\n  hint: from 1 to 64"));
}

TEST(Config, SuggestsTheNearestKey) {
  const auto document = Document::parse("[lan]\ninterfce = \"eth0\"\n", "g.toml").value();
  document.root().section("lan").text("interface");
  const auto outcome = document.finish();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().text(), HasSubstr("g.toml:2:1: unknown key 'interfce' in [lan]"));
  EXPECT_THAT(outcome.error().text(), HasSubstr("did you mean 'interface'?"));
}

TEST(Config, BrokenTomlNamesLineAndColumn) {
  const auto document = Document::parse("[lan\n", "g.toml");
  ASSERT_FALSE(document);
  EXPECT_THAT(document.error().text(), HasSubstr("g.toml:1:"));
}

TEST(Config, AbsentSectionGivesFallbacks) {
  const auto document = Document::parse("", "g.toml").value();
  EXPECT_TRUE(document.root().section("dhcp").flag("persist", true));
  EXPECT_EQ(document.root().section("dhcp").duration("lease", seconds(600)), seconds(600));
  EXPECT_TRUE(document.finish());
}

}  // namespace
}  // namespace anabranch::config
