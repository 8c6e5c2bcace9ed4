// SPDX-License-Identifier: MIT
#include "host/state_file.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;

Lease lease(seconds duration) {
  Lease out;
  out.address = IpPrefix::parse("10.2.16.5/16").value();
  out.routes = {{IpPrefix::parse("10.2.0.1/32").value(), std::nullopt},
                {IpPrefix::any(Family::kIpv4), IpAddress::parse("10.2.0.1").value()}};
  out.route = {2, 3};
  out.server = {IpAddress::parse("10.1.0.1").value(),
                MacAddress::parse("02:00:00:00:00:67").value()};
  out.obtained = MonotonicTime(1000s);
  out.duration = duration;
  out.renewal = duration / 2;
  out.rebinding = duration * 7 / 8;
  out.converters = {Endpoint::parse("198.18.9.9:5124").value()};
  return out;
}

HostState state() {
  HostState out;
  out.ifindex = 4;
  out.discovered = {1, 3};
  out.leases = {lease(600s)};
  out.endpoints = {IpAddress::parse("10.1.0.50").value()};
  out.limits_before = kernel::MptcpLimits{0, 2};
  out.limits_set = kernel::MptcpLimits{0, 3};
  out.shared_on = IpPrefix::parse("10.1.0.0/16").value();
  Domain domain;
  domain.id = "isp2.example";
  domain.route = {2, 3};
  domain.router = IpAddress::parse("fe80::2").value();
  domain.until = MonotonicTime(2000s);
  domain.lived = domain.managed = true;
  domain.mtu = 1400;
  domain.prefixes = {{IpPrefix::parse("2001:db8:2::/64").value(), true, MonotonicTime::max(),
                      MonotonicTime(4000s), MonotonicTime{}}};
  domain.routes = {{IpPrefix::parse("2001:db8:aa::/48").value(), MonotonicTime(1900s)}};
  domain.resolvers = {{IpAddress::parse("2001:db8:ff::53").value(), MonotonicTime(1800s)}};
  out.domains = {domain};
  out.converters = {Endpoint::parse("198.18.9.8:443").value()};
  out.ipv6 = {{{2, "isp2.example", IpPrefix::parse("2001:db8:2::/64").value()}, 1, 1}};
  return out;
}

TEST(HostStateFile, ComesBackWhole) {
  const Clocks clocks{MonotonicTime(1100s), WallTime(1'700'000'000s)};
  const auto back = parse_state(format_state(state(), clocks), clocks);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->ifindex, 4u);
  EXPECT_EQ(back->discovered, (wire::ExtRoute{1, 3}));
  EXPECT_EQ(back->leases, state().leases);
  EXPECT_EQ(back->endpoints, state().endpoints);
  EXPECT_EQ(back->limits_before, state().limits_before);
  EXPECT_EQ(back->limits_set, state().limits_set);
  EXPECT_EQ(back->shared_on, state().shared_on);
  EXPECT_EQ(back->domains, state().domains);
  EXPECT_EQ(back->ipv6, state().ipv6);
  EXPECT_EQ(back->converters, state().converters);
}

TEST(HostStateFile, LifetimesOfDomainsEndByTheWallClock) {
  const Clocks written{MonotonicTime(1100s), WallTime(1'700'000'000s)};
  const auto text = format_state(state(), written);
  const auto back = parse_state(text, {MonotonicTime(50s), WallTime(1'700'000'000s + 800s)});
  ASSERT_TRUE(back);
  const auto& domain = back->domains.at(0);
  EXPECT_EQ(domain.until, MonotonicTime(150s));
  EXPECT_EQ(domain.routes.at(0).until, MonotonicTime{}) << "ended on the day";
  EXPECT_EQ(domain.prefixes.at(0).on_link_until, MonotonicTime::max());
}

TEST(HostStateFile, AFileOfTheFirstReleaseKeepsItsPaths) {
  const Clocks clocks{MonotonicTime(1100s), WallTime(1'700'000'000s)};
  auto text = format_state(state(), clocks);
  auto document = nlohmann::json::parse(text);
  for (const auto* later : {"shared_on", "domains", "ipv6", "converters"})
    ASSERT_EQ(document.erase(later), 1u);
  ASSERT_EQ(document["leases"][0].erase("converters"), 1u);
  text = document.dump();
  const auto back = parse_state(text, clocks);
  ASSERT_TRUE(back) << back.error().text();
  auto leases = state().leases;
  leases[0].converters.clear();
  EXPECT_EQ(back->leases, leases);
  EXPECT_FALSE(back->shared_on);
  EXPECT_TRUE(back->domains.empty());
}

TEST(HostStateFile, KeysOfALaterReleaseAreNoMistake) {
  const Clocks clocks{MonotonicTime(1100s), WallTime(1'700'000'000s)};
  auto text = format_state(state(), clocks);
  text.insert(text.find('{') + 1, "\"something_new\": [1, 2],");
  EXPECT_EQ(parse_state(text, clocks)->leases, state().leases);
}

TEST(HostStateFile, AnotherVersionOfTheFormatIsSaidAndNotGuessed) {
  const Clocks clocks;
  auto text = format_state(state(), clocks);
  const auto version = text.find("\"version\": 1");
  ASSERT_NE(version, std::string::npos);
  text.replace(version, 12, "\"version\": 2");
  const auto read = parse_state(text, clocks);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().text().find("version"), std::string::npos);
}

TEST(HostStateFile, LeasesEndByTheWallClockWhateverTheOtherClockShows) {
  const Clocks written{MonotonicTime(1100s), WallTime(1'700'000'000s)};
  const auto text = format_state(state(), written);
  const Clocks later{MonotonicTime(5000s), WallTime(1'700'000'000s + 499s)};
  const auto back = parse_state(text, later);
  ASSERT_TRUE(back);
  ASSERT_EQ(back->leases.size(), 1u);
  EXPECT_EQ(back->leases[0].remaining(later.monotonic), 1s);
  const Clocks ended{MonotonicTime(5001s), WallTime(1'700'000'000s + 500s)};
  EXPECT_TRUE(parse_state(text, ended)->leases.empty());
}

TEST(HostStateFile, AMangledFileIsAnErrorAndNoCrash) {
  const Clocks clocks;
  const auto text = format_state(state(), clocks);
  EXPECT_FALSE(parse_state("", clocks));
  EXPECT_FALSE(parse_state("{}", clocks));
  EXPECT_FALSE(parse_state("[1]", clocks));
  for (std::size_t size = 0; size + 2 < text.size(); size += 7)
    EXPECT_FALSE(parse_state(text.substr(0, size), clocks)) << size;
  auto wrong = text;
  wrong.replace(wrong.find("10.2.16.5"), 2, "xx");
  EXPECT_FALSE(parse_state(wrong, clocks));
}

TEST(HostStateFile, TimesThatNoClockCanShowAreAnError) {
  const Clocks clocks{MonotonicTime(1100s), WallTime(1'700'000'000s)};
  const auto text = format_state(state(), clocks);
  const auto with = [&](std::string_view key, std::string_view value) {
    auto out = text;
    const auto at = out.find(std::string(key) + "\":") + key.size() + 2;
    return parse_state(out.replace(at, out.find_first_of(",\n", at) - at, value), clocks);
  };
  EXPECT_TRUE(with("lease_s", "700"));
  EXPECT_FALSE(with("lease_s", "9223372036854775807"));
  EXPECT_FALSE(with("renewal_s", "-1"));
  EXPECT_FALSE(with("obtained_ms", "9223372036854775807"));
  EXPECT_FALSE(with("obtained_ms", "1e300"));
}

}  // namespace
}  // namespace anabranch::host
