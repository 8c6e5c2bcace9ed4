// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/settings_text.hpp"

namespace anabranch::gateway {
namespace {

using ::testing::HasSubstr;

std::string with(std::string_view converters, std::string_view dhcp = {}) {
  return std::string(dhcp) +
         "[lan]\ninterface = \"lan0\"\n[[uplink]]\nname = \"isp1\"\ninterface = \"up1\"\n"
         "next_hop = \"172.16.1.2\"\nindex = 1\nsource_prefix = \"10.1.0.0/16\"\n"
         "[uplink.ipv6]\nsource_prefix = \"2001:db8:1::/64\"\nnext_hop = \"fe80::1\"\n"
         "[converters]\n" +
         std::string(converters);
}

TEST(GatewayConverters, AreAListOfAddressesAndAPort) {
  const auto settings = good(
      with("addresses = [\"198.18.9.9\", \"2001:db8::9\", \"198.18.9.8\"]\n", "dhcp6 = \"kea\"\n"));
  EXPECT_EQ(settings.converters.port, 5124);
  ASSERT_EQ(settings.converters.of(Family::kIpv4).size(), 2u);
  EXPECT_EQ(settings.converters.of(Family::kIpv4)[1].text(), "198.18.9.8");
  EXPECT_EQ(settings.converters.of(Family::kIpv6)[0].text(), "2001:db8::9");
  EXPECT_EQ(good(with("addresses = [\"198.18.9.9\"]\nport = 443\n")).converters.port, 443);
  EXPECT_TRUE(good(with("")).converters.addresses.empty());
}

TEST(GatewayConverters, AreHostsBeyondTheLink) {
  for (const char* bad : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.0.1",
                          "::", "::1", "ff02::1", "fe80::1"})
    EXPECT_THAT(complaint(with("addresses = [\"" + std::string(bad) + "\"]\n")),
                HasSubstr(std::string(bad) + " cannot be a converter's address"));
  EXPECT_THAT(complaint(with("addresses = [\"converter.example\"]\n")),
              HasSubstr("'converter.example' is not an IP address"));
  EXPECT_THAT(complaint(with("addresses = [\"198.18.9.9\", \"198.18.9.9\"]\n")),
              HasSubstr("198.18.9.9 is there twice"));
  EXPECT_THAT(complaint(with("addresses = [\"198.18.9.9\"]\nport = 0\n")), HasSubstr("port"));
}

TEST(GatewayConverters, NeedSomebodyWhoTellsOfThem) {
  EXPECT_THAT(complaint(with("addresses = [\"2001:db8::9\"]\n")),
              HasSubstr("nobody tells hosts of 2001:db8::9"));
  EXPECT_THAT(complaint(with("addresses = [\"198.18.9.9\"]\n", "dhcp = \"off\"\n")),
              HasSubstr("nobody tells hosts of 198.18.9.9"));
  EXPECT_THAT(complaint(with("port = 443\n")), HasSubstr("'port' needs 'addresses'"));
}

TEST(GatewayConverters, AreAsManyAsAHostTakes) {
  std::string list;
  for (int i = 1; i <= 17; ++i)
    list += (list.empty() ? "\"192.0.2." : ", \"192.0.2.") + std::to_string(i) + '"';
  EXPECT_THAT(complaint(with("addresses = [" + list + "]\n")),
              HasSubstr("there are 17 IPv4 addresses"));
}

TEST(GatewayConverters, HaveAnOptionThatIsNotThatOfExtRoute) {
  EXPECT_THAT(complaint(with("addresses = [\"198.18.9.9\"]\n[dhcp]\next_route_code = 226\n")),
              HasSubstr("option 226 tells of converters, and is EXT_ROUTE's here"));
  EXPECT_EQ(good(with("[dhcp]\next_route_code = 226\n")).dhcp.ext_route_code, 226u);
}

}  // namespace
}  // namespace anabranch::gateway
