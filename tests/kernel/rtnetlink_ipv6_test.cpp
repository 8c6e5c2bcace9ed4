// SPDX-License-Identifier: MIT
// IPv6 addresses and routes as the kernel keeps them.
#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/registry.hpp"
#include "kernel/reconcile.hpp"
#include "kernel/rtnetlink.hpp"
#include "support/two_hosts.hpp"

namespace anabranch::kernel {
namespace {

using namespace std::chrono_literals;
using test::must;

IpPrefix prefix(const char* text) {
  return IpPrefix::parse(text).value();
}

Address ours(unsigned ifindex, const char* text) {
  Address out{ifindex, prefix(text), false, registry::kRouteProtocol};
  out.detect_duplicates = true;
  return out;
}

class RtnetlinkIpv6 : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespace of our own";
    netlink_.emplace(must(Rtnetlink::open()));
    const UniqueFd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    must(netlink_->create_veth("a0", here.get(), "b0", here.get()));
    a_ = must(netlink_->link("a0")).index;
    b_ = must(netlink_->link("b0")).index;
    for (const unsigned end : {a_, b_}) must(netlink_->set_up(end, true));
  }
  Address found(unsigned ifindex, const char* text) {
    for (const auto& address : must(netlink_->addresses()))
      if (address.ifindex == ifindex && address.prefix == prefix(text)) return address;
    ADD_FAILURE() << text << " is not there";
    return {};
  }
  Address settled(unsigned ifindex, const char* text) {
    const auto deadline = MonotonicClock::now() + 5s;
    for (;;) {
      const auto address = found(ifindex, text);
      if (!address.tentative || address.duplicate || MonotonicClock::now() > deadline)
        return address;
      std::this_thread::sleep_for(20ms);
    }
  }

  std::optional<Rtnetlink> netlink_;
  unsigned a_ = 0;
  unsigned b_ = 0;
};

TEST_F(RtnetlinkIpv6, AnAddressIsTentativeUntilNobodyHasIt) {
  must(netlink_->add(ours(a_, "2001:db8::5/64")));
  EXPECT_TRUE(found(a_, "2001:db8::5/64").tentative);
  EXPECT_FALSE(settled(a_, "2001:db8::5/64").tentative);
  auto sure = ours(a_, "2001:db8::6/64");
  sure.detect_duplicates = false;
  must(netlink_->add(sure));
  EXPECT_FALSE(found(a_, "2001:db8::6/64").tentative);
}

TEST_F(RtnetlinkIpv6, ADuplicateWithoutAnEndIsKeptAndToldOf) {
  auto other = ours(b_, "2001:db8::5/64");
  other.detect_duplicates = false;
  must(netlink_->add(other));
  must(netlink_->add(ours(a_, "2001:db8::5/64")));
  const auto mine = settled(a_, "2001:db8::5/64");
  EXPECT_TRUE(mine.duplicate);
  EXPECT_TRUE(mine.tentative) << "it cannot be used";
}

TEST_F(RtnetlinkIpv6, LifetimesAreSetAnewInPlace) {
  auto address = ours(a_, "2001:db8::5/64");
  must(netlink_->add(address));
  settled(a_, "2001:db8::5/64");
  const Scope scope{17400, 17409, 20000, 20009, {a_}};
  address.valid = 600s;
  address.preferred = 300s;
  const auto renewed = must(reconcile(*netlink_, {{address}, {}, {}}, scope));
  EXPECT_EQ(renewed.renew.size(), 1u);
  const auto now = found(a_, "2001:db8::5/64");
  EXPECT_FALSE(now.tentative) << "known to be free it stays";
  EXPECT_FALSE(now.deprecated);
  EXPECT_GE(now.valid, 598s);
  EXPECT_GE(now.preferred, 298s);
  EXPECT_LE(now.preferred, 300s);
  address.preferred = 0s;
  must(reconcile(*netlink_, {{address}, {}, {}}, scope));
  EXPECT_TRUE(found(a_, "2001:db8::5/64").deprecated);
  EXPECT_TRUE(must(reconcile(*netlink_, {{address}, {}, {}}, scope)).empty());
}

TEST_F(RtnetlinkIpv6, ARouteWithSourceMetricAndMtuComesBackAsItWasMade) {
  auto address = ours(a_, "2001:db8::5/64");
  address.detect_duplicates = false;
  Route route;
  route.table = 17402;
  route.to = IpPrefix::any(Family::kIpv6);
  route.via = IpAddress::parse("fe80::1").value();
  route.ifindex = a_;
  route.source = address.prefix.address();
  route.metric = 1024;
  route.mtu = 1400;
  route.protocol = registry::kRouteProtocol;
  const Scope scope{17400, 17409, 20000, 20009, {a_}};
  const NetworkState wanted{{address}, {route}, {}};
  must(reconcile(*netlink_, wanted, scope));
  EXPECT_TRUE(must(reconcile(*netlink_, wanted, scope)).empty()) << "nothing is left to do";
}

}  // namespace
}  // namespace anabranch::kernel
