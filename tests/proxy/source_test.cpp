// SPDX-License-Identifier: MIT
#include "proxy/source.hpp"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace anabranch::proxy {
namespace {

std::vector<IpAddress> pool(std::initializer_list<const char*> texts) {
  std::vector<IpAddress> out;
  for (const auto* text : texts) out.push_back(IpAddress::parse(text).value());
  return out;
}

TEST(SourcePool, AClientHasOneAddressOfEachFamily) {
  const auto all = pool({"198.51.100.1", "198.51.100.2", "2001:db8::1"});
  const auto client = IpAddress::parse("192.0.2.7").value();
  const auto* address = paired_address(all, client, Family::kIpv4);
  ASSERT_NE(address, nullptr);
  EXPECT_EQ(address, paired_address(all, client, Family::kIpv4));
  EXPECT_EQ(paired_address(all, client, Family::kIpv6)->text(), "2001:db8::1");
  EXPECT_EQ(paired_address({}, client, Family::kIpv4), nullptr);
}

TEST(SourcePool, ClientsAreSpread) {
  const auto all = pool({"198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"});
  std::map<std::string, int> shares;
  for (std::uint32_t i = 0; i < 1000; ++i)
    ++shares[paired_address(all, IpAddress::v4(0xc0000200 + i), Family::kIpv4)->text()];
  EXPECT_EQ(shares.size(), 4u);
  for (const auto& [address, share] : shares) EXPECT_NEAR(share, 250, 60) << address;
}

TEST(SourcePool, OneMoreAddressMovesOnlyThoseThatItGets) {
  const auto before = pool({"198.51.100.1", "198.51.100.2", "198.51.100.3"});
  const auto after = pool({"198.51.100.9", "198.51.100.1", "198.51.100.2", "198.51.100.3"});
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const auto client = IpAddress::v4(0xc0000200 + i);
    const auto now = *paired_address(after, client, Family::kIpv4);
    if (now == after[0]) continue;
    EXPECT_EQ(now, *paired_address(before, client, Family::kIpv4));
  }
}

}  // namespace
}  // namespace anabranch::proxy
