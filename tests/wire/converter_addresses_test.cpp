// SPDX-License-Identifier: MIT
#include "wire/converter_addresses.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "support/hex.hpp"

namespace anabranch::wire {
namespace {

using test::hex;

std::vector<IpAddress> addresses(std::initializer_list<std::string_view> texts) {
  std::vector<IpAddress> out;
  for (const auto text : texts) out.push_back(IpAddress::parse(text).value());
  return out;
}

TEST(ConverterAddresses, OfDhcp4AreAListForEachConverter) {
  EXPECT_EQ(encode_converters4(addresses({"198.18.9.9", "192.0.2.1"})),
            hex("08 c6120909 c0000201"));
  EXPECT_EQ(decode_converters4(hex("08 c6120909 c0000201 04 c0000202")),
            addresses({"198.18.9.9", "192.0.2.1", "192.0.2.2"}));
}

TEST(ConverterAddresses, OfDhcp6AreOneConverterWithIpv4Mapped) {
  const auto octets = hex("20010db8000000000000000000000009 00000000000000000000ffffc6120909");
  EXPECT_EQ(encode_converters6(addresses({"2001:db8::9", "198.18.9.9"})), octets);
  EXPECT_EQ(decode_converters6(octets), addresses({"2001:db8::9", "198.18.9.9"}));
}

TEST(ConverterAddresses, APortIsTwoOctets) {
  EXPECT_EQ(encode_converter_port(5124), (std::array<std::uint8_t, 2>{0x14, 0x04}));
  EXPECT_EQ(decode_converter_port(hex("1404")), 5124);
  EXPECT_FALSE(decode_converter_port(hex("0000")));
  EXPECT_FALSE(decode_converter_port(hex("14")));
  EXPECT_FALSE(decode_converter_port(hex("140400")));
}

TEST(ConverterAddresses, WithoutAPortHaveTheAssignedOne) {
  const auto list = addresses({"192.0.2.1"});
  EXPECT_EQ(converter_endpoints(list, std::nullopt).front().text(), "192.0.2.1:5124");
  EXPECT_EQ(converter_endpoints(list, 443).front().text(), "192.0.2.1:443");
}

TEST(ConverterAddresses, AListThatIsNoneCostsItsConverterOnly) {
  // Five octets, then a list that is one.
  EXPECT_EQ(decode_converters4(hex("05 c612090900 04 c0000201")), addresses({"192.0.2.1"}));
  // It ends behind the option: what came before holds.
  EXPECT_EQ(decode_converters4(hex("04 c0000201 08 c6120909")), addresses({"192.0.2.1"}));
  EXPECT_TRUE(decode_converters4(hex("")).empty());
  EXPECT_TRUE(decode_converters4(hex("00 00")).empty());
  EXPECT_TRUE(decode_converters6(hex("20010db80000000000000000000009")).empty());
}

TEST(ConverterAddresses, NobodyIsSentToTheirOwnMachineOrToManyByThem) {
  for (const char* bad : {"00000000", "7f000001", "e0000001", "ffffffff", "a9fe0001"})
    EXPECT_EQ(decode_converters4(hex(std::string("08 c6120909") + bad + " 04 c0000201")),
              addresses({"192.0.2.1"}))
        << bad;
  for (const char* bad : {"00000000000000000000000000000000", "00000000000000000000000000000001",
                          "ff020000000000000000000000000001", "fe800000000000000000000000000001",
                          "00000000000000000000ffff7f000001", "00000000000000000000ffffe0000001"})
    EXPECT_TRUE(
        decode_converters6(hex(std::string("20010db8000000000000000000000009") + bad)).empty())
        << bad;
}

TEST(ConverterAddresses, AreBoundedAndNamedOnce) {
  std::vector<std::uint8_t> value;
  for (std::uint8_t i = 1; i <= 60; ++i)
    for (int twice = 0; twice < 2; ++twice) value.insert(value.end(), {4, 192, 0, 2, i});
  const auto read = decode_converters4(value);
  ASSERT_EQ(read.size(), kMostConverters);
  EXPECT_EQ(read.back(), IpAddress::parse("192.0.2.16").value());
}

TEST(ConverterAddresses, ManyMoreThanALengthCanTellAreNotWritten) {
  EXPECT_FALSE(encode_converters4({}));
  EXPECT_TRUE(encode_converters4(std::vector(63, IpAddress::v4(0xc0000201))));
  EXPECT_FALSE(encode_converters4(std::vector(64, IpAddress::v4(0xc0000201))));
}

}  // namespace
}  // namespace anabranch::wire
