// SPDX-License-Identifier: MIT
#include "proxy/converter_access.hpp"

#include <gtest/gtest.h>

#include "proxy/public_address.hpp"

namespace anabranch::proxy {
namespace {

const Endpoint kOwn = Endpoint::parse("198.18.9.9:5124").value();

ConverterSettings settings(const std::string& more = {}) {
  auto out = parse_converter_settings(
      "[clients]\nallow = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n" + more, "t");
  EXPECT_TRUE(out) << out.error().text();
  return out.value_or(ConverterSettings{});
}

std::string reason(const ConverterSettings& settings, const std::string& client,
                   const std::string& destination) {
  return std::string(
      access(settings, IpAddress::parse(client).value(), Endpoint::parse(destination).value(), kOwn)
          .reason);
}

TEST(ConverterAccess, AClientReachesPublicServers) {
  EXPECT_EQ(reason(settings(), "192.0.2.7", "203.0.113.5:443"), "");
  EXPECT_EQ(reason(settings(), "2001:db8::7", "[2606:4700::1]:443"), "");
}

TEST(ConverterAccess, AStrangerReachesNothing) {
  EXPECT_EQ(reason(settings(), "198.51.100.1", "203.0.113.5:443"), "client");
  EXPECT_EQ(reason(settings(), "2001:db9::1", "203.0.113.5:443"), "client");
}

TEST(ConverterAccess, AClientIsKnownInEitherWriting) {
  EXPECT_EQ(reason(settings(), "::ffff:192.0.2.7", "203.0.113.5:443"), "");
}

TEST(ConverterAccess, TheNetworkAroundTheConverterIsNotReached) {
  for (const auto* destination :
       {"10.0.0.1:80", "172.31.0.1:80", "192.168.1.1:80", "100.64.0.1:80", "169.254.169.254:80",
        "127.0.0.1:80", "[::1]:80", "[fd00::1]:80", "[fe80::1]:80", "[ff02::1]:80",
        "[::ffff:10.0.0.1]:80", "[64:ff9b::a00:1]:80", "[2002:0a00:0001::]:80", "0.0.0.0:80"})
    EXPECT_EQ(reason(settings(), "192.0.2.7", destination), "destination") << destination;
}

TEST(ConverterAccess, UnlessItIsAllowed) {
  const auto open = settings("[destinations]\nallow = [\"10.20.0.0/16\"]\n");
  EXPECT_EQ(reason(open, "192.0.2.7", "10.20.1.1:80"), "");
  EXPECT_EQ(reason(open, "192.0.2.7", "10.21.1.1:80"), "destination");
}

TEST(ConverterAccess, ItNeverConnectsToItself) {
  EXPECT_EQ(reason(settings(), "192.0.2.7", "198.18.9.9:5124"), "itself");
  EXPECT_EQ(reason(settings(), "192.0.2.7", "198.18.9.9:80"), "");
}

TEST(ConverterAccess, TheFirstRuleThatHoldsDecides) {
  const auto ruled = settings(
      "[[rule]]\nname = \"mail of one\"\naction = \"convert\"\nfrom = [\"192.0.2.7\"]\n"
      "ports = [\"25\"]\n"
      "[[rule]]\nname = \"no mail\"\naction = \"reject\"\nports = [\"25\"]\n");
  EXPECT_EQ(reason(ruled, "192.0.2.7", "203.0.113.5:25"), "");
  EXPECT_EQ(reason(ruled, "192.0.2.8", "203.0.113.5:25"), "rule");
  EXPECT_EQ(reason(ruled, "192.0.2.8", "203.0.113.5:26"), "");
  EXPECT_EQ(access(ruled, IpAddress::parse("192.0.2.8").value(),
                   Endpoint::parse("203.0.113.5:25").value(), kOwn)
                .rule->name,
            "no mail");
}

TEST(ConverterAccess, ARuleOpensNoPrivateNetwork) {
  const auto ruled = settings("[[rule]]\nname = \"all\"\naction = \"convert\"\n");
  EXPECT_EQ(reason(ruled, "192.0.2.7", "10.0.0.1:80"), "destination");
}

}  // namespace
}  // namespace anabranch::proxy
