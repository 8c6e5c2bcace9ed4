// SPDX-License-Identifier: MIT
#include "signalling/host_name.hpp"

#include <string>

#include "octets.hpp"

namespace anabranch::signalling {
namespace {

TEST(HostName, AddressesInLettersAreAddresses) {
  EXPECT_EQ(request_for("192.0.2.1", 80), Request{endpoint("192.0.2.1:80")});
  EXPECT_EQ(request_for("2001:db8::1", 80), Request{endpoint("[2001:db8::1]:80")});
  EXPECT_EQ(request_for("::ffff:192.0.2.1", 80), Request{endpoint("192.0.2.1:80")});
}

TEST(HostName, NamesAreLeftToBeLookedUp) {
  for (const auto* name : {"example.org", "localhost", "a_b.example", "EXAMPLE.org.", "1.example",
                           "xn--bcher-kva.example", "3com", "0xfg"})
    EXPECT_EQ(request_for(name, 443), (Request{.endpoint = {{}, 443}, .name = name})) << name;
}

TEST(HostName, NumbersThatAResolverTakesForAddressesAreNone) {
  for (const auto* name : {"127.1", "2130706433", "0x7f000001", "0x7F.1", "127.0.0.0x1",
                           "0177.0.0.1", "example.0x", "192.0.2.1.", "a.1"})
    EXPECT_FALSE(request_for(name, 443)) << name;
}

TEST(HostName, AnythingElseIsNone) {
  for (const auto* name : {"", ".", "a..b", ".a", "a b", "a/b", "b\xc3\xbc", "[2001:db8::1]",
                           "fe80::1%eth0", "user@example.org", "a:80", "a.."})
    EXPECT_FALSE(request_for(name, 443)) << name;
  EXPECT_FALSE(request_for("example.org", 0));
  EXPECT_FALSE(request_for("192.0.2.1", 0));
  EXPECT_FALSE(request_for(std::string_view("a\0b", 3), 80));
}

TEST(HostName, LengthsAreThoseOfTheDns) {
  EXPECT_TRUE(request_for(std::string(63, 'a'), 80));
  EXPECT_FALSE(request_for(std::string(64, 'a'), 80));
  std::string name;
  for (int i = 0; i < 126; ++i) name += "a.";
  EXPECT_TRUE(request_for(name + "a", 80));
  EXPECT_TRUE(request_for(name + "a.", 80));
  EXPECT_FALSE(request_for(name + "aa", 80));
}

}  // namespace
}  // namespace anabranch::signalling
