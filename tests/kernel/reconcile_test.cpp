// SPDX-License-Identifier: MIT
#include "kernel/reconcile.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/registry.hpp"
#include "kernel/namespaces.hpp"
#include "support/private_network.hpp"

namespace anabranch::kernel {
namespace {

const Scope kScope{17300, 17399, 900, 1999, {1}};

IpPrefix prefix(const char* text) {
  return IpPrefix::parse(text).value();
}

Rule rule(std::uint32_t priority, const char* from, std::uint32_t table) {
  Rule out;
  out.priority = priority;
  out.from = prefix(from);
  out.table = table;
  out.protocol = registry::kRouteProtocol;
  return out;
}

TEST(Compare, LeavesForeignObjectsAlone) {
  Rule foreign = rule(1001, "10.9.0.0/16", 17301);
  foreign.protocol = 99;
  Rule outside = rule(5000, "10.9.0.0/16", 17301);
  const Difference difference = compare({}, {{}, {}, {foreign, outside}}, kScope);
  EXPECT_TRUE(difference.empty());
}

TEST(Compare, AReplacedRouteIsNotRemovedAfterwards) {
  Route old;
  old.table = 17301;
  old.to = IpPrefix::any(Family::kIpv4);
  old.metric = 100;
  old.via = IpAddress::parse("192.0.2.1").value();
  old.protocol = registry::kRouteProtocol;
  Route fresh = old;
  fresh.via = IpAddress::parse("192.0.2.2").value();
  const Difference difference = compare({{}, {fresh}, {}}, {{}, {old}, {}}, kScope);
  EXPECT_EQ(difference.add.routes.size(), 1u);
  EXPECT_TRUE(difference.remove.routes.empty());
}

class ReconcileInKernel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
    netlink_.emplace(Rtnetlink::open().value());
    ASSERT_TRUE(netlink_->set_up(1, true));
  }
  std::optional<Rtnetlink> netlink_;
};

TEST_F(ReconcileInKernel, ApplyingTwiceChangesNothingAndEmptyRemovesEverything) {
  Address address;
  address.ifindex = 1;
  address.prefix = prefix("10.1.0.1/16");
  address.protocol = registry::kRouteProtocol;
  Route unreachable;
  unreachable.table = 17301;
  unreachable.to = IpPrefix::any(Family::kIpv4);
  unreachable.type = Route::Type::kUnreachable;
  unreachable.metric = registry::kMetricUnreachable;
  unreachable.protocol = registry::kRouteProtocol;
  Rule drop;
  drop.priority = 1900;
  drop.input_interface = "lo";
  drop.action = Rule::Action::kBlackhole;
  drop.protocol = registry::kRouteProtocol;
  const NetworkState desired{{address}, {unreachable}, {rule(1001, "10.1.0.0/16", 17301), drop}};

  const auto before = observe(*netlink_, kScope).value();
  const auto first = reconcile(*netlink_, desired, kScope);
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_EQ(first->text(), "1 address set, 1 route set, 2 rules set");
  const auto second = reconcile(*netlink_, desired, kScope);
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_TRUE(second->empty()) << second->text();

  ASSERT_TRUE(reconcile(*netlink_, {}, kScope));
  const auto after = observe(*netlink_, kScope).value();
  EXPECT_EQ(after.routes, before.routes);
  EXPECT_EQ(after.rules, before.rules);
  EXPECT_EQ(after.addresses.size(), before.addresses.size());
}

TEST_F(ReconcileInKernel, RefusalCarriesTheKernelsWords) {
  Route route;
  route.table = 17301;
  route.to = IpPrefix::any(Family::kIpv4);
  route.via = IpAddress::parse("203.0.113.1").value();
  const auto done = netlink_->add(route);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().what.find("("), std::string::npos) << done.error().what;
}

TEST_F(ReconcileInKernel, VethAndMacvlanAcrossNamespaces) {
  const auto other = create_network_namespace().value();
  const auto here = current_network_namespace().value();
  ASSERT_TRUE(netlink_->create_veth("left0", here.get(), "right0", other.get()));
  const auto left = netlink_->link("left0").value();
  EXPECT_EQ(left.kind, "veth");
  ASSERT_TRUE(netlink_->create_macvlan("anab9p2", left.index,
                                       MacAddress::parse("02:00:00:00:00:02").value()));
  EXPECT_EQ(netlink_->link("anab9p2").value().parent, left.index);
  const auto seen = inside_network_namespace(other.get(), []() -> Result<void> {
    auto netlink = Rtnetlink::open();
    if (!netlink) return std::unexpected(netlink.error());
    const auto link = netlink->link("right0");
    if (!link) return std::unexpected(link.error());
    return {};
  });
  EXPECT_TRUE(seen) << seen.error().text();
  EXPECT_FALSE(netlink_->link("right0"));
}

TEST_F(ReconcileInKernel, MonitorSaysWhatKindOfThingChanged) {
  auto monitor = RouteMonitor::open().value();
  monitor.drain();
  ASSERT_TRUE(netlink_->add(rule(1001, "10.1.0.0/16", 17301)));
  const auto changes = monitor.drain();
  EXPECT_TRUE(changes.rules);
  EXPECT_FALSE(changes.routes);
}

}  // namespace
}  // namespace anabranch::kernel
