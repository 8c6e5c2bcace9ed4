// SPDX-License-Identifier: MIT
#include "wire/dhcp_client_id.hpp"

#include <gtest/gtest.h>

namespace anabranch::wire {
namespace {

using Octets = std::vector<std::uint8_t>;

TEST(DhcpClientId, IsType255ThenIaidThenDuid) {
  const Octets duid{0, 3, 0, 1, 2, 0, 0, 0, 0, 1};
  EXPECT_EQ(make_client_id(0x01020304, duid),
            (Octets{255, 1, 2, 3, 4, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1}));
}

TEST(DhcpClientId, DuidForms) {
  EXPECT_EQ(make_duid_ll(MacAddress::parse("02:00:5e:10:00:01").value()),
            (Octets{0, 3, 0, 1, 0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}));
  std::array<std::uint8_t, 16> uuid{};
  uuid[15] = 9;
  const auto duid = make_duid_uuid(uuid);
  EXPECT_EQ(duid.size(), 18u);
  EXPECT_EQ(duid[1], 4);
  EXPECT_EQ(duid.back(), 9);
}

TEST(DhcpClientId, DuidTextComesBack) {
  const Octets duid{0x00, 0x04, 0xab, 0x5e};
  EXPECT_EQ(duid_text(duid), "00:04:ab:5e");
  EXPECT_EQ(parse_duid(duid_text(duid)), duid);
}

TEST(DhcpClientId, WhatIsNoDuidIsRefused) {
  for (const char* text : {"", "00", "00:04", "00:04:", "00:04:5", "00:04:xy", "00-04-05",
                           "00:04:5e ", "000405", "00:04:-1"})
    EXPECT_FALSE(parse_duid(text)) << text;
  EXPECT_FALSE(parse_duid(duid_text(Octets(131, 1))));
}

}  // namespace
}  // namespace anabranch::wire
