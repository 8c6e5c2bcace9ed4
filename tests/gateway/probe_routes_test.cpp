// SPDX-License-Identifier: MIT
#include "gateway/probe_routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

Uplink uplink(unsigned k, std::vector<HealthProbe> probes = {}) {
  const auto n = std::to_string(k);
  Uplink out;
  out.name = "isp" + n;
  out.interface = "up" + n;
  out.index = k;
  out.next_hop = ip(("172.16." + n + ".2").c_str());
  out.source_prefix = IpPrefix::parse("10." + n + ".0.0/16").value();
  out.router = ip(("10." + n + ".0.1").c_str());
  out.health.probes = std::move(probes);
  return out;
}

Ipv6 ipv6() {
  Ipv6 out;
  out.source_prefix = IpPrefix::parse("2001:db8:1::/64").value();
  out.next_hop = ip("fe80::2");
  out.router = ip("2001:db8:1::1");
  return out;
}

HealthProbe echo(const char* address) {
  return {.kind = HealthProbe::Kind::kIcmp, .address = ip(address)};
}

Settings settings(std::vector<Uplink> uplinks) {
  Settings out;
  out.lan = "lan0";
  out.uplinks = std::move(uplinks);
  return out;
}

kernel::LinkInfo link(unsigned index, std::string name) {
  kernel::LinkInfo out;
  out.index = index;
  out.name = std::move(name);
  out.admin_up = out.carrier = out.running = true;
  return out;
}

kernel::Address address(unsigned ifindex, const char* prefix) {
  kernel::Address out;
  out.ifindex = ifindex;
  out.prefix = IpPrefix::parse(prefix).value();
  return out;
}

Observed machine(std::vector<kernel::Address> addresses) {
  return {{link(2, "lan0"), link(3, "up1"), link(4, "up2")}, std::move(addresses), {}};
}

kernel::NetworkState routes_of(const Settings& settings, const Observed& observed) {
  kernel::NetworkState out;
  add_probe_routes(settings, observed, out);
  return out;
}

std::vector<std::string> routes(const kernel::NetworkState& network) {
  std::vector<std::string> out;
  for (const auto& route : network.routes)
    out.push_back(std::to_string(route.table) + " " + route.to.text() + " via " +
                  route.via->text() + " dev " + std::to_string(route.ifindex));
  return out;
}

std::vector<std::string> rules(const kernel::NetworkState& network) {
  std::vector<std::string> out;
  for (const auto& rule : network.rules)
    out.push_back(std::to_string(rule.priority) + (rule.family == Family::kIpv6 ? " IPv6" : "") +
                  (rule.mark == 0 ? "" : " mark " + std::to_string(rule.mark & 0xffff)) +
                  (rule.from ? " from " + rule.from->text() : "") +
                  (rule.to ? " to " + rule.to->text() : "") + " " + std::to_string(rule.table));
  return out;
}

TEST(ProbeRoutes, NobodyWhoIsNotProbedNeedsThem) {
  const auto network = routes_of(settings({uplink(1), uplink(2)}), machine({}));
  EXPECT_THAT(network.routes, IsEmpty());
  EXPECT_THAT(network.rules, IsEmpty());
}

TEST(ProbeRoutes, AMarkLeadsToTheUplinksOwnDefaultAndTheAnswerIsExpectedThere) {
  const auto network =
      routes_of(settings({uplink(1), uplink(2, {echo("198.51.100.1"), echo("198.51.100.9")})}),
                machine({address(4, "172.16.2.1/24")}));
  EXPECT_THAT(routes(network), ElementsAre("17702 0.0.0.0/0 via 172.16.2.2 dev 4"));
  EXPECT_THAT(rules(network),
              ElementsAre("802 mark 2 17702", "890 from 172.16.2.1/32 to 198.51.100.1/32 17702",
                          "890 from 172.16.2.1/32 to 198.51.100.9/32 17702"));
}

TEST(ProbeRoutes, EachFamilyThatIsProbedHasThem) {
  auto both = uplink(1, {echo("198.51.100.1"), echo("2001:db8:ff::1")});
  both.ipv6 = ipv6();
  const auto network =
      routes_of(settings({both}), machine({address(3, "172.16.1.1/24"), address(3, "fe80::1/64"),
                                           address(3, "2001:db8:a::1/64")}));
  EXPECT_THAT(routes(network),
              ElementsAre("17701 0.0.0.0/0 via 172.16.1.2 dev 3", "17701 ::/0 via fe80::2 dev 3"));
  EXPECT_THAT(rules(network), ElementsAre("801 mark 1 17701", "801 IPv6 mark 1 17701",
                                          "890 from 172.16.1.1/32 to 198.51.100.1/32 17701"));
}

TEST(ProbeRoutes, AnInterfaceThatIsSetDownTakesNoRoute) {
  auto observed = machine({});
  observed.links[1].admin_up = false;
  EXPECT_THAT(routes(routes_of(settings({uplink(1, {echo("198.51.100.1")})}), observed)),
              IsEmpty());
}

TEST(ProbeRoutes, AllOfItBelongsToTheGateway) {
  auto both = uplink(1, {echo("198.51.100.1"), echo("2001:db8:ff::1")});
  both.ipv6 = ipv6();
  const auto network = routes_of(settings({both}), machine({address(3, "172.16.1.1/24")}));
  const auto scope = scope_of({2});
  for (const auto& route : network.routes) EXPECT_TRUE(scope.owns(route));
  for (const auto& rule : network.rules) EXPECT_TRUE(scope.owns(rule));
}

TEST(ProbeSource, IsAnAddressOfTheInterfaceBestInTheNextHopsSubnet) {
  const auto wanted = settings({uplink(1)});
  const auto source = [&](std::vector<kernel::Address> addresses) {
    return probe_source(wanted, wanted.uplinks[0], Family::kIpv4, machine(std::move(addresses)));
  };
  EXPECT_EQ(source({address(3, "192.0.2.1/24"), address(3, "172.16.1.1/24")}), ip("172.16.1.1"));
  EXPECT_EQ(source({address(4, "172.16.1.7/24"), address(3, "192.0.2.1/32")}), ip("192.0.2.1"));
  auto tentative = address(3, "172.16.1.1/24");
  tentative.tentative = true;
  EXPECT_EQ(source({tentative, address(3, "192.0.2.1/24")}), ip("192.0.2.1"));
}

TEST(ProbeSource, OfAnInterfaceWithoutOneIsTheRoutersOnTheLan) {
  auto wanted = settings({uplink(1)});
  wanted.uplinks[0].ipv6 = ipv6();
  const auto source = [&](Family family) {
    return probe_source(wanted, wanted.uplinks[0], family, machine({address(3, "fe80::1/64")}));
  };
  EXPECT_EQ(source(Family::kIpv4), ip("10.1.0.1"));
  EXPECT_EQ(source(Family::kIpv6), ip("2001:db8:1::1")) << "a link-local one reaches nobody";
  wanted.routed = true;
  EXPECT_EQ(source(Family::kIpv4), std::nullopt) << "that address is another router's";
}

TEST(ProbeSource, TellsPathsApartThatHaveEverythingElseInCommon) {
  auto wanted = settings({uplink(1), uplink(2)});
  wanted.uplinks[1].interface = "up1";
  const auto observed = machine({address(3, "172.16.1.1/24")});
  EXPECT_EQ(probe_source(wanted, wanted.uplinks[1], Family::kIpv4, observed), ip("172.16.1.1"));
  wanted.uplinks[1].next_hop = wanted.uplinks[0].next_hop;
  EXPECT_EQ(probe_source(wanted, wanted.uplinks[1], Family::kIpv4, observed), ip("10.2.0.1"));
}

}  // namespace
}  // namespace anabranch::gateway
