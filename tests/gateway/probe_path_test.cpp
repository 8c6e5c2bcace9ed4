// SPDX-License-Identifier: MIT
// Probes over an uplink of a real kernel, in networks of their own: the gateway has no default
// route, and a reverse-path filter that asks for one.
#include <algorithm>
#include <optional>

#include <gtest/gtest.h>

#include "base/loop.hpp"
#include "gateway/probe_routes.hpp"
#include "kernel/namespaces.hpp"
#include "kernel/reconcile.hpp"
#include "kernel/sysctl.hpp"
#include "probe/reach_prober.hpp"
#include "support/private_network.hpp"

namespace anabranch::gateway {
namespace {

IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

const IpAddress kTarget4 = ip("198.51.100.1");
const IpAddress kTarget6 = ip("2001:db8:ff::1");

Settings one_uplink() {
  Uplink uplink;
  uplink.name = "isp1";
  uplink.interface = "up1";
  uplink.index = 1;
  uplink.next_hop = ip("172.16.1.2");
  uplink.source_prefix = IpPrefix::parse("10.1.0.0/16").value();
  uplink.ipv6.emplace();
  uplink.ipv6->source_prefix = IpPrefix::parse("2001:db8:1::/64").value();
  uplink.ipv6->next_hop = ip("fe80::2");
  uplink.health.probes = {{.kind = HealthProbe::Kind::kIcmp, .address = kTarget4},
                          {.kind = HealthProbe::Kind::kIcmp, .address = kTarget6}};
  Settings out;
  out.lan = "lan0";
  out.uplinks = {uplink};
  return out;
}

class ProbePath : public ::testing::TestWithParam<IpAddress> {
 protected:
  /// The provider has both targets and knows the way back to the uplink's addresses only.
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespaces for this user";
    const auto far = kernel::current_network_namespace().value();
    provider.emplace(kernel::Rtnetlink::open().value());
    ASSERT_TRUE(test::enter_private_network());
    const auto here = kernel::current_network_namespace().value();
    netlink.emplace(kernel::Rtnetlink::open().value());
    ASSERT_TRUE(netlink->create_veth("up1", here.get(), "w1", far.get()));
    const unsigned w1 = provider->link("w1").value().index;
    ASSERT_TRUE(netlink->set_up(netlink->link("up1").value().index, true));
    ASSERT_TRUE(provider->set_up(w1, true));
    ASSERT_TRUE(provider->set_up(1, true));
    give(*netlink, netlink->link("up1").value().index, {"172.16.1.1/24", "2001:db8:a::1/64"});
    give(*provider, w1, {"172.16.1.2/24", "2001:db8:a::2/64", "fe80::2/64"});
    give(*provider, 1, {"198.51.100.1/32", "2001:db8:ff::1/128"});
    ASSERT_TRUE(kernel::write_sysctl("net/ipv4/conf/up1/rp_filter", "2"));
    ASSERT_TRUE(runs(*netlink, "up1"));
    ASSERT_TRUE(runs(*provider, "w1"));
  }

  static void give(kernel::Rtnetlink& to, unsigned ifindex, std::vector<const char*> prefixes) {
    for (const char* prefix : prefixes)
      ASSERT_TRUE(
          to.add(kernel::Address{.ifindex = ifindex, .prefix = IpPrefix::parse(prefix).value()}));
  }

  /// What is sent before the kernel has taken note of the carrier is lost.
  static bool runs(kernel::Rtnetlink& where, std::string_view link) {
    const auto deadline = MonotonicClock::now() + seconds(5);
    while (!where.link(link).value().running)
      if (MonotonicClock::now() > deadline) return false;
    return true;
  }

  Observed observe() { return {netlink->links().value(), netlink->addresses().value(), {}}; }

  /// Makes true what the plan says, without rules of the given priority.
  void apply(std::optional<std::uint32_t> without = std::nullopt) {
    kernel::NetworkState wanted;
    add_probe_routes(settings, observe(), wanted);
    std::erase_if(wanted.rules, [&](const auto& rule) { return rule.priority == without; });
    const auto done = kernel::reconcile(*netlink, wanted, scope_of({}));
    ASSERT_TRUE(done) << done.error().text();
    const auto again = kernel::reconcile(*netlink, wanted, scope_of({}));
    EXPECT_TRUE(again->empty()) << "applied twice it changes: " << again->text();
  }

  /// One that is expected has several tries: the provider has its addresses a moment after it was
  /// given them.
  bool answered(bool expected) {
    for (int i = 0; i < (expected ? 20 : 1); ++i)
      if (ask()) return true;
    return false;
  }

  bool ask() {
    Loop loop;
    bool out = false;
    probe::ReachProber prober(loop, [&](const probe::Reached& reached) {
      out = reached.answered;
      loop.stop();
    });
    const auto& uplink = settings.uplinks[0];
    prober.ask(1, {.kind = probe::ReachTarget::Kind::kEcho, .address = GetParam()},
               {.interface = uplink.interface,
                .mark = probe_mark(uplink),
                .source = probe_source(settings, uplink, GetParam().family(), observe())},
               milliseconds(300));
    loop.run();
    return out;
  }

  Settings settings = one_uplink();
  std::optional<kernel::Rtnetlink> netlink;
  std::optional<kernel::Rtnetlink> provider;  ///< keeps its namespace
};

TEST_P(ProbePath, IsThereWithTheRulesAndGoneWithoutThem) {
  EXPECT_FALSE(answered(false));
  apply();
  EXPECT_TRUE(answered(true));
  const auto cleaned = kernel::reconcile(*netlink, {}, scope_of({}));
  EXPECT_TRUE(cleaned);
  EXPECT_FALSE(answered(false));
}

TEST_P(ProbePath, NeedsTheRuleForAnswersWhereTheReversePathIsFiltered) {
  apply(registry::kGatewayRuleProbeAnswer);
  const bool expected = !GetParam().is_v4();
  EXPECT_EQ(answered(expected), expected);
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, ProbePath, ::testing::Values(kTarget4, kTarget6),
                         [](const auto& each) { return each.param.is_v4() ? "ipv4" : "ipv6"; });

}  // namespace
}  // namespace anabranch::gateway
