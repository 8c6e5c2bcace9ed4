// SPDX-License-Identifier: MIT
#include "gateway/delegations.hpp"

#include <gtest/gtest.h>

namespace anabranch::gateway {
namespace {

constexpr seconds kNow{1'700'000'000};

/// As Kea 2.2 writes them.
std::string address(std::string_view text, std::string_view duid = "00:04:01", int lifetime = 600,
                    int state = 0) {
  return std::string(text) + "," + std::string(duid) + "," + std::to_string(lifetime) +
         ",1700000600,2,600,0,1,128,0,0,,," + std::to_string(state) + ",,,";
}
std::string prefix(std::string_view text, std::string_view duid = "00:04:01", int lifetime = 600,
                   int expire = 1'700'000'600) {
  return std::string(text) + "," + std::string(duid) + "," + std::to_string(lifetime) + "," +
         std::to_string(expire) + ",2,600,2,1,56,0,0,,,0,,,";
}

class Delegated : public testing::Test {
 protected:
  bool note(const std::string& line) {
    const auto lease = journal_lease6(line);
    EXPECT_TRUE(lease) << line;
    return known_.note(*lease, kNow);
  }
  Delegations known_;
};

TEST(Lease6, IsReadFromKeasFile) {
  const auto lease = journal_lease6(prefix("2001:db8:8000::"));
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->prefix.text(), "2001:db8:8000::/56");
  EXPECT_TRUE(lease->delegated);
  EXPECT_EQ(lease->subnet, 2u);
  EXPECT_FALSE(
      journal_lease6("address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,"
                     "lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state"));
  EXPECT_FALSE(journal_lease6(""));
  EXPECT_FALSE(journal_lease6("2001:db8::,00,600"));
  EXPECT_FALSE(journal_lease6("2001:db8::,00,600,1,2,600,2,1,129,0,0,,,0"));
}

TEST_F(Delegated, APrefixIsReachedThroughTheAddressOfItsClient) {
  EXPECT_TRUE(note(prefix("2001:db8:8000::")));
  EXPECT_TRUE(known_.routes().empty()) << "of whom nothing is known yet";
  EXPECT_TRUE(note(address("2001:db8:2::7")));
  ASSERT_EQ(known_.routes().size(), 1u);
  EXPECT_EQ(known_.routes()[0].prefix.text(), "2001:db8:8000::/56");
  EXPECT_EQ(known_.routes()[0].via.text(), "2001:db8:2::7");
}

TEST_F(Delegated, ARenewalChangesNothing) {
  note(address("2001:db8:2::7"));
  note(prefix("2001:db8:8000::"));
  EXPECT_FALSE(note(address("2001:db8:2::7")));
  EXPECT_FALSE(note(prefix("2001:db8:8000::")));
}

TEST_F(Delegated, WhatEndsIsRoutedNoMore) {
  note(address("2001:db8:2::7"));
  note(prefix("2001:db8:8000::"));
  note(prefix("2001:db8:8000:100::"));
  EXPECT_TRUE(note(prefix("2001:db8:8000::", "00:04:01", 0))) << "given back";
  EXPECT_EQ(known_.routes().size(), 1u);
  EXPECT_TRUE(note(address("2001:db8:2::7", "00:04:01", 600, 2))) << "reclaimed";
  EXPECT_TRUE(known_.routes().empty());
}

TEST_F(Delegated, APrefixThatGoesToAnotherClientGoesTheOthersWay) {
  note(address("2001:db8:2::7"));
  note(address("2001:db8:2::8", "00:04:02"));
  note(prefix("2001:db8:8000::"));
  EXPECT_TRUE(note(prefix("2001:db8:8000::", "00:04:02")));
  EXPECT_EQ(known_.routes()[0].via.text(), "2001:db8:2::8");
}

TEST_F(Delegated, WhatHasExpiredBeforeItIsReadNeverWas) {
  note(address("2001:db8:2::7"));
  EXPECT_FALSE(note(prefix("2001:db8:8000::", "00:04:01", 600, 1'699'999'999)));
  EXPECT_TRUE(known_.routes().empty());
}

}  // namespace
}  // namespace anabranch::gateway
