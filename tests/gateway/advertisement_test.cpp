// SPDX-License-Identifier: MIT
#include "gateway/advertisement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const MacAddress kMac = *MacAddress::parse("02:00:00:00:00:01");

IpPrefix prefix(std::string_view text) {
  return *IpPrefix::parse(text);
}

/// Path `index` with both families: 10.<index>.0.0/16 and 2001:db8:<index>::/64.
Uplink dual(unsigned index) {
  const std::string k = std::to_string(index);
  Uplink out;
  out.name = "isp" + k;
  out.index = index;
  out.source_prefix = prefix("10." + k + ".0.0/16");
  out.pvd = "isp" + k + ".example.org";
  out.ipv6.emplace().source_prefix = prefix("2001:db8:" + k + "::/64");
  out.dns = {*IpAddress::parse("2001:db8:" + k + "::53")};
  return out;
}

Uplink ipv4_only(unsigned index) {
  Uplink out = dual(index);
  out.ipv6.reset();
  out.dns.clear();
  return out;
}

Settings settings(std::vector<Uplink> uplinks) {
  Settings out;
  out.lan = "lan0";
  out.uplinks = std::move(uplinks);
  out.advertise = {.enabled = true,
                   .interval = seconds(60),
                   .router = seconds(1800),
                   .valid = seconds(3600),
                   .preferred = seconds(1700),
                   .mtu = 0};
  return out;
}

/// The advertisements of all paths, the first `down` of them not working.
std::vector<PathAdvertisement> told(const Settings& settings, unsigned down = 0,
                                    PathState state = PathState::kDown,
                                    const std::set<unsigned>& former = {}) {
  std::vector<PathPlan> paths;
  for (const auto& uplink : settings.uplinks)
    paths.push_back({uplink.name, uplink.index, paths.size() < down ? state : PathState::kUp, ""});
  auto out = make_advertisements(settings, paths, kMac, former);
  for (const auto& one : out) EXPECT_TRUE(wire::encode(one.message));
  return out;
}

TEST(Advertisement, EachPathHasALinkLocalAddressOfItsOwn) {
  EXPECT_EQ(link_local_of(1).text(), "fe80::616e:6162:0:1");
  EXPECT_EQ(link_local_of(64).text(), "fe80::616e:6162:0:40");
  const auto all = told(settings({dual(1), dual(3)}));
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].source, link_local_of(1));
  EXPECT_EQ(all[1].source, link_local_of(3));
  EXPECT_EQ(all[1].message.options.source_link_address, kMac);
}

TEST(Advertisement, DomainHoldsPrefixResolversAndThePath) {
  const auto all = told(settings({dual(1), dual(3)}));
  const auto& domain = *all.at(1).message.domain;
  EXPECT_EQ(domain.id, "isp3.example.org");
  ASSERT_TRUE(domain.header);
  EXPECT_EQ(domain.header->lifetime, seconds(1800));
  EXPECT_FALSE(domain.header->managed);
  EXPECT_THAT(domain.options.prefixes,
              ElementsAre(wire::PrefixInformation{prefix("2001:db8:3::/64"), true, true,
                                                  seconds(3600), seconds(1700)}));
  EXPECT_THAT(domain.options.dns,
              ElementsAre(wire::DnsServers{seconds(1800), {*IpAddress::parse("2001:db8:3::53")}}));
  EXPECT_EQ(domain.options.ext_route, (wire::ExtRoute{3, 3}))
      << "count is the highest index, as in DHCP";
}

TEST(Advertisement, HostsThatKnowNoDomainsSeeOnePathAlone) {
  const auto all = told(settings({dual(1), dual(2)}));
  EXPECT_EQ(all.at(0).message.header.lifetime, seconds(1800));
  EXPECT_EQ(all[0].message.options.prefixes, all[0].message.domain->options.prefixes);
  EXPECT_EQ(all[0].message.options.dns, all[0].message.domain->options.dns);
  EXPECT_EQ(all.at(1).message.header.lifetime, seconds(0));
  EXPECT_THAT(all[1].message.options.prefixes, IsEmpty());
  EXPECT_THAT(all[1].message.options.dns, IsEmpty());
}

TEST(Advertisement, TheirPathIsTheLowestWithIpv6) {
  const auto all = told(settings({ipv4_only(1), dual(2), dual(3)}));
  EXPECT_EQ(all.at(0).message.header.lifetime, seconds(0));
  EXPECT_EQ(all.at(1).message.header.lifetime, seconds(1800));
  EXPECT_THAT(all[1].message.options.prefixes, SizeIs(1));
  EXPECT_EQ(all.at(2).message.header.lifetime, seconds(0));
}

TEST(Advertisement, PathWithoutIpv6TellsThatItWorksAndNothingElse) {
  const auto all = told(settings({ipv4_only(1), ipv4_only(2)}));
  for (const auto& one : all) {
    EXPECT_EQ(one.message.header.lifetime, seconds(0));
    EXPECT_EQ(one.message.domain_header().lifetime, seconds(1800));
    wire::RouterOptions path;
    path.ext_route = wire::ExtRoute{static_cast<std::uint8_t>(one.index), 2};
    EXPECT_EQ(one.message.domain->options, path);
  }
}

TEST(Advertisement, PathThatIsDownIsNoRouterAndItsPrefixIsDeprecated) {
  const auto all = told(settings({dual(1), dual(2)}), 2);
  for (const auto& one : all) {
    EXPECT_EQ(one.message.header.lifetime, seconds(0));
    EXPECT_EQ(one.message.domain_header().lifetime, seconds(0));
    const auto& inside = one.message.domain->options;
    EXPECT_EQ(inside.prefixes.at(0).preferred, seconds(0));
    EXPECT_EQ(inside.prefixes.at(0).valid, seconds(3600)) << "connections go on when it returns";
    EXPECT_EQ(inside.dns.at(0).lifetime, seconds(0));
    EXPECT_EQ(inside.ext_route->index, one.index) << "or nobody knew which path it is about";
  }
  EXPECT_EQ(all[0].message.options.prefixes.at(0).preferred, seconds(0));
  const auto without_ipv6 = told(settings({ipv4_only(1), ipv4_only(2)}), 1);
  EXPECT_EQ(without_ipv6[0].message.domain_header().lifetime, seconds(0));
  EXPECT_EQ(without_ipv6[1].message.domain_header().lifetime, seconds(1800));
}

TEST(Advertisement, WhenTheirPathIsDownHostsThatKnowNoDomainsGetTheNextThatWorks) {
  const auto all = told(settings({dual(1), dual(2), dual(3)}), 1);
  const auto& first = all.at(0).message;
  EXPECT_EQ(first.header.lifetime, seconds(0));
  EXPECT_EQ(first.options.prefixes.at(0).preferred, seconds(0)) << "its addresses lead nowhere";
  EXPECT_EQ(first.options.prefixes.at(0).valid, seconds(3600));
  EXPECT_EQ(first.options.dns.at(0).lifetime, seconds(0));
  const auto& second = all.at(1).message;
  EXPECT_EQ(second.header.lifetime, seconds(1800));
  EXPECT_EQ(second.options.prefixes, second.domain->options.prefixes);
  EXPECT_EQ(second.options.dns, second.domain->options.dns);
  EXPECT_EQ(all.at(2).message.header.lifetime, seconds(0));
  EXPECT_THAT(all[2].message.options.prefixes, IsEmpty());
}

TEST(Advertisement, WhenTheirPathIsBackTheOneInBetweenIsDeprecated) {
  const auto all = told(settings({dual(1), dual(2), dual(3)}), 0, PathState::kUp, {2});
  EXPECT_EQ(all.at(0).message.header.lifetime, seconds(1800));
  EXPECT_EQ(all[0].message.options.prefixes.at(0).preferred, seconds(1700));
  const auto& second = all.at(1).message;
  EXPECT_EQ(second.header.lifetime, seconds(0));
  EXPECT_EQ(second.options.prefixes.at(0).preferred, seconds(0));
  EXPECT_EQ(second.options.prefixes.at(0).valid, seconds(3600)) << "its connections go on";
  EXPECT_EQ(second.options.dns.at(0).lifetime, seconds(0));
  EXPECT_EQ(second.domain->options.prefixes.at(0).preferred, seconds(1700))
      << "hosts that know domains have it as before";
  EXPECT_THAT(all.at(2).message.options.prefixes, IsEmpty());
}

TEST(Advertisement, ResolverThatTwoPathsShareIsNotTakenAwayByTheOneThatGoes) {
  Uplink second = dual(2);
  second.dns.push_back(dual(1).dns.front());
  const auto all = told(settings({dual(1), second}), 1);
  EXPECT_THAT(all.at(0).message.options.dns, IsEmpty());
  EXPECT_EQ(all.at(1).message.options.dns.at(0).addresses, second.dns);
}

TEST(Advertisement, FailOpenIsForHostsThatKnowNoDomains) {
  const auto all = told(settings({dual(1), dual(2)}), 1, PathState::kFailOpen);
  const auto& message = all[0].message;
  EXPECT_EQ(message.header.lifetime, seconds(1800)) << "the other uplink carries them";
  EXPECT_EQ(message.options.prefixes.at(0).preferred, seconds(1700));
  EXPECT_EQ(message.options.dns.at(0).lifetime, seconds(1800));
  EXPECT_EQ(message.domain_header().lifetime, seconds(0));
  EXPECT_EQ(message.domain->options.prefixes.at(0).preferred, seconds(0));
}

TEST(Advertisement, WithDhcpHostsMakeNoAddressesOfTheirOwn) {
  Settings wanted = settings({dual(1), dual(2)});
  wanted.dhcp6.mode = DhcpMode::kExternal;
  for (const auto& one : told(wanted)) {
    EXPECT_TRUE(one.message.header.managed) << "routers of one link agree";
    EXPECT_TRUE(one.message.domain_header().managed);
    EXPECT_FALSE(one.message.domain->options.prefixes.at(0).autonomous);
    EXPECT_TRUE(one.message.domain->options.prefixes[0].on_link);
  }
}

TEST(Advertisement, Dhcpv4BelongsToADomainOnlyWhenThereIsOne) {
  EXPECT_TRUE(told(settings({dual(1)}))[0].message.domain->legacy);
  for (const auto& one : told(settings({dual(1), dual(2)})))
    EXPECT_FALSE(one.message.domain->legacy);
  Uplink without_ipv4 = dual(1);
  without_ipv4.source_prefix = IpPrefix();
  EXPECT_FALSE(told(settings({without_ipv4}))[0].message.domain->legacy);
}

TEST(Advertisement, MtuAndLocalPrefixesAreToldToAll) {
  Settings wanted = settings({dual(1), dual(2)});
  wanted.advertise.mtu = 1480;
  wanted.local_prefixes = {prefix("192.168.0.0/16"), prefix("2001:db8:100::/56")};
  const auto all = told(wanted);
  for (const auto& one : all) {
    EXPECT_EQ(one.message.options.mtu, 1480u);
    EXPECT_EQ(one.message.domain->options.mtu, 1480u);
    EXPECT_THAT(
        one.message.domain->options.routes,
        ElementsAre(wire::RouteInformation{
            prefix("2001:db8:100::/56"), wire::RouterHeader::Preference::kMedium, seconds(1800)}));
  }
  EXPECT_EQ(all[0].message.options.routes, all[0].message.domain->options.routes);
  EXPECT_THAT(all[1].message.options.routes, IsEmpty());
}

TEST(Advertisement, NoDefaultRouterStillTellsOfPaths) {
  Settings wanted = settings({dual(1)});
  wanted.advertise.router = seconds(0);
  EXPECT_EQ(told(wanted)[0].message.header.lifetime, seconds(0));
  EXPECT_EQ(told(wanted)[0].message.domain_header().lifetime, seconds(180));
}

TEST(Advertisement, NothingIsSaidWhereNobodyIsToHearIt) {
  Settings off = settings({dual(1)});
  off.advertise.enabled = false;
  EXPECT_THAT(told(off), IsEmpty());
  Settings routed = settings({dual(1)});
  routed.routed = true;
  EXPECT_THAT(told(routed), IsEmpty());
}

TEST(Advertisement, ALanWithoutIpv6IsLeftAloneUnlessAnUplinkHasIt) {
  Observed observed;
  auto& lan = observed.links.emplace_back();
  lan.name = "lan0";
  lan.index = 2;
  lan.mac = kMac;
  const auto told_to = [&](const Settings& wanted) {
    Plan plan;
    for (const auto& uplink : wanted.uplinks)
      plan.paths.push_back({uplink.name, uplink.index, PathState::kUp, ""});
    return make_advertisements(wanted, plan, observed, {});
  };
  EXPECT_THAT(told_to(settings({ipv4_only(1)})), IsEmpty());
  EXPECT_EQ(told_to(settings({dual(1)})), told(settings({dual(1)})));
  observed.addresses.push_back({3, prefix("fe80::1/64")});
  EXPECT_THAT(told_to(settings({ipv4_only(1)})), IsEmpty()) << "that is another interface";
  observed.addresses.push_back({2, prefix("fe80::1/64")});
  EXPECT_EQ(told_to(settings({ipv4_only(1)})), told(settings({ipv4_only(1)})));
  observed.links.clear();
  EXPECT_THAT(told_to(settings({dual(1)})), IsEmpty());
}

TEST(Advertisement, WithdrawnLeavesNothingValid) {
  Settings wanted = settings({dual(1)});
  wanted.local_prefixes = {prefix("2001:db8:100::/56")};
  const auto before = told(wanted)[0];
  const auto after = withdrawn(before);
  EXPECT_EQ(after.source, before.source);
  EXPECT_EQ(after.message.domain->id, before.message.domain->id);
  EXPECT_EQ(after.message.domain->options.ext_route, before.message.domain->options.ext_route);
  EXPECT_EQ(after.message.header.lifetime, seconds(0));
  EXPECT_EQ(after.message.domain_header().lifetime, seconds(0));
  for (const auto* options : {&after.message.options, &after.message.domain->options}) {
    EXPECT_EQ(options->prefixes.at(0).valid, seconds(0));
    EXPECT_EQ(options->prefixes.at(0).preferred, seconds(0));
    EXPECT_EQ(options->routes.at(0).lifetime, seconds(0));
    EXPECT_EQ(options->dns.at(0).lifetime, seconds(0));
  }
}

}  // namespace
}  // namespace anabranch::gateway
