// SPDX-License-Identifier: MIT
#include "kernel/reconcile.hpp"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

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

TEST(Compare, ASecondRangeOfTablesIsOursToo) {
  Scope scope = kScope;
  Route route;
  route.table = 17701;
  route.protocol = registry::kRouteProtocol;
  EXPECT_FALSE(scope.owns(route));
  scope.first_further_table = 17701;
  scope.last_further_table = 17764;
  EXPECT_TRUE(scope.owns(route));
  route.table = 17765;
  EXPECT_FALSE(scope.owns(route));
  route.table = 17400;
  EXPECT_FALSE(scope.owns(route)) << "between the two";
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

TEST(Compare, AnAddressWithAnotherPreferenceIsRenewed) {
  Address wanted;
  wanted.ifindex = 1;
  wanted.prefix = prefix("2001:db8::5/64");
  wanted.protocol = registry::kRouteProtocol;
  wanted.valid = seconds(600);
  wanted.preferred = seconds(300);
  struct Row {
    std::optional<seconds> valid, preferred;
    bool same;
  };
  for (const auto& row :
       {Row{seconds(600), seconds(300), true}, Row{seconds(597), seconds(297), true},
        Row{seconds(600), std::nullopt, false}, Row{seconds(600), seconds(0), false},
        Row{std::nullopt, seconds(300), false}}) {
    auto actual = wanted;
    actual.valid = row.valid;
    actual.preferred = row.preferred;
    EXPECT_EQ(compare({{wanted}, {}, {}}, {{actual}, {}, {}}, kScope).empty(), row.same);
  }
  auto deprecated = wanted;
  deprecated.preferred = seconds(0);
  auto almost = wanted;
  almost.preferred = seconds(2);
  EXPECT_FALSE(compare({{deprecated}, {}, {}}, {{almost}, {}, {}}, kScope).empty())
      << "deprecated is deprecated";
}

TEST(Compare, AnAddressWithAnotherLifetimeIsRenewedAndNotAdded) {
  Address wanted;
  wanted.ifindex = 1;
  wanted.prefix = prefix("10.1.0.1/16");
  wanted.protocol = registry::kRouteProtocol;
  wanted.valid = seconds(600);
  Address found = wanted;
  found.valid = seconds(10);
  const Difference difference = compare({{wanted}, {}, {}}, {{found}, {}, {}}, kScope);
  EXPECT_TRUE(difference.add.addresses.empty()) << "nobody took it away";
  ASSERT_EQ(difference.renew.size(), 1u);
  EXPECT_EQ(difference.renew[0].valid, seconds(600));
  EXPECT_FALSE(difference.empty());
  EXPECT_EQ(difference.text(), "1 address set");
}

TEST(Compare, OnAnInterfaceOfOthersOnlyHostAddressesAreOurs) {
  Scope scope = kScope;
  scope.shared_interface = 7;
  Address ours;
  ours.ifindex = 7;
  ours.prefix = prefix("10.2.16.5/32");
  ours.protocol = registry::kRouteProtocol;
  EXPECT_TRUE(scope.owns(ours));
  Address theirs = ours;
  theirs.protocol = 0;
  EXPECT_FALSE(scope.owns(theirs));
  Address router = ours;
  router.prefix = prefix("10.2.0.1/16");
  EXPECT_FALSE(scope.owns(router));
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

TEST_F(ReconcileInKernel, OnlyRoutesOfTheRangeAndOfOursAreListed) {
  Route ours;
  ours.table = 17301;
  ours.to = prefix("10.9.0.0/16");
  ours.type = Route::Type::kUnreachable;
  ours.protocol = registry::kRouteProtocol;
  Route foreign = ours;
  foreign.to = prefix("10.10.0.0/16");
  foreign.protocol = 99;
  Route outside = ours;
  outside.table = 17450;
  for (const auto& route : {ours, foreign, outside}) ASSERT_TRUE(netlink_->add(route));
  const auto listed = netlink_->routes(17300, 17399, registry::kRouteProtocol);
  ASSERT_TRUE(listed) << listed.error().text();
  EXPECT_EQ(*listed, std::vector{ours});
  EXPECT_TRUE(netlink_->routes(17500, 17503, registry::kRouteProtocol)->empty())
      << "tables that do not exist hold nothing";
}

TEST_F(ReconcileInKernel, TheDefaultRouterIsFoundAmongOtherRoutes) {
  ASSERT_TRUE(netlink_->create_bridge("wire0"));
  const unsigned wire = netlink_->link("wire0").value().index;
  ASSERT_TRUE(netlink_->set_up(wire, true));
  EXPECT_FALSE(netlink_->default_router(wire)) << "there is none";
  Address address;
  address.ifindex = wire;
  address.prefix = prefix("10.1.0.50/16");
  ASSERT_TRUE(netlink_->add(address));
  Route route;
  route.table = kMainTable;
  route.to = prefix("198.51.100.0/24");
  route.via = IpAddress::parse("10.1.0.9").value();
  route.ifindex = wire;
  route.onlink = true;
  ASSERT_TRUE(netlink_->add(route));
  EXPECT_FALSE(netlink_->default_router(wire));
  route.to = IpPrefix::any(Family::kIpv4);
  route.via = IpAddress::parse("10.1.0.1").value();
  ASSERT_TRUE(netlink_->add(route));
  EXPECT_EQ(netlink_->default_router(wire), IpAddress::parse("10.1.0.1").value());
}

TEST_F(ReconcileInKernel, ADumpThatChangesUnderwayIsAskedForAgain) {
  // Enough addresses for several datagrams, and somebody who takes the first and sets it again as
  // the last, over and over: a reader halfway misses one and sees another twice.
  constexpr unsigned kAddresses = 1500;
  const auto numbered = [](unsigned i) {
    Address address;
    address.ifindex = 1;
    address.prefix = IpPrefix(IpAddress::v4(0x0a000000 + i), 32);
    return address;
  };
  for (unsigned i = 0; i < kAddresses; ++i) ASSERT_TRUE(netlink_->add(numbered(i)));
  std::atomic<bool> going = true;
  std::thread other([&] {
    auto netlink = Rtnetlink::open().value();
    for (unsigned i = 0; going; i = (i + 1) % kAddresses) {
      (void)netlink.remove(numbered(i));
      (void)netlink.add(numbered(i));
      std::this_thread::sleep_for(std::chrono::milliseconds(15));
    }
  });
  for (int i = 0; i < 60; ++i) {
    const auto listed = netlink_->addresses();
    ASSERT_TRUE(listed) << listed.error().text();
    std::set<std::string> distinct;
    for (const auto& address : *listed) distinct.insert(address.prefix.text());
    EXPECT_EQ(distinct.size(), listed->size()) << "an address is listed twice";
    EXPECT_GE(distinct.size(), kAddresses - 1) << "one may be under way, and no more";
  }
  going = false;
  other.join();
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

TEST_F(ReconcileInKernel, ARoutingDaemonThatFillsTheMainTableDoesNotWakeUs) {
  auto monitor = RouteMonitor::open().value();
  monitor.drain();
  Route route;
  route.table = kMainTable;
  route.to = prefix("10.9.0.0/16");
  route.ifindex = 1;
  route.protocol = 186;
  ASSERT_TRUE(netlink_->add(route));
  EXPECT_FALSE(monitor.drain().any());
  ASSERT_TRUE(netlink_->remove(route));
  EXPECT_FALSE(monitor.drain().any());
  route.table = 17301;
  ASSERT_TRUE(netlink_->add(route));
  EXPECT_TRUE(monitor.drain().routes) << "in a table of ours anybody's route matters";
  route.table = kMainTable;
  route.to = IpPrefix::any(Family::kIpv4);
  ASSERT_TRUE(netlink_->add(route));
  EXPECT_TRUE(monitor.drain().routes) << "a default route matters";
}

}  // namespace
}  // namespace anabranch::kernel
