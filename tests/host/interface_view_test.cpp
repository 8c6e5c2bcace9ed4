// SPDX-License-Identifier: MIT
#include "host/interface_view.hpp"

#include <gtest/gtest.h>

#include "base/registry.hpp"

namespace anabranch::host {
namespace {

kernel::LinkInfo eth0() {
  kernel::LinkInfo out;
  out.index = 4;
  out.name = "eth0";
  return out;
}

kernel::Address on(unsigned ifindex, const char* prefix, std::uint8_t protocol = 0) {
  return {ifindex, IpPrefix::parse(prefix).value(), true, protocol};
}

TEST(HostInterfaceView, ItsAddressIsTheFirstThatSomebodyAssigned) {
  const auto view = view_of(
      eth0(), std::vector{on(3, "10.9.0.1/16"), on(4, "fd00::1/64"), on(4, "169.254.7.7/16"),
                          on(4, "10.1.0.50/16"), on(4, "10.1.0.51/16")});
  EXPECT_EQ(view.address, IpPrefix::parse("10.1.0.50/16").value());
  EXPECT_TRUE(view.in_front.empty());
}

TEST(HostInterfaceView, AnAddressOfOursIsNotItsOwnWhereverItStands) {
  const auto ours = on(4, "10.2.16.5/32", registry::kRouteProtocol);
  const auto behind = view_of(eth0(), std::vector{on(4, "10.1.0.50/16"), ours});
  EXPECT_EQ(behind.address, IpPrefix::parse("10.1.0.50/16").value());
  EXPECT_TRUE(behind.in_front.empty());
  const auto before = view_of(eth0(), std::vector{ours, on(4, "10.1.0.50/16")});
  EXPECT_EQ(before.address, IpPrefix::parse("10.1.0.50/16").value());
  ASSERT_EQ(before.in_front.size(), 1u) << "it would be the source of plain packets";
  const auto alone = view_of(eth0(), std::vector{ours});
  EXPECT_FALSE(alone.address);
  EXPECT_TRUE(alone.in_front.empty()) << "there is nothing to stand before";
}

TEST(HostInterfaceView, ItsIpv6AddressesAreApartFromOurs) {
  auto tentative = on(4, "fe80::1/64");
  tentative.tentative = true;
  const auto view =
      view_of(eth0(), std::vector{on(4, "10.1.0.50/16"), tentative, on(4, "fe80::2/64"),
                                  on(4, "2001:db8:1::5/64"), on(3, "2001:db8:9::5/64"),
                                  on(7, "2001:db8:2::5/64", registry::kRouteProtocol),
                                  on(4, "2001:db8:3::5/128", registry::kRouteProtocol)});
  EXPECT_EQ(view.address, IpPrefix::parse("10.1.0.50/16").value());
  EXPECT_EQ(view.own_ipv6.size(), 3u);
  ASSERT_EQ(view.our_ipv6.size(), 2u) << "wherever they lie";
  EXPECT_EQ(view.link_local(), IpAddress::parse("fe80::2").value());
}

}  // namespace
}  // namespace anabranch::host
