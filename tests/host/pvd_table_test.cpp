// SPDX-License-Identifier: MIT
#include "host/pvd_table.hpp"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;
using Outcome = PvdTable::Outcome;

const MonotonicTime kNow(1000h);

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}
IpPrefix prefix(const std::string& text) {
  return IpPrefix::parse(text).value();
}
const IpAddress kRouter = address("fe80::1");
const IpAddress kOther = address("fe80::2");

wire::PrefixInformation information(const char* text, seconds valid = 3600s,
                                    seconds preferred = 1800s) {
  return {prefix(text), true, true, valid, preferred};
}

/// What a gateway says of its path 2: the domain in an advertisement that says nothing else.
wire::RouterAdvertisement of_path(std::uint8_t index, std::string id = "isp2.example",
                                  seconds lifetime = 1800s) {
  wire::RouterAdvertisement out;
  wire::ProvisioningDomain domain;
  domain.id = std::move(id);
  domain.header.emplace();
  domain.header->lifetime = lifetime;
  domain.options.ext_route = wire::ExtRoute{index, 3};
  domain.options.prefixes = {information("2001:db8:2::/64")};
  domain.options.dns = {{600s, {address("2001:db8:ff::53")}}};
  domain.options.routes = {{prefix("2001:db8:aa::/48"), {}, 900s}};
  domain.options.mtu = 1400;
  out.domain = std::move(domain);
  return out;
}

TEST(PvdTable, APathIsWhatItsDomainSays) {
  PvdTable table;
  EXPECT_EQ(table.receive(of_path(2), kRouter, kNow), Outcome::kChanged);
  EXPECT_EQ(table.indices(), std::vector<unsigned>{2});
  EXPECT_EQ(table.count(), 3u);
  const auto& domain = *table.of_path(2);
  EXPECT_EQ(domain.id, "isp2.example");
  EXPECT_EQ(domain.router, kRouter);
  EXPECT_TRUE(domain.alive(kNow + 1799s));
  EXPECT_FALSE(domain.alive(kNow + 1800s));
  EXPECT_EQ(domain.mtu, 1400u);
  ASSERT_EQ(domain.prefixes.size(), 1u);
  EXPECT_EQ(domain.prefixes[0], (Domain::Prefix{prefix("2001:db8:2::/64"), true, kNow + 3600s,
                                                kNow + 3600s, kNow + 1800s}));
  EXPECT_EQ(domain.routes, (std::vector<Domain::Route>{{prefix("2001:db8:aa::/48"), kNow + 900s}}));
  EXPECT_EQ(table.resolvers_of(2), std::vector{address("2001:db8:ff::53")});
  EXPECT_EQ(table.next_change(kNow), kNow + 600s) << "the resolver is the first that ends";
  EXPECT_EQ(table.of_path(1), nullptr);
}

TEST(PvdTable, TheInnerHeaderWinsAndTheOuterServesWhereThereIsNone) {
  PvdTable table;
  auto told = of_path(2);
  told.header.lifetime = 60s;
  table.receive(told, kRouter, kNow);
  EXPECT_EQ(table.of_path(2)->until, kNow + 1800s);
  told.domain->header.reset();
  table.receive(told, kRouter, kNow);
  EXPECT_EQ(table.of_path(2)->until, kNow + 60s);
}

TEST(PvdTable, WhatLeadsToNoPathIsNotForUs) {
  PvdTable table;
  auto told = of_path(2);
  told.domain->options.ext_route.reset();
  told.options.ext_route = wire::ExtRoute{2, 3};
  EXPECT_EQ(table.receive(told, kRouter, kNow), Outcome::kNotForUs) << "outside of the domain";
  EXPECT_EQ(table.receive({}, kRouter, kNow), Outcome::kNotForUs);
  EXPECT_EQ(table.receive(of_path(0), kRouter, kNow), Outcome::kNotForUs);
  EXPECT_EQ(table.receive(of_path(9), kRouter, kNow), Outcome::kNotForUs);
  EXPECT_TRUE(table.empty());
}

TEST(PvdTable, ADomainIsKnownByItsIdWhateverTheCaseAndItsIndex) {
  PvdTable table;
  table.receive(of_path(2, "isp2.example"), kRouter, kNow);
  EXPECT_EQ(table.receive(of_path(2, "ISP2.Example"), kRouter, kNow + 10s), Outcome::kHeard);
  EXPECT_EQ(table.domains().size(), 1u);
  EXPECT_EQ(table.receive(of_path(3, "isp2.example"), kRouter, kNow), Outcome::kChanged);
  EXPECT_EQ(table.domains().size(), 2u);
}

TEST(PvdTable, OnlyNewsIsAChange) {
  PvdTable table;
  auto told = of_path(2);
  table.receive(told, kRouter, kNow);
  EXPECT_EQ(table.receive(told, kRouter, kNow + 100s), Outcome::kHeard);
  EXPECT_EQ(table.of_path(2)->until, kNow + 1900s);
  told.domain->options.prefixes[0].preferred = 0s;
  EXPECT_EQ(table.receive(told, kRouter, kNow + 100s), Outcome::kChanged) << "deprecated";
  told.domain->options.dns[0].lifetime = 0s;
  EXPECT_EQ(table.receive(told, kRouter, kNow + 100s), Outcome::kChanged);
  EXPECT_TRUE(table.resolvers_of(2).empty());
  told.domain->options.routes[0].lifetime = 0s;
  EXPECT_EQ(table.receive(told, kRouter, kNow + 100s), Outcome::kChanged);
  EXPECT_TRUE(table.of_path(2)->routes.empty());
}

TEST(PvdTable, ARouterLifetimeOfZeroWithdrawsThePathAndAnotherOneBringsItBack) {
  PvdTable table;
  table.receive(of_path(2), kRouter, kNow);
  EXPECT_EQ(table.receive(of_path(2, "isp2.example", 0s), kRouter, kNow), Outcome::kChanged);
  EXPECT_TRUE(table.withdrawn(2));
  EXPECT_EQ(table.of_path(2)->prefixes.size(), 1u) << "addresses stay";
  EXPECT_EQ(table.receive(of_path(2, "isp2.example", 0s), kRouter, kNow + 1s), Outcome::kHeard);
  EXPECT_EQ(table.receive(of_path(2), kRouter, kNow + 2s), Outcome::kChanged);
  EXPECT_FALSE(table.withdrawn(2));
}

TEST(PvdTable, AWithdrawalThatIsNotRepeatedIsForgotten) {
  PvdTable table;
  table.receive(of_path(2, "isp2.example", 0s), kRouter, kNow);
  EXPECT_TRUE(table.withdrawn(2)) << "known from the beginning";
  table.expire(kNow + PvdTable::kWithdrawalLasts - 1s);
  EXPECT_TRUE(table.withdrawn(2));
  table.expire(kNow + PvdTable::kWithdrawalLasts);
  EXPECT_FALSE(table.withdrawn(2));
}

/// RFC 4862 section 5.5.3 e: a valid lifetime that is told, and what it makes of one that runs.
TEST(PvdTable, NobodyEndsAnAddressWithinTwoHours) {
  struct Row {
    seconds first, told, result;
  };
  for (const auto& row :
       {Row{3600s, 7200s, 7200s}, Row{3600s, 3601s, 3601s}, Row{3600s, 60s, 3600s},
        Row{3600s, 0s, 3600s}, Row{86400s, 60s, 7200s}, Row{86400s, 0s, 7200s},
        Row{86400s, 7201s, 7201s}, Row{7200s, 7199s, 7200s}}) {
    PvdTable table;
    auto told = of_path(2);
    told.domain->options.prefixes = {information("2001:db8:2::/64", row.first, 0s)};
    table.receive(told, kRouter, kNow);
    told.domain->options.prefixes[0].valid = row.told;
    table.receive(told, kRouter, kNow);
    ASSERT_EQ(table.of_path(2)->prefixes.size(), 1u);
    EXPECT_EQ(table.of_path(2)->prefixes[0].valid_until, kNow + row.result)
        << row.first.count() << " then " << row.told.count();
    EXPECT_EQ(table.of_path(2)->prefixes[0].on_link_until, kNow + row.told)
        << "the link is another matter (RFC 4861 section 6.3.4)";
  }
}

TEST(PvdTable, PrefixesThatMakeNoAddressesAreNotTakenForThat) {
  PvdTable table;
  auto told = of_path(2);
  auto& prefixes = told.domain->options.prefixes;
  prefixes = {information("fe80::/64"),
              information("ff02::/64"),
              information("::/64"),
              information("2001:db8:3::/64", 100s, 200s),
              information("2001:db8:4::/64", 0s, 0s),
              information("2001:db8:5::/56"),
              information("2001:db8:6::/64")};
  prefixes.back().autonomous = false;
  table.receive(told, kRouter, kNow);
  for (const auto& known : table.of_path(2)->prefixes) {
    EXPECT_FALSE(known.autonomous) << known.prefix.text();
    EXPECT_TRUE(known.prefix == prefix("2001:db8:5::/56") ||
                known.prefix == prefix("2001:db8:6::/64"))
        << known.prefix.text();
  }
}

TEST(PvdTable, ForEverHasNoEnd) {
  PvdTable table;
  auto told = of_path(2);
  told.domain->options.prefixes = {information("2001:db8:2::/64", wire::kForever, wire::kForever)};
  table.receive(told, kRouter, kNow);
  EXPECT_EQ(table.of_path(2)->prefixes[0].valid_until, MonotonicTime::max());
  table.slept(std::chrono::hours(1));
  EXPECT_EQ(table.of_path(2)->prefixes[0].valid_until, MonotonicTime::max());
  EXPECT_EQ(table.of_path(2)->until, kNow + 1800s - 1h) << "time asleep counts";
}

TEST(PvdTable, WhatHasEndedGoesPieceByPiece) {
  PvdTable table;
  table.receive(of_path(2), kRouter, kNow);
  table.expire(kNow + 600s);
  EXPECT_TRUE(table.resolvers_of(2).empty());
  table.expire(kNow + 900s);
  EXPECT_TRUE(table.of_path(2)->routes.empty());
  table.expire(kNow + 1800s);
  ASSERT_NE(table.of_path(2), nullptr) << "the address outlives the router";
  EXPECT_FALSE(table.of_path(2)->alive(kNow + 1800s));
  table.expire(kNow + 3600s);
  EXPECT_TRUE(table.empty());
}

TEST(PvdTable, WhoCameFirstIsInChargeAndAnotherUndoesNoWithdrawal) {
  PvdTable table;
  table.receive(of_path(2, "first.example"), kRouter, kNow);
  EXPECT_EQ(table.receive(of_path(2, "second.example"), kOther, kNow), Outcome::kHeard);
  EXPECT_EQ(table.of_path(2)->id, "first.example");
  table.receive(of_path(2, "first.example", 0s), kRouter, kNow + 1s);
  EXPECT_TRUE(table.withdrawn(2));
  table.receive(of_path(2, "second.example"), kOther, kNow + 2s);
  EXPECT_TRUE(table.withdrawn(2));
  table.expire(kNow + 1s + PvdTable::kWithdrawalLasts);
  table.receive(of_path(2, "second.example"), kOther, kNow + 2000s);
  EXPECT_EQ(table.of_path(2)->id, "second.example") << "nothing is heard of the first one";
}

TEST(PvdTable, TheRouterThatWithdrawsADomainMayGiveItsPathAnother) {
  PvdTable table;
  table.receive(of_path(2, "old.example"), kRouter, kNow);
  EXPECT_EQ(table.receive(of_path(2, "new.example"), kRouter, kNow + 1s), Outcome::kHeard);
  EXPECT_EQ(table.of_path(2)->id, "old.example") << "not withdrawn yet";
  EXPECT_EQ(table.receive(of_path(2, "old.example", 0s), kRouter, kNow + 1s), Outcome::kChanged);
  EXPECT_EQ(table.of_path(2)->id, "new.example");
  EXPECT_FALSE(table.withdrawn(2));
  table.receive(of_path(2, "old.example", 0s), kRouter, kNow + 2s);
  EXPECT_EQ(table.of_path(2)->id, "new.example");
  table.receive(of_path(2, "new.example", 0s), kRouter, kNow + 3s);
  EXPECT_TRUE(table.withdrawn(2));
  table.receive(of_path(2, "old.example"), kRouter, kNow + 4s);
  EXPECT_EQ(table.of_path(2)->id, "old.example") << "in the other order";
}

TEST(PvdTable, ADomainThatWasNeverAliveHoldsNoPath) {
  PvdTable table;
  table.receive(of_path(2, "never.example", 0s), kOther, kNow);
  EXPECT_EQ(table.receive(of_path(2, "isp2.example"), kRouter, kNow), Outcome::kChanged);
  EXPECT_EQ(table.of_path(2)->id, "isp2.example");
  EXPECT_FALSE(table.withdrawn(2));
}

TEST(PvdTable, ADomainThatComesToLifeComesAfterThoseThatAreAlive) {
  PvdTable table;
  table.receive(of_path(2, "late.example", 0s), kOther, kNow);
  table.receive(of_path(2, "isp2.example"), kRouter, kNow);
  EXPECT_EQ(table.receive(of_path(2, "late.example"), kOther, kNow), Outcome::kHeard);
  EXPECT_EQ(table.of_path(2)->id, "isp2.example");
}

TEST(PvdTable, ADomainHasOneRouterUntilThatOneIsGone) {
  PvdTable table;
  table.receive(of_path(2), kRouter, kNow);
  EXPECT_EQ(table.receive(of_path(2, "isp2.example", 0s), kOther, kNow), Outcome::kRefused);
  EXPECT_EQ(table.receive(of_path(2), kOther, kNow), Outcome::kRefused);
  EXPECT_FALSE(table.withdrawn(2));
  table.receive(of_path(2, "isp2.example", 0s), kRouter, kNow);
  EXPECT_EQ(table.receive(of_path(2), kOther, kNow), Outcome::kChanged);
  EXPECT_EQ(table.of_path(2)->router, kOther);
}

TEST(PvdTable, AResolverOfTwoPathsBelongsToNone) {
  PvdTable table;
  table.receive(of_path(2), kRouter, kNow);
  auto told = of_path(3, "isp3.example");
  told.domain->options.dns[0].addresses.push_back(address("2001:db8:fe::53"));
  table.receive(told, kRouter, kNow);
  EXPECT_TRUE(table.resolvers_of(2).empty());
  EXPECT_EQ(table.resolvers_of(3), std::vector{address("2001:db8:fe::53")});
}

TEST(PvdTable, AFloodEndsAtItsBoundsAndDoesNotTouchWhatIsAlive) {
  PvdTable table;
  table.receive(of_path(2), kRouter, kNow);
  const auto known = *table.of_path(2);
  std::size_t changes = 0;
  for (unsigned i = 0; i < 5000; ++i) {
    auto told = of_path(static_cast<std::uint8_t>(1 + i % 8), fmt::format("flood{}.example", i));
    for (unsigned j = 0; j < 20; ++j) {
      told.domain->options.prefixes.push_back(
          {prefix(fmt::format("2001:db8:{:x}:{:x}::/64", i, j)), true, true, 3600s, 1800s});
      told.domain->options.routes.push_back(
          {prefix(fmt::format("2001:db8:{:x}:{:x}::/64", i, j)), {}, 900s});
      told.domain->options.dns[0].addresses.push_back(
          prefix(fmt::format("2001:db8::{:x}", j + 1)).address());
    }
    if (table.receive(told, kOther, kNow + milliseconds(i)) == Outcome::kChanged) ++changes;
  }
  EXPECT_EQ(changes, 7u) << "one for each path that was free";
  EXPECT_EQ(table.domains().size(), 8 * PvdTable::kDomainsPerPath);
  for (const auto& domain : table.domains()) {
    EXPECT_LE(domain.prefixes.size(), PvdTable::kPrefixes);
    EXPECT_LE(domain.routes.size(), PvdTable::kRoutes);
    EXPECT_LE(domain.resolvers.size(), PvdTable::kResolvers);
  }
  EXPECT_EQ(*table.of_path(2), known);
  EXPECT_EQ(table.receive(of_path(2), kRouter, kNow + 6s), Outcome::kHeard);
}

TEST(PvdTable, AFloodOfWithdrawalsMakesRoomForWhatIsAlive) {
  PvdTable table;
  for (unsigned i = 0; i < 1000; ++i)
    table.receive(of_path(2, fmt::format("flood{}.example", i), 0s), kOther, kNow);
  EXPECT_EQ(table.domains().size(), PvdTable::kDomainsPerPath);
  EXPECT_EQ(table.receive(of_path(2), kRouter, kNow), Outcome::kChanged);
  EXPECT_EQ(table.of_path(2)->id, "isp2.example");
}

TEST(PvdTable, WhatIsNotHeardAgainAfterTheLinkWasAwayIsDropped) {
  PvdTable table;
  table.receive(of_path(2), kRouter, kNow);
  table.receive(of_path(3, "isp3.example"), kRouter, kNow);
  table.doubt();
  table.receive(of_path(3, "isp3.example"), kRouter, kNow + 1s);
  EXPECT_TRUE(table.forget_doubted());
  EXPECT_EQ(table.indices(), std::vector<unsigned>{3});
  EXPECT_FALSE(table.forget_doubted());
}

TEST(PvdTable, CompleteIsWhatHasAsManyPathsAsItSaysThereAre) {
  PvdTable table;
  table.receive(of_path(1, "isp1.example"), kRouter, kNow);
  table.receive(of_path(2), kRouter, kNow);
  EXPECT_FALSE(table.complete()) << "there are three";
  table.receive(of_path(2, "other.example"), kRouter, kNow);
  EXPECT_FALSE(table.complete()) << "one path in two domains";
  table.receive(of_path(3, "isp3.example"), kRouter, kNow);
  EXPECT_TRUE(table.complete());
  table.doubt();
  table.receive(of_path(1, "isp1.example"), kRouter, kNow);
  EXPECT_FALSE(table.complete()) << "of the link as it is now one path is known";
}

}  // namespace
}  // namespace anabranch::host
