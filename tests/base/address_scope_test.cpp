// SPDX-License-Identifier: MIT
#include "base/address_scope.hpp"

#include <gtest/gtest.h>

namespace anabranch {
namespace {

TEST(AddressScope, TellsHowFarAnAddressReaches) {
  enum Scope { kMachine, kLink, kGlobal, kNowhere };
  const std::pair<const char*, Scope> rows[] = {
      {"127.0.0.1", kMachine},
      {"127.255.255.255", kMachine},
      {"::1", kMachine},
      {"169.254.1.1", kLink},
      {"fe80::1", kLink},
      {"febf::1", kLink},
      {"169.253.0.1", kGlobal},
      {"fec0::1", kGlobal},
      {"10.1.0.2", kGlobal},
      {"100.64.0.1", kGlobal},
      {"fd00::1", kGlobal},
      {"2001:db8::1", kGlobal},
      {"240.0.0.1", kGlobal},
      {"0.0.0.0", kNowhere},
      {"0.1.2.3", kNowhere},
      {"224.0.0.1", kNowhere},
      {"239.255.255.255", kNowhere},
      {"255.255.255.255", kNowhere},
      {"::", kNowhere},
      {"ff02::1", kNowhere},
  };
  for (const auto& [text, scope] : rows) {
    const auto address = IpAddress::parse(text).value();
    EXPECT_EQ(is_loopback(address), scope == kMachine) << text;
    EXPECT_EQ(is_link_local(address), scope == kLink) << text;
    EXPECT_EQ(is_global(address), scope == kGlobal) << text;
  }
}

}  // namespace
}  // namespace anabranch
