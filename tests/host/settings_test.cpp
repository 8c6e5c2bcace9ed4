// SPDX-License-Identifier: MIT
#include "host/settings.hpp"

#include <fstream>

#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

Result<Settings> load(const std::string& text) {
  const auto file = std::filesystem::path(testing::TempDir()) / "host_settings_test.toml";
  std::ofstream(file) << text;
  return load_settings(file);
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

TEST(HostSettings, AllMistakesAreNamedWithTheirPlace) {
  const auto settings = load("max_paths = 9\next_route_code = 53\nmax_path = 2\n");
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, ExitCode::kBadInput);
  const auto text = settings.error().text();
  EXPECT_NE(text.find(":1:"), std::string::npos) << text;
  EXPECT_NE(text.find(":2:"), std::string::npos) << text;
  EXPECT_NE(text.find(":3:"), std::string::npos) << text;
}

}  // namespace
}  // namespace anabranch::host
