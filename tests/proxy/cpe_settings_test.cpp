// SPDX-License-Identifier: MIT
#include "proxy/cpe_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::proxy {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kLeast = R"([cpe]
lan = ["lan0"]
[[converter]]
name = "one"
address = "198.18.0.9"
)";

std::string complaint(const std::string& text) {
  const auto settings = parse_cpe_settings(text, "cpe.toml");
  return settings ? "" : settings.error().text();
}

TEST(CpeSettings, ALanAndAConverterAreEnough) {
  const auto settings = parse_cpe_settings(kLeast, "cpe.toml");
  ASSERT_TRUE(settings) << settings.error().text();
  ASSERT_EQ(settings->converters.size(), 1u);
  EXPECT_EQ(settings->converters[0].endpoint.text(), "198.18.0.9:5124");
  EXPECT_EQ(settings->converters[0].weight, 1u);
  EXPECT_TRUE(settings->syn_data);
  EXPECT_EQ(settings->unreachable_after, seconds(1));
  EXPECT_EQ(settings->refused_direct, seconds(60));
  EXPECT_EQ(settings->limits.memory, 0u);
  EXPECT_FALSE(settings->limits.reset);
}

TEST(CpeSettings, TellsWhatIsMissing) {
  EXPECT_THAT(complaint("[cpe]\n"), HasSubstr("'lan' is missing in [cpe]"));
  EXPECT_THAT(complaint("[cpe]\nlan = [\"lan0\"]\n"), HasSubstr("there is no [[converter]]"));
}

TEST(CpeSettings, NoConverterIsNeededWhereDhcpMayTellOfOne) {
  const auto settings =
      parse_cpe_settings("[cpe]\nlan = [\"lan0\"]\nconverters_from_dhcp = true\n", "cpe.toml");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_TRUE(settings->converters_from_dhcp);
  EXPECT_FALSE(parse_cpe_settings(kLeast, "cpe.toml")->converters_from_dhcp);
}

TEST(CpeSettings, AConverterIsOneHostBeyondTheLink) {
  const std::string before = "[cpe]\nlan = [\"lan0\"]\n[[converter]]\nname = \"a\"\naddress = ";
  EXPECT_THAT(complaint(before + "\"224.0.0.9\"\n"),
              HasSubstr("cpe.toml:5:11: 224.0.0.9 cannot be a converter's address"));
  EXPECT_THAT(complaint(before + "\"fe80::9\"\n"), HasSubstr("cannot be a converter's address"));
}

TEST(CpeSettings, AnInterfaceNameIsNoPlaceForMore) {
  const std::string text(kLeast);
  EXPECT_THAT(complaint("[cpe]\nlan = [\"lan0\\\" } accept\"]\n" + text.substr(text.find("[["))),
              HasSubstr("is not an interface's name"));
}

TEST(CpeSettings, SynsAreDuplicatedOverTwoUplinks) {
  const std::string text(kLeast);
  const auto with = [&](const std::string& value) {
    return "[cpe]\nduplicate_syn = " + value + text.substr(5);
  };
  EXPECT_EQ(complaint(with("[\"wan0\", \"wan1\"]")), "");
  for (const auto* wrong : {"[\"wan0\"]", "[\"wan0\", \"wan0\"]", "[\"a\", \"b\", \"c\"]"})
    EXPECT_THAT(complaint(with(wrong)), HasSubstr("does not name two interfaces"));
}

TEST(CpeSettings, TwoOfOneNameAreAMistake) {
  EXPECT_THAT(
      complaint(std::string(kLeast) + "[[converter]]\nname = \"one\"\naddress = \"198.18.0.10\"\n"),
      HasSubstr("there are two converters 'one'"));
}

}  // namespace
}  // namespace anabranch::proxy
