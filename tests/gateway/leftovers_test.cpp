// SPDX-License-Identifier: MIT
#include "gateway/leftovers.hpp"

#include <string>

#include <gtest/gtest.h>

namespace anabranch::gateway {
namespace {

constexpr MonotonicTime kNow{std::chrono::hours(1)};

IpAddress address(const std::string& text) {
  return *IpAddress::parse(text);
}

/// What is told of path 1, with the same inside of its domain and outside.
PathAdvertisement told(const std::vector<std::string>& resolvers = {"2001:db8::53"},
                       const std::string& prefix = "2001:db8:1::/64",
                       const std::string& name = "isp1.example") {
  PathAdvertisement out{1, link_local_of(1), {}};
  auto& options = out.message.options;
  options.prefixes = {{*IpPrefix::parse(prefix), true, true, seconds(7200), seconds(3600)}};
  std::vector<IpAddress> addresses;
  for (const auto& resolver : resolvers) addresses.push_back(address(resolver));
  if (!addresses.empty()) options.dns = {{seconds(1800), addresses}};
  out.message.domain.emplace();
  out.message.domain->id = name;
  out.message.domain->header.emplace().lifetime = seconds(1800);
  out.message.domain->options = options;
  out.message.domain->options.ext_route = wire::ExtRoute{1, 2};
  return out;
}

TEST(Leftovers, NothingIsLeftOfWhatStays) {
  Leftovers leftovers;
  leftovers.note(told(), told(), kNow);
  EXPECT_EQ(leftovers.with(told(), kNow), told());
  EXPECT_TRUE(leftovers.farewells(told(), kNow).empty());
}

TEST(Leftovers, AResolverThatWasTakenOutIsWithdrawnAsLongAsItWasPromised) {
  Leftovers leftovers;
  const auto next = told({"2001:db8::54"});
  leftovers.note(told({"2001:db8::53", "2001:db8::54"}), next, kNow);
  const auto said = leftovers.with(next, kNow + seconds(1799));
  const std::vector<wire::DnsServers> wanted{{seconds(0), {address("2001:db8::53")}},
                                             {seconds(1800), {address("2001:db8::54")}}};
  EXPECT_EQ(said.message.options.dns, wanted) << "for hosts that know no domains";
  EXPECT_EQ(said.message.domain->options.dns, wanted);
  EXPECT_EQ(said.message.options.prefixes, next.message.options.prefixes) << "what stays, stays";
  EXPECT_EQ(leftovers.with(next, kNow + seconds(1800)), next);
}

TEST(Leftovers, WhatComesBackIsWithdrawnNoMore) {
  Leftovers leftovers;
  leftovers.note(told(), told({}), kNow);
  leftovers.note(told({}), told(), kNow + seconds(1));
  EXPECT_EQ(leftovers.with(told(), kNow + seconds(1)), told());
}

TEST(Leftovers, WhatHadNoLifetimeNeedsNoEnd) {
  Leftovers leftovers;
  auto down = told();
  down.message.options.dns[0].lifetime = down.message.domain->options.dns[0].lifetime = seconds(0);
  leftovers.note(down, told({}), kNow);
  EXPECT_EQ(leftovers.with(told({}), kNow), told({}));
}

TEST(Leftovers, APrefixGoesWithoutItsPath) {
  Leftovers leftovers;
  auto next = told();
  next.message.options.prefixes.clear();
  next.message.domain->options.prefixes.clear();
  leftovers.note(told(), next, kNow);
  const auto said = leftovers.with(next, kNow);
  const std::vector<wire::PrefixInformation> wanted{
      {*IpPrefix::parse("2001:db8:1::/64"), true, true, seconds(0), seconds(0)}};
  EXPECT_EQ(said.message.options.prefixes, wanted);
  EXPECT_EQ(said.message.domain->options.prefixes, wanted);
  EXPECT_EQ(said.message.domain_header().lifetime, seconds(1800)) << "the path goes on";
}

TEST(Leftovers, ARouteGoesToo) {
  Leftovers leftovers;
  auto old = told();
  old.message.domain->options.routes = {{*IpPrefix::parse("2001:db8:f::/48"), {}, seconds(600)}};
  leftovers.note(old, told(), kNow);
  const auto routes = leftovers.with(told(), kNow).message.domain->options.routes;
  ASSERT_EQ(routes.size(), 1u);
  EXPECT_EQ(routes[0].lifetime, seconds(0));
}

TEST(Leftovers, ADomainWithAnotherNameIsWithdrawnBesideTheNewOne) {
  Leftovers leftovers;
  const auto next = told({"2001:db8::54"}, "2001:db8:1::/64", "new.example");
  leftovers.note(told(), next, kNow);
  const auto farewells = leftovers.farewells(next, kNow);
  ASSERT_EQ(farewells.size(), 1u);
  const auto& message = farewells[0].message;
  EXPECT_EQ(message.domain->id, "isp1.example");
  EXPECT_EQ(message.domain_header().lifetime, seconds(0));
  EXPECT_EQ(message.domain->options.prefixes[0].valid, seconds(0));
  EXPECT_TRUE(message.domain->options.ext_route) << "hosts have to know which path it was";
  EXPECT_EQ(message.options, next.message.options) << "hosts that know no domains lose nothing";
  EXPECT_EQ(message.header, next.message.header);
  EXPECT_EQ(farewells[0].source, next.source) << "a host believes the domain's own router alone";
  EXPECT_EQ(leftovers.with(next, kNow).message.domain, next.message.domain);
  EXPECT_TRUE(leftovers.farewells(next, kNow + seconds(1800)).empty());

  leftovers.note(next, told(), kNow + seconds(1));
  EXPECT_EQ(leftovers.farewells(told(), kNow + seconds(1)).at(0).message.domain->id, "new.example")
      << "the first name is back, the second has gone";
}

TEST(Leftovers, AreForgottenWithTheirPath) {
  Leftovers leftovers;
  leftovers.note(told(), told({}, "2001:db8:2::/64", "new.example"), kNow);
  leftovers.forget(1);
  EXPECT_EQ(leftovers.with(told({}), kNow), told({}));
  EXPECT_TRUE(leftovers.farewells(told({}), kNow).empty());
}

TEST(Leftovers, DoNotPileUp) {
  Leftovers leftovers;
  for (int i = 0; i < 100; ++i)
    leftovers.note(told({"2001:db8::" + std::to_string(i)}, "2001:db8:1::/64",
                        "n" + std::to_string(i) + ".example"),
                   told({"2001:db8::" + std::to_string(i + 1)}, "2001:db8:1::/64",
                        "n" + std::to_string(i + 1) + ".example"),
                   kNow);
  EXPECT_EQ(leftovers.with(told({}), kNow).message.options.dns.size(), Leftovers::kMost);
  EXPECT_EQ(leftovers.farewells(told({}), kNow).size(), Leftovers::kMost);
}

}  // namespace
}  // namespace anabranch::gateway
