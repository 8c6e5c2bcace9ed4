// SPDX-License-Identifier: MIT
// Whom a server tells of which address, and when.
#include <gtest/gtest.h>

#include "announcing.hpp"

namespace anabranch::paths {
namespace {

using State = Announcement::State;

struct Announcing : testing::Test {
  Announcing() {
    machine.has("10.0.1.1");
    machine.has("10.0.2.1");
  }
  Machine machine;
};

TEST_F(Announcing, EveryUsableAddressAtOnceButTheOneInUse) {
  machine.has("10.0.3.1");
  machine.has("10.0.4.1", false);
  machine.connection();
  EXPECT_EQ(machine.established(), (Lines{"announce 1 10.0.2.1", "announce 2 10.0.3.1"}));
  EXPECT_EQ(machine.state(1), State::kSent);
  EXPECT_EQ(machine.established(), Lines{}) << "twice changes nothing";
}

TEST_F(Announcing, WithoutADefaultRouteOnlyToPeersThatOtherRoutesLeadTo) {
  machine.leads_only("10.0.2.1", "192.0.2.0/24");
  machine.connection(1);
  machine.connection(2).remote = at("203.0.113.9", 40000);
  EXPECT_EQ(machine.established(1), Lines{"announce 1 10.0.2.1"});
  EXPECT_EQ(machine.established(2), Lines{});
  machine.leads_only("10.0.2.1", "203.0.113.0/24");
  EXPECT_EQ(machine.paths_changed(), (Lines{"remove 1", "ask 10.0.2.1 443"}));
  EXPECT_EQ(machine.answer("10.0.2.1", 443, true), Lines{"announce 1 10.0.2.1"});
}

TEST_F(Announcing, NotBeforeTheHandshakeIsOver) {
  machine.connection().established = false;
  EXPECT_EQ(machine.update(), Lines{});
}

TEST_F(Announcing, NotOnConnectionsThatAreNotOurs) {
  machine.connection(1).observed_only = true;
  machine.connection(2).plain_tcp = true;
  machine.connection(3).server_side = false;
  machine.connection(4).remote.address = address("127.0.0.1");
  machine.connection(5).remote.address = address("10.0.2.1");
  for (const Token token : {1u, 2u, 3u, 4u, 5u}) EXPECT_EQ(machine.update(token), Lines{}) << token;
}

TEST_F(Announcing, NeverMeansNever) {
  Machine other(AnnounceMode::kNever);
  other.has("10.0.2.1");
  other.connection();
  EXPECT_EQ(other.update(), Lines{});
}

TEST_F(Announcing, AlwaysMeansOnConnectionsOfOursTooWithAListenerOfOurs) {
  Machine other(AnnounceMode::kAlways);
  other.has("10.0.2.1");
  other.connection(1).server_side = false;
  other.connection(2).server_side = false;
  EXPECT_EQ(other.update(1), Lines{"open 10.0.2.1 0"});
  EXPECT_EQ(other.update(2), Lines{}) << "one listener is enough";
  EXPECT_EQ(other.answer("10.0.2.1", 50123, true),
            (Lines{"announce 1 10.0.2.1 port 50123", "announce 1 10.0.2.1 port 50123"}));
}

TEST_F(Announcing, NotWhatTheRulesDenyNorWhatOnlyALinkKnows) {
  machine.has("10.0.3.1", true, 30);
  machine.has("fe80::1");
  machine.has("169.254.7.7");
  machine.denied = "eth30";
  machine.connection();
  EXPECT_EQ(machine.established(), Lines{"announce 1 10.0.2.1"});
  machine.denied = "eth2";
  EXPECT_EQ(machine.update(), (Lines{"remove 1", "ask 10.0.3.1 443"}));
}

TEST_F(Announcing, TheConnectionsFamilyFirstAndEachInterfaceBeforeAnyTwice) {
  machine.has("2001:db8::1", true, 40);
  machine.has("10.0.2.2", true, 2);
  machine.has("10.0.5.1", true, 50);
  machine.connection();
  EXPECT_EQ(machine.established(), (Lines{"announce 1 10.0.2.1", "announce 2 10.0.5.1",
                                          "announce 3 10.0.2.2", "announce 4 2001:db8::1"}));
}

TEST_F(Announcing, EightAddressesAtMost) {
  for (int i = 0; i < 12; ++i) machine.has(fmt::format("10.1.{}.1", i));
  machine.connection();
  EXPECT_EQ(machine.established().size(), 8u);
}

TEST_F(Announcing, AnAddressThatComesIsAnnouncedAndOneThatGoesIsTakenBackAtOnce) {
  machine.connection();
  machine.established();
  machine.has("10.0.3.1");
  machine.paths_changed();
  EXPECT_EQ(machine.answer("10.0.3.1", 443, true), Lines{"announce 2 10.0.3.1"});
  machine.paths.erase(address("10.0.2.1"));
  EXPECT_EQ(machine.paths_changed(), Lines{"remove 1"});
  EXPECT_FALSE(machine.connections.at(Machine::kToken).ids.used(1));
}

TEST_F(Announcing, AnAddressThatComesBackHasAFreshId) {
  machine.connection();
  machine.established();
  machine.has("10.0.2.1", false);
  EXPECT_EQ(machine.paths_changed(), Lines{"remove 1"});
  EXPECT_EQ(machine.paths_changed(), Lines{});
  machine.has("10.0.2.1", true);
  EXPECT_EQ(machine.paths_changed(), Lines{"ask 10.0.2.1 443"});
  EXPECT_EQ(machine.answer("10.0.2.1", 443, true), Lines{"announce 2 10.0.2.1"});
}

TEST_F(Announcing, HundredsOfChangesLeaveNothingBehind) {
  Connection& connection = machine.connection();
  machine.established();
  for (int change = 0; change < 600; ++change) {
    machine.has("10.0.2.1", false);
    ASSERT_EQ(machine.paths_changed().size(), 1u);
    machine.has("10.0.2.1", true);
    machine.paths_changed();
    ASSERT_EQ(machine.answer("10.0.2.1", 443, true).size(), 1u) << change;
  }
  EXPECT_EQ(connection.announcements.size(), 1u);
}

TEST_F(Announcing, AnIdIsSharedWithSubflowsFromTheSameAddress) {
  Connection& connection = machine.connection();
  connection.ids.use(5, address("10.0.2.1"));
  EXPECT_EQ(machine.established(), Lines{"announce 5 10.0.2.1"});
}

TEST_F(Announcing, AnAddressThatCarriesASubflowIsKnownToThePeer) {
  Connection& connection = machine.connection();
  const SubflowKey key{at("10.0.2.1", 443), at("192.0.2.10", 50000)};
  connection.subflows[key].key = key;
  EXPECT_EQ(machine.update(), Lines{});
}

TEST_F(Announcing, WithTheInitialPlaceClosedToJoinsItIsStillNotAnnounced) {
  // The kernel sets C in our handshake; the address and port it speaks of is the connection's own.
  machine.connection();
  for (const auto& told : machine.established()) EXPECT_EQ(told.find("10.0.1.1"), told.npos);
}

TEST_F(Announcing, TakenBackBySomebodyElseItMayComeAgain) {
  Connection& connection = machine.connection();
  machine.established();
  machine.announcer.removed(connection, 1, machine.now);
  EXPECT_TRUE(connection.announcements.empty());
  EXPECT_EQ(machine.update(), Lines{"announce 2 10.0.2.1"});
}

// Where joins arrive.

TEST_F(Announcing, WhereTheApplicationListensNoPortIsNeeded) {
  machine.connection(1);
  machine.connection(2);
  EXPECT_EQ(machine.update(1), Lines{"ask 10.0.2.1 443"});
  EXPECT_EQ(machine.update(2), Lines{}) << "asked already";
  EXPECT_EQ(machine.answer("10.0.2.1", 443, true),
            (Lines{"announce 1 10.0.2.1", "announce 1 10.0.2.1"}));
  machine.connection(3);
  EXPECT_EQ(machine.update(3), Lines{"announce 1 10.0.2.1"}) << "the answer is remembered";
}

TEST_F(Announcing, WhatIsRememberedEndsWithTheApplicationsListener) {
  machine.connection();
  machine.established();
  machine.announcer.listener_changed(443);
  machine.connection(2);
  EXPECT_EQ(machine.update(2), Lines{"ask 10.0.2.1 443"});
}

TEST_F(Announcing, WhereNobodyListensOursIsOpenedOnTheSamePortFirst) {
  machine.connection();
  machine.update();
  EXPECT_EQ(machine.answer("10.0.2.1", 443, false), Lines{"open 10.0.2.1 443"});
  EXPECT_EQ(machine.answer("10.0.2.1", 443, true), Lines{"announce 1 10.0.2.1"});
}

TEST_F(Announcing, WhenThatPortIsTakenAnyPortIsAnnouncedWithTheAddress) {
  machine.connection();
  machine.update();
  machine.answer("10.0.2.1", 443, false);
  EXPECT_EQ(machine.answer("10.0.2.1", 443, false), Lines{"open 10.0.2.1 0"});
  EXPECT_EQ(machine.answer("10.0.2.1", 50123, true), Lines{"announce 1 10.0.2.1 port 50123"});
  // The kernel takes an address with a port for another one than without.
  EXPECT_EQ(machine.connections.at(Machine::kToken).ids.of(address("10.0.2.1"), machine.now), 2);
}

TEST_F(Announcing, WithoutAnyListenerNothingIsAnnounced) {
  machine.connection();
  machine.update();
  machine.answer("10.0.2.1", 443, false);
  machine.answer("10.0.2.1", 443, false);
  EXPECT_EQ(machine.answer("10.0.2.1", 0, false), Lines{});
  EXPECT_EQ(machine.update(), Lines{});
  machine.paths.at(address("10.0.2.1")).ifindex = 9;
  EXPECT_EQ(machine.paths_changed(), Lines{"ask 10.0.2.1 443"}) << "a change is a new chance";
}

TEST_F(Announcing, OneListenerServesAllAndIsClosedAWhileAfterTheLast) {
  machine.connection(1);
  machine.connection(2);
  machine.update(1);
  machine.update(2);
  machine.answer("10.0.2.1", 443, false);
  EXPECT_EQ(machine.answer("10.0.2.1", 443, true).size(), 2u);
  machine.announcer.closed(1, machine.now);
  EXPECT_EQ(machine.announcer.next(), machine.now + EchoWatch::kPatience) << "2 needs it";
  machine.announcer.closed(2, machine.now);
  EXPECT_EQ(machine.announcer.next(), machine.now + ListenerPlan::kLinger);
  EXPECT_EQ(machine.after(ListenerPlan::kLinger - seconds(1)), Lines{});
  EXPECT_EQ(machine.after(seconds(1)), Lines{"close 10.0.2.1 443"});
  EXPECT_EQ(machine.announcer.next(), std::nullopt);
  machine.connection(3);
  EXPECT_EQ(machine.update(3), Lines{"ask 10.0.2.1 443"});
}

TEST_F(Announcing, AListenerIsKeptWhenAnotherConnectionComesInTime) {
  machine.connection(1);
  machine.update(1);
  machine.answer("10.0.2.1", 443, false);
  machine.answer("10.0.2.1", 443, true);
  machine.announcer.closed(1, machine.now);
  machine.connections.erase(1);
  machine.after(seconds(5));
  machine.connection(2);
  EXPECT_EQ(machine.update(2), Lines{"announce 1 10.0.2.1"});
  machine.announcer.established_on(machine.connections.at(2), at("10.0.2.1", 443));
  EXPECT_EQ(machine.after(ListenerPlan::kLinger), Lines{});
}

TEST_F(Announcing, AListenerWhoseConnectionsWentBeforeItOpenedIsClosed) {
  machine.connection();
  machine.update();
  machine.answer("10.0.2.1", 443, false);
  machine.announcer.closed(Machine::kToken, machine.now);
  machine.connections.clear();
  EXPECT_EQ(machine.answer("10.0.2.1", 443, true), Lines{});
  EXPECT_EQ(machine.after(seconds(0)), Lines{"close 10.0.2.1 443"});
}

// Whether it was heard.

TEST_F(Announcing, AnEchoEndsIt) {
  machine.connection();
  machine.established();
  machine.echoes(1, 1);
  EXPECT_EQ(machine.after(EchoWatch::kPatience), Lines{});
  EXPECT_EQ(machine.state(1), State::kDone);
  EXPECT_FALSE(machine.announcer.wants_counters());
}

TEST_F(Announcing, AJoinEndsItWhateverTheCountersSay) {
  Connection& connection = machine.connection();
  machine.established();
  machine.announcer.established_on(connection, at("10.0.2.1", 443));
  EXPECT_EQ(machine.state(1), State::kDone);
  EXPECT_EQ(machine.after(seconds(60)), Lines{});
}

TEST_F(Announcing, UnheardItIsSentThreeTimesMoreAndThenGivenUpUntilAChange) {
  machine.paths_changed();
  machine.connection();
  machine.established();
  const Lines again{"announce 1 10.0.2.1"};
  machine.echoes(4, 0);  // the kernel's own repeats
  EXPECT_EQ(machine.after(milliseconds(999)), Lines{});
  EXPECT_EQ(machine.after(milliseconds(1)), again);
  EXPECT_EQ(machine.after(seconds(2)), again);
  EXPECT_EQ(machine.after(seconds(4)), again);
  EXPECT_EQ(machine.after(seconds(8)), Lines{"note announce-failed"});
  EXPECT_EQ(machine.state(1), State::kFailed);
  EXPECT_EQ(machine.after(seconds(3600)), Lines{});
  EXPECT_EQ(machine.update(), Lines{});
  EXPECT_EQ(machine.paths_changed(), Lines{});
  machine.paths.at(address("10.0.2.1")).router = address("10.0.2.254");
  EXPECT_EQ(machine.paths_changed(), again) << "something changed for this address";
}

TEST_F(Announcing, HeardLateItIsDone) {
  machine.connection();
  machine.established();
  machine.echoes(4, 0);
  machine.after(seconds(1));
  machine.echoes(1, 1);
  EXPECT_EQ(machine.after(seconds(2)), Lines{});
  EXPECT_EQ(machine.state(1), State::kDone);
}

TEST_F(Announcing, OneLostAmongFewIsNoticed) {
  machine.has("10.0.3.1");
  Connection& connection = machine.connection();
  machine.established();
  machine.announcer.established_on(connection, at("10.0.3.1", 443));
  machine.echoes(5, 1);
  EXPECT_EQ(machine.after(seconds(1)), Lines{"announce 1 10.0.2.1"});
}

TEST_F(Announcing, EchoesThatOthersWaitedForBeforeDoNotCount) {
  machine.echoes(100, 90);
  machine.connection();
  machine.established();
  machine.echoes(4, 0);
  EXPECT_EQ(machine.after(seconds(1)), Lines{"announce 1 10.0.2.1"});
}

TEST_F(Announcing, WhatTheKernelRefusedIsNotTakenBack) {
  Connection& connection = machine.connection();
  machine.established();
  machine.announcer.failed(connection, 1);
  EXPECT_EQ(machine.state(1), State::kFailed);
  machine.paths.erase(address("10.0.2.1"));
  EXPECT_EQ(machine.paths_changed(), Lines{});
  EXPECT_TRUE(connection.announcements.empty());
}

TEST_F(Announcing, AClosedConnectionIsWaitedForNoMore) {
  machine.connection();
  machine.established();
  machine.announcer.closed(Machine::kToken, machine.now);
  machine.connections.clear();
  EXPECT_EQ(machine.announcer.next(), std::nullopt);
}

}  // namespace
}  // namespace anabranch::paths
