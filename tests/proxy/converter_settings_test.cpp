// SPDX-License-Identifier: MIT
#include "proxy/converter_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::proxy {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

ConverterSettings read(const std::string& text) {
  const auto settings = parse_converter_settings(text, "converter.toml");
  EXPECT_TRUE(settings) << settings.error().text();
  return settings.value_or(ConverterSettings{});
}

std::string complaint(const std::string& text) {
  const auto settings = parse_converter_settings(text, "converter.toml");
  return settings ? "" : settings.error().text();
}

TEST(ConverterSettings, ClientsAreEnough) {
  const auto settings = read("[clients]\nallow = [\"192.0.2.0/24\"]\n");
  ASSERT_THAT(settings.listen, SizeIs(2));
  EXPECT_EQ(settings.listen[0].text(), "0.0.0.0:5124");
  EXPECT_EQ(settings.listen[1].text(), "[::]:5124");
  EXPECT_EQ(settings.congestion, "cubic");
  EXPECT_FALSE(settings.upstream_mptcp);
  EXPECT_FALSE(settings.cookie_required);
  EXPECT_EQ(settings.limits.setup, seconds(20));
}

TEST(ConverterSettings, WithoutClientsItIsNoConverter) {
  EXPECT_THAT(complaint("[clients]\n"),
              HasSubstr("converter.toml:1:1: 'allow' is missing in [clients]"));
}

TEST(ConverterSettings, ARelayOpenToEverybodyIsRefused) {
  EXPECT_THAT(complaint("[clients]\nallow = [\"0.0.0.0/0\"]\n"),
              HasSubstr("converter.toml:2:9: 0.0.0.0/0 makes this a relay open to everybody"));
  EXPECT_THAT(complaint("[clients]\nallow = [\"::/0\"]\n"), HasSubstr("open to everybody"));
}

TEST(ConverterSettings, WithACookieEverybodyMay) {
  const auto settings =
      read("[clients]\nallow = [\"0.0.0.0/0\", \"::/0\"]\ncookie = \"required\"\n");
  EXPECT_THAT(settings.clients, SizeIs(2));
  EXPECT_TRUE(settings.cookie_required);
}

TEST(ConverterSettings, AnAddressWithoutAPortIsNoPlaceToListen) {
  EXPECT_THAT(complaint("[converter]\nlisten = [\"192.0.2.1\"]\n[clients]\nallow = [\"::1\"]\n"),
              HasSubstr("converter.toml:2:10: '192.0.2.1' is not an address with a port\n"
                        "  hint: write it like \"192.0.2.1:5124\""));
}

TEST(ConverterSettings, ARuleDoesNotSendClientsAway) {
  EXPECT_THAT(complaint("[clients]\nallow = [\"192.0.2.0/24\"]\n"
                        "[[rule]]\nname = \"x\"\naction = \"direct\"\n"),
              HasSubstr("one of \"convert\", \"reject\""));
}

TEST(ConverterSettings, ARuleOfTwoFamiliesNeverHolds) {
  EXPECT_THAT(complaint("[clients]\nallow = [\"192.0.2.0/24\"]\n[[rule]]\nname = \"x\"\n"
                        "action = \"reject\"\nfrom = [\"10.0.0.0/8\"]\nto = [\"2001:db8::/32\"]\n"),
              HasSubstr("have no family in common"));
}

}  // namespace
}  // namespace anabranch::proxy
