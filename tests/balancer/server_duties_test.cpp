// SPDX-License-Identifier: MIT
// Given these settings, a server announces this, by these endpoints.
#include "balancer/server_duties.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/frames.hpp"

namespace anabranch::balancer {
namespace {

using kernel::MptcpEndpoint;
using test::at;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using State = Announcement::State;

const Endpoint kHttps = at("198.51.100.10:443");
const Endpoint kHttp = at("198.51.100.10:80");
const Endpoint kHttps6 = at("[2001:db8::10]:443");
const Endpoint kJoin = at("198.51.100.10:1025");
const Endpoint kJoin6 = at("[2001:db8::10]:1025");
const Endpoint kOwn = at("198.51.100.21:0");

Vip vip(const Endpoint& address, bool by_port, bool by_address) {
  Vip out;
  out.address = address;
  out.by_port = by_port;
  out.by_address = by_address;
  out.servers = {1};
  return out;
}

BalancerSettings settings(std::vector<Vip> vips) {
  BalancerSettings out;
  out.first_join_port = 1024;
  out.vips = std::move(vips);
  for (const std::uint16_t id : {std::uint16_t{1}, std::uint16_t{2}}) {
    Server server;
    server.name = "server" + std::to_string(id);
    server.id = id;
    if (id == 1) server.join_addresses = {kOwn.address};
    out.servers.push_back(server);
  }
  return out;
}

ServerDuties duties(std::vector<Vip> vips, std::string_view name = "server1") {
  const auto all = settings(std::move(vips));
  return duties_of(all, find_server(all, name).value());
}

TEST(ServerDuties, AServerIsFoundByItsName) {
  const auto all = settings({});
  EXPECT_EQ(find_server(all, "server2").value().id, 2);
  const auto none = find_server(all, "www");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ExitCode::kBadInput);
  EXPECT_THAT(none.error().text(), HasSubstr("server1, server2"));
}

TEST(ServerDuties, OneJoinPortForAllServicesOfAnAddress) {
  const auto out =
      duties({vip(kHttps, true, false), vip(kHttp, true, false), vip(kHttps6, true, false)});
  EXPECT_THAT(out.services, ElementsAre(kHttps, kHttp, kHttps6));
  EXPECT_THAT(places_of(out, {}), ElementsAre(kJoin, kJoin6));
  EXPECT_TRUE(out.denies_initial);
}

TEST(ServerDuties, JoinPortsComeBeforeOwnAddresses) {
  const std::vector taken{kOwn.address};
  EXPECT_THAT(places_of(duties({vip(kHttp, false, true), vip(kHttps, true, true)}), taken),
              ElementsAre(kJoin, kOwn));
  EXPECT_THAT(places_of(duties({vip(kHttps, true, false)}), taken), ElementsAre(kJoin))
      << "an own address is announced for that cure only";
}

TEST(ServerDuties, WhereTheApplicationDoesNotListenTheKernelDoesAtTheJoinPort) {
  EXPECT_THAT(places_of(duties({vip(kHttps, false, true)}), {}),
              ElementsAre(Endpoint{kOwn.address, kJoin.port}));
}

TEST(ServerDuties, WithoutACureThereIsNothingToDo) {
  const auto out = duties({vip(kHttps, false, false)});
  EXPECT_THAT(out.services, ElementsAre(kHttps));
  EXPECT_THAT(places_of(out, {}), IsEmpty());
  EXPECT_FALSE(out.denies_initial);
}

TEST(ServerDuties, OthersServicesAreNotOurs) {
  const auto out = duties({vip(kHttps, true, true)}, "server2");
  EXPECT_THAT(out.services, IsEmpty());
  EXPECT_THAT(places_of(out, {}), IsEmpty());
  EXPECT_FALSE(out.denies_initial);
}

// Endpoints: what is to be announced meets what the kernel has.

MptcpEndpoint endpoint(const Endpoint& place, std::uint32_t flags = MptcpEndpoint::kSignal) {
  MptcpEndpoint out;
  out.address = place.address;
  out.port = place.port;
  out.flags = flags;
  return out;
}

const std::vector<IpAddress> kHere{kHttps.address, kHttps6.address, kOwn.address};

EndpointChanges compare(std::vector<Endpoint> announced, std::vector<MptcpEndpoint> actual,
                        std::vector<Endpoint> ours, std::vector<IpAddress> addresses = kHere) {
  return compare_endpoints(announced, actual, ours, addresses);
}

TEST(ServerEndpoints, WhatIsMissingIsAdded) {
  const auto out = compare({kJoin, kOwn}, {}, {});
  EXPECT_THAT(out.add, ElementsAre(endpoint(kJoin), endpoint(kOwn)));
  EXPECT_THAT(out.remove, IsEmpty());
  EXPECT_THAT(out.announcements,
              ElementsAre(Announcement{kJoin, State::kOurs}, Announcement{kOwn, State::kOurs}));
}

TEST(ServerEndpoints, WhatIsThereStaysWhateverItsId) {
  auto there = endpoint(kJoin);
  there.id = 7;
  const auto out = compare({kJoin}, {there}, {kJoin});
  EXPECT_THAT(out.add, IsEmpty());
  EXPECT_THAT(out.remove, IsEmpty());
}

TEST(ServerEndpoints, OnlyOursAreEverRemoved) {
  const auto other = at("198.51.100.10:1026");
  const auto out = compare({}, {endpoint(kJoin), endpoint(other)}, {kJoin});
  EXPECT_THAT(out.remove, ElementsAre(endpoint(kJoin)));
}

TEST(ServerEndpoints, WhatSomebodyElseAnnouncesServesAsWell) {
  const auto out = compare({kJoin}, {endpoint(kJoin)}, {});
  EXPECT_THAT(out.add, IsEmpty());
  EXPECT_THAT(out.announcements, ElementsAre(Announcement{kJoin, State::kForeign}));
}

TEST(ServerEndpoints, SomebodyElsesOfAnotherKindIsInTheWay) {
  const auto out = compare({kOwn}, {endpoint(kOwn, MptcpEndpoint::kSubflow)}, {});
  EXPECT_THAT(out.add, IsEmpty());
  EXPECT_THAT(out.announcements, ElementsAre(Announcement{kOwn, State::kInTheWay}));
}

TEST(ServerEndpoints, TheKernelsOwnGivesWay) {
  EXPECT_THAT(compare({kOwn}, {endpoint(kOwn, MptcpEndpoint::kImplicit)}, {}).add,
              ElementsAre(endpoint(kOwn)));
}

TEST(ServerEndpoints, OursThatWasChangedIsMadeAnew) {
  const auto changed = endpoint(kJoin, MptcpEndpoint::kSignal | MptcpEndpoint::kBackup);
  const auto out = compare({kJoin}, {changed}, {kJoin});
  EXPECT_THAT(out.remove, ElementsAre(changed));
  EXPECT_THAT(out.add, ElementsAre(endpoint(kJoin)));
}

TEST(ServerEndpoints, AnAddressThatIsNotHereIsNotAnnounced) {
  const auto out = compare({kJoin, kOwn}, {endpoint(kOwn)}, {kOwn}, {kHttps.address});
  EXPECT_THAT(out.add, ElementsAre(endpoint(kJoin)));
  EXPECT_THAT(out.remove, ElementsAre(endpoint(kOwn))) << "it has gone";
  EXPECT_THAT(out.announcements.back(), (Announcement{kOwn, State::kNoAddress}));
}

TEST(ServerEndpoints, TheKernelHasEightAndNoMore) {
  std::vector<MptcpEndpoint> others;
  for (std::uint16_t port = 1; port < kMostEndpoints; ++port)
    others.push_back(endpoint({kOwn.address, port}));
  const auto out = compare({kJoin, kJoin6}, others, {});
  EXPECT_THAT(out.add, ElementsAre(endpoint(kJoin))) << "what matters most comes first";
  EXPECT_THAT(out.announcements.back(), (Announcement{kJoin6, State::kNoRoom}));
  const auto place = Endpoint{kOwn.address, 1};
  EXPECT_EQ(compare({kJoin, kJoin6}, others, {place}).add.size(), 2U)
      << "one that is removed makes room";
}

}  // namespace
}  // namespace anabranch::balancer
