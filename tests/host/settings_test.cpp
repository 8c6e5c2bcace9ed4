// SPDX-License-Identifier: MIT
#include "host/settings.hpp"

#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

Result<Settings> load(const std::string& text) {
  return parse_settings(text, "h.toml");
}

TEST(HostSettings, AnEmptyFileIsTheDefaults) {
  const auto settings = load("");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->max_paths, 8u);
  EXPECT_EQ(settings->ext_route_code, 224);
  EXPECT_EQ(settings->interfaces, AttachmentChoice::Wish::kAuto);
}

TEST(HostSettings, ValuesAreTaken) {
  const auto settings = load("max_paths = 3\next_route_code = 230\ninterfaces = \"shared\"\n");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->max_paths, 3u);
  EXPECT_EQ(settings->ext_route_code, 230);
  EXPECT_EQ(settings->interfaces, AttachmentChoice::Wish::kShared);
}

TEST(HostSettings, InterfacesIsOneOfThreeWords) {
  EXPECT_EQ(load("interfaces = \"virtual\"\n")->interfaces, AttachmentChoice::Wish::kVirtual);
  const auto wrong = load("interfaces = \"macvlan\"\n");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ExitCode::kBadInput);
}

TEST(HostSettings, WithoutAFileTheDefaultsHold) {
  EXPECT_EQ(default_settings().max_paths, 8u);
  EXPECT_EQ(default_settings().ext_route_code, 224);
}

TEST(HostSettings, AnAbsentFileIsBadInput) {
  const auto settings = load_settings("/nonexistent/host.toml");
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, ExitCode::kBadInput);
}

TEST(HostSettings, AllMistakesAreNamedWithTheirPlace) {
  const auto settings = load("max_paths = 9\next_route_code = 53\nmax_path = 2\n");
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, ExitCode::kBadInput);
  const auto text = settings.error().text();
  EXPECT_NE(text.find("h.toml:1:"), std::string::npos) << text;
  EXPECT_NE(text.find("h.toml:2:"), std::string::npos) << text;
  EXPECT_NE(text.find("h.toml:3:"), std::string::npos) << text;
}

TEST(HostSettings, OnlyANamedFileHasToExist) {
  SettingsFile file;
  file.path = std::filesystem::path(testing::TempDir()) / "host_settings_test_none.toml";
  const auto defaults = file.load();
  ASSERT_TRUE(defaults);
  EXPECT_EQ(defaults->max_paths, 8u);
  file.needed = true;
  EXPECT_FALSE(file.load());
}

}  // namespace
}  // namespace anabranch::host
