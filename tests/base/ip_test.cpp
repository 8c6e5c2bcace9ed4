// SPDX-License-Identifier: MIT
#include "base/ip.hpp"

#include <gtest/gtest.h>

namespace anabranch {
namespace {

TEST(IpPrefix, ClearsHostBitsOnlyWhenAsked) {
  const auto prefix = IpPrefix::parse("10.1.2.3/12").value();
  EXPECT_EQ(prefix.text(), "10.1.2.3/12");
  EXPECT_EQ(prefix.without_host_bits().text(), "10.0.0.0/12");
  EXPECT_TRUE(prefix.has_host_bits());
}

TEST(IpPrefix, ContainsAcrossOctetBoundaries) {
  const auto prefix = IpPrefix::parse("2001:db8:8000::/33").value();
  EXPECT_TRUE(prefix.contains(IpAddress::parse("2001:db8:ffff::1").value()));
  EXPECT_FALSE(prefix.contains(IpAddress::parse("2001:db8:7fff::1").value()));
  EXPECT_FALSE(prefix.contains(IpAddress::parse("10.0.0.1").value()));
}

TEST(IpPrefix, RefusesWhatIsNoPrefix) {
  for (const char* bad : {"10.1.0.0/33", "10.1.0/16", "10.1.0.0/", "10.1.0.0/1x", "", "::/129"})
    EXPECT_FALSE(IpPrefix::parse(bad)) << bad;
}

TEST(IpAddress, RoundTripsThroughText) {
  for (const char* text : {"0.0.0.0", "255.255.255.255", "::", "2001:db8::1"})
    EXPECT_EQ(IpAddress::parse(text).value().text(), text);
}

TEST(IpAddress, UnmapsIpv4Only) {
  const auto unmapped = [](const char* text) {
    return IpAddress::parse(text).value().unmapped().text();
  };
  EXPECT_EQ(unmapped("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(unmapped("::192.0.2.1"), "::192.0.2.1");
  EXPECT_EQ(unmapped("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(unmapped("192.0.2.1"), "192.0.2.1");
}

TEST(MacAddress, RefusesTrailingText) {
  EXPECT_EQ(MacAddress::parse("02:00:00:00:00:0a").value().text(), "02:00:00:00:00:0a");
  EXPECT_FALSE(MacAddress::parse("02:00:00:00:00:0a:0b"));
  EXPECT_FALSE(MacAddress::parse("02:00:00:00:00"));
}

}  // namespace
}  // namespace anabranch
