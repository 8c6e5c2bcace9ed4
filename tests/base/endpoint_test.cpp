// SPDX-License-Identifier: MIT
#include "base/endpoint.hpp"

#include <gtest/gtest.h>

namespace anabranch {
namespace {

TEST(Endpoint, RoundTripsThroughText) {
  for (const char* text :
       {"192.0.2.1:443", "0.0.0.0:0", "[2001:db8::1]:65535", "[::]:1", "[::ffff:192.0.2.1]:80"}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->text(), text);
  }
}

TEST(Endpoint, NeedsAnAddressAndAPort) {
  for (const char* text : {"",
                           ":",
                           "192.0.2.1",
                           "192.0.2.1:",
                           ":443",
                           "192.0.2.1:65536",
                           "192.0.2.1:-1",
                           "192.0.2.1:+1",
                           "192.0.2.1: 1",
                           "192.0.2.1:1x",
                           "192.0.2.1:443:443",
                           "2001:db8::1",
                           "[2001:db8::1]",
                           "[2001:db8::1]:",
                           "[2001:db8::1]443",
                           "[2001:db8::1",
                           "2001:db8::1]:443",
                           "[192.0.2.1]:443",
                           "[]:443",
                           "[:]:443",
                           "[",
                           "]",
                           "example.org:443",
                           "192.0.2.0/24:443"}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_EQ(endpoint.error().code, ExitCode::kBadInput) << text;
  }
}

TEST(Endpoint, MayBeAnAddressAloneWhereThatIsAsked) {
  const auto text = [](const char* given) {
    const auto endpoint = Endpoint::parse_with_or_without_port(given);
    return endpoint ? endpoint->text() : "nothing";
  };
  EXPECT_EQ(text("192.0.2.1"), "192.0.2.1:0");
  EXPECT_EQ(text("192.0.2.1:443"), "192.0.2.1:443");
  EXPECT_EQ(text("2001:db8::1"), "[2001:db8::1]:0");
  EXPECT_EQ(text("[2001:db8::1]"), "[2001:db8::1]:0");
  EXPECT_EQ(text("[2001:db8::1]:443"), "[2001:db8::1]:443");
  EXPECT_EQ(text("2001:db8::1:443"), "[2001:db8::1:443]:0") << "without brackets all is address";
  for (const char* wrong : {"", "443", "192.0.2.1:", "[192.0.2.1]", "[2001:db8::1]x", "[::1]:x"})
    EXPECT_EQ(text(wrong), "nothing") << wrong;
}

TEST(SplitHostAndPort, LeavesTheHostToWhoAsks) {
  const auto prefix = split_host_and_port("[2001:db8::/32]:443");
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->host, "2001:db8::/32");
  EXPECT_EQ(prefix->port, 443);
  const auto alone = split_host_and_port("2001:db8::/32");
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->host, "2001:db8::/32");
  EXPECT_EQ(alone->port, std::nullopt);
}

}  // namespace
}  // namespace anabranch
