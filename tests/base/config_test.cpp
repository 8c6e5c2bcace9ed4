// SPDX-License-Identifier: MIT
#include "base/config.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::config {
namespace {

using ::testing::HasSubstr;

constexpr Setting kInterface{
    .key = "interface", .help = "", .required = true, .example = "\"eth%\""};
constexpr Setting kIndex{
    .key = "index", .kind = Kind::kNumber, .help = "", .required = true, .low = 1, .high = 64};
constexpr std::array<std::string_view, 2> kModes{"on", "off"};
constexpr Setting kMode{
    .key = "mode", .kind = Kind::kChoice, .help = "", .fallback = "on", .choices = kModes};
constexpr Setting kPersist{.key = "persist", .kind = Kind::kFlag, .help = "", .fallback = "true"};
constexpr Setting kLease{.key = "lease",
                         .kind = Kind::kDuration,
                         .help = "",
                         .fallback = "10min",
                         .low = 30'000,
                         .high = 60'000'000};
constexpr Setting kServer{
    .key = "server", .kind = Kind::kAddress, .help = "", .fallback = "192.0.2.1"};
constexpr std::array kInDhcp{kMode, kPersist, kLease, kServer};

constexpr Setting kLan{.key = "lan", .kind = Kind::kTable, .help = "", .required = true};
constexpr Setting kUplink{.key = "uplink", .kind = Kind::kTables, .help = "", .required = true};
constexpr Setting kDhcp{
    .key = "dhcp", .kind = Kind::kTable, .help = "", .settings = kInDhcp, .short_form = "mode"};

std::string complaints(const Document& document) {
  const auto outcome = document.finish();
  if (outcome) return {};
  EXPECT_EQ(outcome.error().code, ExitCode::kBadInput);
  return outcome.error().text();
}

TEST(Config, NamesThePlaceOfEveryMistakeAtOnce) {
  const auto document =
      Document::parse("[lan]\ninterface = 5\n[[uplink]]\nindex = 99\n", "g.toml").value();
  const Section root = document.root();
  root.section(kLan).text(kInterface);
  for (const auto& uplink : root.sections(kUplink)) uplink.number(kIndex);
  const auto text = complaints(document);
  EXPECT_THAT(text, HasSubstr("g.toml:2:13: 'interface' is not a text"));
  EXPECT_THAT(text, HasSubstr("g.toml:4:9: 'index' is out of range\n  hint: from 1 to 64"));
}

TEST(Config, WhatIsRequiredIsMissedWithAnExample) {
  const auto document = Document::parse("[[uplink]]\n", "g.toml").value();
  for (const auto& uplink : document.root().sections(kUplink)) uplink.text(kInterface);
  document.root().section(kLan);
  const auto text = complaints(document);
  EXPECT_THAT(text, HasSubstr("g.toml:1:1: 'interface' is missing in [uplink]\n"
                              "  hint: like interface = \"eth1\""));
  EXPECT_THAT(text, HasSubstr("the section [lan] is missing"));
}

TEST(Config, SuggestsTheNearestKey) {
  const auto document = Document::parse("[lan]\ninterfce = \"eth0\"\n", "g.toml").value();
  document.root().section(kLan).has(kInterface);
  const auto text = complaints(document);
  EXPECT_THAT(text, HasSubstr("g.toml:2:1: unknown key 'interfce' in [lan]"));
  EXPECT_THAT(text, HasSubstr("did you mean 'interface'?"));
}

TEST(Config, BrokenTomlNamesLineAndColumn) {
  const auto document = Document::parse("[lan\n", "g.toml");
  ASSERT_FALSE(document);
  EXPECT_THAT(document.error().text(), HasSubstr("g.toml:1:"));
}

TEST(Config, AbsentSectionGivesFallbacks) {
  const auto document = Document::parse("", "g.toml").value();
  const Section dhcp = document.root().section(kDhcp);
  EXPECT_EQ(dhcp.choice(kMode), "on");
  EXPECT_TRUE(dhcp.flag(kPersist));
  EXPECT_EQ(dhcp.duration(kLease), seconds(600));
  EXPECT_EQ(dhcp.address(kServer)->text(), "192.0.2.1");
  EXPECT_TRUE(document.finish());
}

TEST(Config, DurationOutOfBoundsIsAComplaint) {
  const auto document = Document::parse("lease = \"2s\"\n", "g.toml").value();
  EXPECT_EQ(document.root().duration(kLease), seconds(600));
  EXPECT_THAT(complaints(document),
              HasSubstr("g.toml:1:9: 'lease' is out of range\n  hint: from 30 s to 16.7 h"));
}

TEST(Config, ShortFormIsTheSectionWithOneKey) {
  const auto document = Document::parse("dhcp = \"off\"\n", "g.toml").value();
  const Section dhcp = document.root().section(kDhcp);
  EXPECT_EQ(dhcp.choice(kMode), "off");
  EXPECT_TRUE(dhcp.flag(kPersist));
  EXPECT_TRUE(document.finish());
}

TEST(Config, MistakeInAShortFormIsToldByTheNameThatWasWritten) {
  const auto document = Document::parse("dhcp = \"maybe\"\n", "g.toml").value();
  document.root().section(kDhcp).choice(kMode);
  EXPECT_THAT(complaints(document), HasSubstr("g.toml:1:8: 'dhcp' cannot be \"maybe\"\n"
                                              "  hint: one of \"on\", \"off\""));
}

}  // namespace
}  // namespace anabranch::config
