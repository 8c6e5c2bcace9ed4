// SPDX-License-Identifier: MIT
#include "host/stable_address.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

const IpPrefix kPrefix = IpPrefix::parse("2001:db8:2::/64").value();
const AddressPlace kPlace{"eth0", 2, "isp2.example"};
const AddressSecret kSecret{1, 2, 3};

IpAddress made(const AddressSecret& secret, const IpPrefix& prefix, const AddressPlace& place,
               unsigned counter = 0) {
  return stable_address(secret, prefix, place, counter).address;
}

TEST(StableAddress, IsTheSameForTheSamePlaceAndAnotherForEveryOther) {
  const auto address = made(kSecret, kPrefix, kPlace);
  EXPECT_TRUE(kPrefix.contains(address));
  EXPECT_EQ(address, made(kSecret, kPrefix, kPlace));
  EXPECT_NE(address, made({1, 2, 4}, kPrefix, kPlace));
  EXPECT_NE(address, made(kSecret, kPrefix, kPlace, 1)) << "after a conflict";
  for (const auto& other :
       {AddressPlace{"eth1", 2, "isp2.example"}, AddressPlace{"eth0", 3, "isp2.example"},
        AddressPlace{"eth0", 2, "isp1.example"}})
    EXPECT_NE(address, made(kSecret, kPrefix, other));
  const auto elsewhere = made(kSecret, IpPrefix::parse("2001:db8:3::/64").value(), kPlace);
  EXPECT_FALSE(std::ranges::equal(address.octets().last(8), elsewhere.octets().last(8)))
      << "nobody can follow the host from one network to another";
}

/// Worked out with another implementation of HMAC-SHA-256: a change of the input would give every
/// host other addresses.
TEST(StableAddress, StaysWhatItWasInEarlierReleases) {
  EXPECT_EQ(made(kSecret, kPrefix, kPlace).text(), "2001:db8:2:0:3c61:6ab4:e190:ff00");
}

TEST(StableAddress, ReservedIdentifiersAreKnown) {
  const auto reserved = [](const char* text) {
    const auto address = IpAddress::parse(text).value();
    return is_reserved_identifier(address.octets().last<8>());
  };
  for (const auto* text : {"2001:db8::", "2001:db8::200:5eff:fe00:0",
                           "2001:db8::200:5eff:fe00:5213", "2001:db8::200:5eff:feff:ffff",
                           "2001:db8::fdff:ffff:ffff:ff80", "2001:db8::fdff:ffff:ffff:ffff"})
    EXPECT_TRUE(reserved(text)) << text;
  for (const auto* text :
       {"2001:db8::1", "2001:db8::200:5eff:fdff:ffff", "2001:db8::200:5eff:ff00:0",
        "2001:db8::fdff:ffff:ffff:ff7f", "2001:db8::fe00:0:0:0", "2001:db8::ffff:ffff:ffff:ffff"})
    EXPECT_FALSE(reserved(text)) << text;
}

TEST(StableAddress, TheSecretIsKeptWhereOnlyItsOwnerReadsIt) {
  std::string name = "/tmp/anabranch-test-XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  const auto file = std::filesystem::path(name) / "ipv6-secret";
  const auto secret = load_or_make_secret(file);
  EXPECT_NE(secret, AddressSecret{});
  EXPECT_EQ(load_or_make_secret(file), secret);
  EXPECT_EQ(std::filesystem::status(file).permissions() & std::filesystem::perms::mask,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::filesystem::resize_file(file, 7);
  EXPECT_NE(load_or_make_secret(file), secret) << "a mangled one is replaced";
  std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace anabranch::host
