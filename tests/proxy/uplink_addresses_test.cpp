// SPDX-License-Identifier: MIT
#include "proxy/uplink_addresses.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "support/private_network.hpp"

namespace anabranch::proxy {
namespace {

using namespace std::chrono_literals;

const UplinkAddresses::Time kStart{1h};

class Uplinks : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespace";
    auto netlink = kernel::Rtnetlink::open();
    ASSERT_TRUE(netlink);
    netlink_ = *std::move(netlink);
    const UniqueFd here(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(netlink_->create_veth("wan0", here.get(), "wan1", here.get()));
    for (const auto* name : {"wan0", "wan1"})
      ASSERT_TRUE(netlink_->set_up(netlink_->link(name)->index, true));
  }

  void add(const char* interface, const char* address) {
    kernel::Address one;
    one.ifindex = netlink_->link(interface)->index;
    one.prefix = IpPrefix::host(IpAddress::parse(address).value());
    ASSERT_TRUE(netlink_->add(one));
  }

  std::string text(UplinkAddresses::Time now, Family family = Family::kIpv4) {
    std::string out;
    for (const auto& [uplink, address] : addresses_.of({"wan0", "wan1", "wan2"}, family, now))
      out += uplink + " " + address.text() + ";";
    return out;
  }

  std::optional<kernel::Rtnetlink> netlink_;
  UplinkAddresses addresses_;
};

TEST_F(Uplinks, EachHasOneOfTheFamily) {
  add("wan0", "192.0.2.1");
  add("wan0", "192.0.2.2");
  add("wan1", "203.0.113.1");
  add("wan1", "2001:db8::1");
  EXPECT_EQ(text(kStart), "wan0 192.0.2.1;wan1 203.0.113.1;");
  EXPECT_EQ(text(kStart, Family::kIpv6), "wan1 2001:db8::1;") << "and none of the link alone";
}

TEST_F(Uplinks, OneWithoutCarrierIsLeftOutASecondLater) {
  add("wan0", "192.0.2.1");
  add("wan1", "203.0.113.1");
  EXPECT_EQ(text(kStart), "wan0 192.0.2.1;wan1 203.0.113.1;");
  ASSERT_TRUE(netlink_->set_up(netlink_->link("wan1")->index, false));
  EXPECT_EQ(text(kStart + 999ms), "wan0 192.0.2.1;wan1 203.0.113.1;");
  EXPECT_EQ(text(kStart + 1s), "") << "the other end of the cable is wan0";
}

}  // namespace
}  // namespace anabranch::proxy
