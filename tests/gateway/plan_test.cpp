// SPDX-License-Identifier: MIT
#include "gateway/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::gateway {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view kLan = "[lan]\ninterface = \"lan0\"\n";

std::string uplink(int k, std::string_view more = {}) {
  const std::string n = std::to_string(k);
  return "[[uplink]]\nname = \"isp" + n + "\"\ninterface = \"up" + n + "\"\nnext_hop = \"172.16." +
         n + ".2\"\nindex = " + n + "\nsource_prefix = \"10." + n + ".0.0/16\"\n" +
         std::string(more) + "\n";
}

Settings settings(const std::string& uplinks) {
  auto out = parse(std::string(kLan) + uplinks, "g.toml");
  EXPECT_TRUE(out) << out.error().text();
  return *std::move(out);
}

kernel::LinkInfo link(unsigned index, std::string name, bool admin_up = true, bool carrier = true) {
  kernel::LinkInfo out;
  out.index = index;
  out.name = std::move(name);
  out.admin_up = admin_up;
  out.carrier = carrier;
  out.running = admin_up && carrier;
  return out;
}

Observed all_well() {
  return {{link(2, "lan0"), link(3, "up1"), link(4, "up2")}, {}};
}

/// Routes of one table as "via dev metric", in the order of the kernel's preference.
std::vector<std::string> routes(const Plan& plan, std::uint32_t table,
                                Family family = Family::kIpv4) {
  std::vector<std::string> out;
  for (const auto& route : plan.network.routes) {
    if (route.table != table || route.to.family() != family) continue;
    EXPECT_EQ(route.protocol, registry::kRouteProtocol);
    out.push_back(
        (route.via ? route.via->text() + " dev " + std::to_string(route.ifindex) : "unreachable") +
        " " + std::to_string(route.metric));
  }
  return out;
}

std::vector<std::string> rules(const Plan& plan, Family family = Family::kIpv4) {
  std::vector<std::string> out;
  for (const auto& rule : plan.network.rules) {
    if (rule.family != family) continue;
    EXPECT_EQ(rule.protocol, registry::kRouteProtocol);
    out.push_back(std::to_string(rule.priority) + (rule.from ? " from " + rule.from->text() : "") +
                  (rule.to ? " to " + rule.to->text() : "") +
                  (rule.input_interface.empty() ? "" : " iif " + rule.input_interface) +
                  (rule.action == kernel::Rule::Action::kBlackhole
                       ? " blackhole"
                       : " " + std::to_string(rule.table)));
  }
  return out;
}

TEST(Plan, SourcePrefixChoosesTheTableAndUnknownSourcesAreDropped) {
  const Plan plan = make_plan(settings(uplink(1) + uplink(2)), all_well());
  EXPECT_THAT(rules(plan),
              ElementsAre("900 to 10.1.0.0/16 254", "900 to 10.2.0.0/16 254",
                          "1001 from 10.1.0.0/16 iif lan0 17301",
                          "1002 from 10.2.0.0/16 iif lan0 17302", "1900 iif lan0 blackhole"));
  EXPECT_THAT(routes(plan, 17301), ElementsAre("172.16.1.2 dev 3 100", "unreachable 4000"));
  EXPECT_THAT(routes(plan, 17302), ElementsAre("172.16.2.2 dev 4 100", "unreachable 4000"));
}

TEST(Plan, FurtherLocalPrefixesBypassTheUplinks) {
  const auto wanted = parse(
      "[lan]\ninterface = \"lan0\"\nlocal_prefixes = [\"192.168.7.0/24\"]\n" + uplink(1), "g.toml");
  EXPECT_THAT(rules(make_plan(*wanted, all_well())),
              ElementsAre("900 to 10.1.0.0/16 254", "900 to 192.168.7.0/24 254",
                          "1001 from 10.1.0.0/16 iif lan0 17301", "1900 iif lan0 blackhole"));
}

TEST(Plan, RoutersAddressesComeOntoTheLan) {
  const Plan plan = make_plan(settings(uplink(1) + uplink(2)), all_well());
  ASSERT_EQ(plan.network.addresses.size(), 2u);
  EXPECT_EQ(plan.network.addresses[1].prefix.text(), "10.2.0.1/16");
  EXPECT_EQ(plan.network.addresses[1].ifindex, 2u);
}

TEST(Plan, AnAddressTheOperatorHasSetStaysHis) {
  Observed observed = all_well();
  kernel::Address mine;
  mine.ifindex = 2;
  mine.prefix = IpPrefix::parse("10.1.0.1/24").value();
  observed.addresses.push_back(mine);
  const Plan plan = make_plan(settings(uplink(1) + uplink(2)), observed);
  ASSERT_EQ(plan.network.addresses.size(), 1u);
  EXPECT_EQ(plan.network.addresses[0].prefix.text(), "10.2.0.1/16");
}

TEST(Plan, AnAddressOfOursIsKept) {
  Observed observed = all_well();
  const auto wanted = settings(uplink(1));
  observed.addresses = make_plan(wanted, observed).network.addresses;
  EXPECT_EQ(make_plan(wanted, observed).network.addresses.size(), 1u);
}

struct Health {
  bool admin_up;
  bool carrier;
  bool fail_open;
  bool other_well;
  PathState state;
  std::string why;
  std::vector<std::string> table;
};

class PlanOfHealth : public ::testing::TestWithParam<Health> {};

TEST_P(PlanOfHealth, OfUplinkTwo) {
  const auto& given = GetParam();
  const auto wanted =
      settings(uplink(1) + uplink(2, given.fail_open ? "fail_open = \"isp1\"" : ""));
  const Observed observed{{link(2, "lan0"), link(3, "up1", true, given.other_well),
                           link(4, "up2", given.admin_up, given.carrier)},
                          {}};
  const Plan plan = make_plan(wanted, observed);
  EXPECT_EQ(plan.paths[1].state, given.state);
  EXPECT_EQ(plan.paths[1].why, given.why);
  EXPECT_EQ(routes(plan, 17302), given.table);
}

INSTANTIATE_TEST_SUITE_P(
    Each, PlanOfHealth,
    ::testing::Values(
        Health{true,
               true,
               true,
               true,
               PathState::kUp,
               "",
               {"172.16.2.2 dev 4 100", "172.16.1.2 dev 3 2000", "unreachable 4000"}},
        // The kernel passes over the first route by itself when the carrier is lost.
        Health{true,
               false,
               false,
               true,
               PathState::kDown,
               "up2 has no carrier",
               {"172.16.2.2 dev 4 100", "unreachable 4000"}},
        Health{
            false, false, false, true, PathState::kDown, "up2 is set down", {"unreachable 4000"}},
        Health{true,
               false,
               true,
               true,
               PathState::kFailOpen,
               "up2 has no carrier; its hosts leave through isp1",
               {"172.16.2.2 dev 4 100", "172.16.1.2 dev 3 2000", "unreachable 4000"}},
        Health{false,
               false,
               true,
               false,
               PathState::kDown,
               "up2 is set down, nor can isp1 carry its hosts",
               {"172.16.1.2 dev 3 2000", "unreachable 4000"}}));

TEST(Plan, AnUplinkThatDoesNotWorkIsLeftOutOfItsTable) {
  Observed observed = all_well();
  observed.health["isp2"] = {.works = false, .why = "no answer from icmp:198.51.100.1 for 1.4 s"};
  const Plan plan = make_plan(settings(uplink(1) + uplink(2)), observed);
  EXPECT_EQ(plan.paths[0].state, PathState::kUp);
  EXPECT_EQ(plan.paths[1].state, PathState::kDown);
  EXPECT_EQ(plan.paths[1].why, "no answer from icmp:198.51.100.1 for 1.4 s");
  EXPECT_THAT(routes(plan, 17301), ElementsAre("172.16.1.2 dev 3 100", "unreachable 4000"));
  EXPECT_THAT(routes(plan, 17302), ElementsAre("unreachable 4000"));
}

TEST(Plan, AnUplinkThatDoesNotWorkFailsOpenToOneThatDoes) {
  Observed observed = all_well();
  const auto wanted = settings(uplink(1) + uplink(2, "fail_open = \"isp1\""));
  observed.health["isp2"] = {.works = false, .why = "silent"};
  const Plan rescued = make_plan(wanted, observed);
  EXPECT_EQ(rescued.paths[1].state, PathState::kFailOpen);
  EXPECT_EQ(rescued.paths[1].why, "silent; its hosts leave through isp1");
  EXPECT_THAT(routes(rescued, 17302), ElementsAre("172.16.1.2 dev 3 2000", "unreachable 4000"));

  observed.health["isp1"] = {.works = false, .why = "silent"};
  const Plan lost = make_plan(wanted, observed);
  EXPECT_EQ(lost.paths[1].why, "silent, nor can isp1 carry its hosts");
  EXPECT_THAT(routes(lost, 17302), ElementsAre("unreachable 4000")) << "not into the dark";
}

TEST(Plan, ProbesLeaveByAnUplinkThatDoesNotWork) {
  Observed observed = all_well();
  observed.health["isp1"] = {.works = false, .why = "silent"};
  const Plan plan =
      make_plan(settings(uplink(1, "[uplink.health]\nprobes = [\"icmp:198.51.100.1\"]")), observed);
  EXPECT_THAT(routes(plan, 17701), ElementsAre("172.16.1.2 dev 3 100"));
  EXPECT_THAT(routes(plan, 17301), ElementsAre("unreachable 4000"));
}

TEST(Plan, AMissingUplinkIsDownAndTheRestGoesOn) {
  const Plan plan =
      make_plan(settings(uplink(1) + uplink(2)), {{link(2, "lan0"), link(3, "up1")}, {}});
  EXPECT_EQ(plan.paths[0].state, PathState::kUp);
  EXPECT_EQ(plan.paths[1].why, "there is no interface up2");
  EXPECT_THAT(routes(plan, 17302), ElementsAre("unreachable 4000"));
  EXPECT_FALSE(plan.sysctls.contains("net/ipv4/conf/up2/forwarding"));
}

TEST(Plan, SysctlsAreThoseOfTheInterfacesItOwns) {
  const Plan plan = make_plan(settings(uplink(1)), all_well());
  const std::map<std::string, std::string> expected = {
      {"net/ipv4/conf/lan0/forwarding", "1"},
      {"net/ipv4/conf/lan0/rp_filter", "2"},
      {"net/ipv4/conf/up1/forwarding", "1"},
      {"net/ipv4/conf/up1/ignore_routes_with_linkdown", "1"},
      {"net/ipv4/conf/up1/rp_filter", "2"}};
  EXPECT_EQ(plan.sysctls, expected);
}

TEST(Plan, HostsBehindARouterAreRoutedThereInATableOfOurs) {
  const auto wanted =
      parse("[lan]\ninterface = \"lan0\"\nvia = \"192.0.2.1\"\n" + uplink(1) + uplink(2), "g.toml");
  Observed observed = all_well();
  const Plan lacking = make_plan(*wanted, observed);
  EXPECT_THAT(lacking.lan_problem, "lan0 has no IPv4 address") << "for relays to write to";
  kernel::Address own;
  own.ifindex = 2;
  own.prefix = IpPrefix::parse("192.0.2.2/24").value();
  observed.addresses.push_back(own);
  const Plan plan = make_plan(*wanted, observed);
  EXPECT_EQ(plan.lan_problem, "");
  EXPECT_TRUE(plan.network.addresses.empty()) << "the hosts' routers are elsewhere";
  EXPECT_THAT(rules(plan),
              ElementsAre("900 to 10.1.0.0/16 17300", "900 to 10.2.0.0/16 17300",
                          "1001 from 10.1.0.0/16 iif lan0 17301",
                          "1002 from 10.2.0.0/16 iif lan0 17302", "1900 iif lan0 blackhole"));
  EXPECT_THAT(routes(plan, 17300), ElementsAre("192.0.2.1 dev 2 100", "192.0.2.1 dev 2 100"));
  for (const auto& route : plan.network.routes) EXPECT_TRUE(scope_of({2}).owns(route));
}

TEST(Plan, ASiteWithARoutingProtocolKeepsItsMainTable) {
  const auto wanted = parse("[lan]\ninterface = \"lan0\"\nvia = \"main\"\n" + uplink(1), "g.toml");
  const Plan plan = make_plan(*wanted, all_well());
  EXPECT_TRUE(plan.network.addresses.empty());
  EXPECT_THAT(rules(plan)[0], "900 to 10.1.0.0/16 254");
  EXPECT_TRUE(routes(plan, 17300).empty());
}

TEST(Plan, SaysWhyTheLanCannotBeServed) {
  const auto wanted = settings(uplink(1));
  EXPECT_EQ(make_plan(wanted, {{link(3, "up1")}, {}}).lan_problem, "there is no interface lan0");
  EXPECT_EQ(make_plan(wanted, {{link(2, "lan0", false, false)}, {}}).lan_problem,
            "lan0 is set down");
  EXPECT_EQ(make_plan(wanted, {{link(2, "lan0", true, false)}, {}}).lan_problem,
            "lan0 has no carrier");
  EXPECT_EQ(make_plan(wanted, all_well()).lan_problem, "");
}

std::string uplink6(int k, std::string_view more = {}) {
  const std::string n = std::to_string(k);
  return "[[uplink]]\nname = \"isp" + n + "\"\ninterface = \"up" + n + "\"\nindex = " + n + "\n" +
         std::string(more) + "[uplink.ipv6]\nsource_prefix = \"2001:db8:" + n +
         "::/64\"\nnext_hop = \"fe80::" + n + "\"\n";
}

std::vector<std::string> addresses(const Plan& plan) {
  std::vector<std::string> out;
  for (const auto& address : plan.network.addresses) out.push_back(address.prefix.text());
  return out;
}

TEST(Plan6, SourcePrefixChoosesTheTableAsInIpv4) {
  const Plan plan = make_plan(settings(uplink6(1) + uplink6(2)), all_well());
  EXPECT_THAT(rules(plan, Family::kIpv6),
              ElementsAre("900 to 2001:db8:1::/64 254", "900 to 2001:db8:2::/64 254",
                          "1001 from 2001:db8:1::/64 iif lan0 17301",
                          "1002 from 2001:db8:2::/64 iif lan0 17302", "1900 iif lan0 blackhole"));
  EXPECT_THAT(routes(plan, 17302, Family::kIpv6),
              ElementsAre("fe80::2 dev 4 100", "unreachable 4000"));
  EXPECT_TRUE(rules(plan).empty()) << "IPv4 is left as it is";
  EXPECT_TRUE(routes(plan, 17302).empty());
}

TEST(Plan6, FamiliesOfOnePathAreIndependent) {
  const Plan plan = make_plan(settings(uplink(1) + uplink6(2)), all_well());
  EXPECT_THAT(rules(plan),
              ElementsAre("900 to 10.1.0.0/16 254", "1001 from 10.1.0.0/16 iif lan0 17301",
                          "1900 iif lan0 blackhole"));
  EXPECT_THAT(rules(plan, Family::kIpv6),
              ElementsAre("900 to 2001:db8:2::/64 254", "1002 from 2001:db8:2::/64 iif lan0 17302",
                          "1900 iif lan0 blackhole"));
  EXPECT_THAT(addresses(plan),
              ElementsAre("10.1.0.1/16", "2001:db8:2::1/64", "fe80::616e:6162:0:2/128"));
}

TEST(Plan6, DelegatedPrefixesLeaveAndReturnAsTheSourcePrefixDoes) {
  const Plan plan =
      make_plan(settings(uplink6(1) + "delegated = \"2001:db8:8000::/48\"\n"), all_well());
  EXPECT_THAT(
      rules(plan, Family::kIpv6),
      ElementsAre("900 to 2001:db8:1::/64 254", "900 to 2001:db8:8000::/48 254",
                  "1001 from 2001:db8:1::/64 iif lan0 17301",
                  "1001 from 2001:db8:8000::/48 iif lan0 17301", "1900 iif lan0 blackhole"));
}

TEST(Plan6, ADelegatedPrefixIsRoutedToWhoHasIt) {
  const auto wanted = settings(
      uplink6(1) +
      "delegated = \"2001:db8:8000::/48\"\ndelegated_length = 56\n[dhcp6]\nmode = \"kea\"\n");
  Observed observed = all_well();
  observed.delegations = {
      {IpPrefix::parse("2001:db8:8000:100::/56").value(),
       IpAddress::parse("2001:db8:1::1:7").value()},
      {IpPrefix::parse("2001:db8:9000::/56").value(), IpAddress::parse("2001:db8:1::1:7").value()}};
  const Plan plan = make_plan(wanted, observed);
  EXPECT_EQ(rules(plan, Family::kIpv6)[1], "900 to 2001:db8:8000::/48 17300");
  EXPECT_THAT(routes(plan, 17300, Family::kIpv6),
              ElementsAre("2001:db8:1::1:7 dev 2 100", "unreachable 4000"))
      << "what an earlier configuration delegated is none of ours";
  for (const auto& route : plan.network.routes) EXPECT_TRUE(scope_of({2}).owns(route));
}

TEST(Plan6, Dhcpv6WaitsForALinkLocalAddressThatIsTheLansOwn) {
  const auto wanted = settings(uplink6(1) + "[dhcp6]\nmode = \"kea\"\n");
  Observed observed = all_well();
  observed.addresses = make_plan(wanted, observed).network.addresses;
  EXPECT_EQ(make_plan(wanted, observed).dhcp6_problem, "lan0 has no link-local IPv6 address");
  kernel::Address own;
  own.ifindex = 2;
  own.prefix = IpPrefix::parse("fe80::1234/64").value();
  own.tentative = true;
  observed.addresses.push_back(own);
  EXPECT_NE(make_plan(wanted, observed).dhcp6_problem, "");
  observed.addresses.back().tentative = false;
  EXPECT_EQ(make_plan(wanted, observed).dhcp6_problem, "");
  EXPECT_EQ(make_plan(settings(uplink6(1)), all_well()).dhcp6_problem, "") << "nobody asked";
}

TEST(Plan6, FailsOpenWhereTheOtherHasIpv6Too) {
  const Observed observed{{link(2, "lan0"), link(3, "up1"), link(4, "up2", true, false)}, {}};
  const Plan plan =
      make_plan(settings(uplink6(1) + uplink6(2, "fail_open = \"isp1\"\n")), observed);
  EXPECT_THAT(routes(plan, 17302, Family::kIpv6),
              ElementsAre("fe80::2 dev 4 100", "fe80::1 dev 3 2000", "unreachable 4000"));
  EXPECT_EQ(plan.paths[1].state, PathState::kFailOpen);
}

TEST(Plan6, EachPathHasASourceOfAdvertisementsThatKeaDoesNotListenOn) {
  const Plan plan = make_plan(settings(uplink6(1)), all_well());
  ASSERT_EQ(plan.network.addresses.size(), 2u);
  const auto& source = plan.network.addresses[1];
  EXPECT_EQ(source.prefix.text(), "fe80::616e:6162:0:1/128");
  EXPECT_EQ(source.peer->text(), "::1");
  EXPECT_EQ(source.ifindex, 2u);
}

TEST(Plan6, AnIpv4GatewayHasThemWhereItsLanSpeaksIpv6) {
  Observed observed = all_well();
  const auto wanted = settings(uplink(1));
  EXPECT_THAT(addresses(make_plan(wanted, observed)), ElementsAre("10.1.0.1/16"));
  kernel::Address own;
  own.ifindex = 2;
  own.prefix = IpPrefix::parse("fe80::1234/64").value();
  observed.addresses.push_back(own);
  EXPECT_THAT(addresses(make_plan(wanted, observed)),
              ElementsAre("10.1.0.1/16", "fe80::616e:6162:0:1/128"));
  const auto silent =
      parse("[lan]\ninterface = \"lan0\"\n[advertise]\nenabled = false\n" + uplink(1), "g.toml");
  EXPECT_THAT(addresses(make_plan(*silent, observed)), ElementsAre("10.1.0.1/16"));
}

TEST(Plan6, SysctlsMakeItARouterThatStillHearsItsProviders) {
  const Plan plan = make_plan(settings(uplink6(1)), all_well());
  const std::map<std::string, std::string> expected = {
      {"net/ipv6/conf/lan0/forwarding", "1"},
      {"net/ipv6/conf/lan0/force_forwarding", "1"},
      {"net/ipv6/conf/up1/accept_ra", "2"},
      {"net/ipv6/conf/up1/forwarding", "1"},
      {"net/ipv6/conf/up1/force_forwarding", "1"},
      {"net/ipv6/conf/up1/ignore_routes_with_linkdown", "1"}};
  EXPECT_EQ(plan.sysctls, expected);
}

TEST(Plan6, OwnsWhatItMakes) {
  const auto scope = scope_of({2});
  const Plan plan = make_plan(settings(uplink6(1)), all_well());
  for (const auto& route : plan.network.routes) EXPECT_TRUE(scope.owns(route));
  for (const auto& rule : plan.network.rules) EXPECT_TRUE(scope.owns(rule));
  for (const auto& address : plan.network.addresses) EXPECT_TRUE(scope.owns(address));
}

TEST(Plan, OwnsItsTablesPrioritiesAndLanOnly) {
  const auto scope = scope_of({2});
  const Plan plan = make_plan(settings(uplink(1)), all_well());
  for (const auto& route : plan.network.routes) EXPECT_TRUE(scope.owns(route));
  for (const auto& rule : plan.network.rules) EXPECT_TRUE(scope.owns(rule));
  for (const auto& address : plan.network.addresses) EXPECT_TRUE(scope.owns(address));
  kernel::Rule of_a_host;
  of_a_host.priority = registry::kHostRuleBase + 1;
  of_a_host.protocol = registry::kRouteProtocol;
  EXPECT_FALSE(scope.owns(of_a_host));
  kernel::Route of_another;
  of_another.table = registry::kHostTableBase + 1;
  of_another.protocol = registry::kRouteProtocol;
  EXPECT_FALSE(scope.owns(of_another));
}

}  // namespace
}  // namespace anabranch::gateway
