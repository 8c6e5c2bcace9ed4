// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "deciding.hpp"

namespace anabranch::paths {
namespace {

TEST_F(DeciderTest, AnUnknownPathIsMeasuredBeforeItIsJoined) {
  start();
  connect();
  ASSERT_EQ(of<action::Measure>().size(), 1U) << "of the path that is idle for certain";
  EXPECT_EQ(of<action::Measure>()[0].source, kTwo);
  EXPECT_TRUE(of<action::CreateSubflow>().empty());
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  const auto asked = of<action::CreateSubflow>();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].local, kTwo);
  EXPECT_EQ(asked[0].remote, kServer);
  EXPECT_EQ(asked[0].ifindex, 2U);
  EXPECT_NE(asked[0].local_id, 0);
  EXPECT_FALSE(asked[0].backup);
}

TEST_F(DeciderTest, APathThatAnswersNoMeasurementIsJoinedAsABackup) {
  start();
  connect();
  wait(milliseconds(400));
  const auto asked = of<action::CreateSubflow>();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_TRUE(asked[0].backup);
}

TEST_F(DeciderTest, AVerySlowPathIsABackup) {
  start();
  connect();
  measured(BitRate::mbit(50), BitRate::mbit(0.5), milliseconds(20), milliseconds(100));
  wait(milliseconds(1));
  ASSERT_EQ(of<action::CreateSubflow>().size(), 1U);
  EXPECT_TRUE(of<action::CreateSubflow>()[0].backup);
}

TEST_F(DeciderTest, AConnectionThatBeganOnTheSlowPathMovesToTheFastOne) {
  in_a_step_[0] = 6000;
  in_a_step_[1] = 60000;
  round_trip_[0] = milliseconds(300);
  start();
  connect();
  measured(BitRate::mbit(5), BitRate::mbit(50), milliseconds(300), milliseconds(20));
  wait(milliseconds(1));
  ASSERT_EQ(of<action::CreateSubflow>().size(), 1U);
  EXPECT_FALSE(of<action::CreateSubflow>()[0].backup);
  EXPECT_TRUE(of<action::DestroySubflow>().empty());
  join();
  send_steadily(seconds(2));
  const auto destroyed = of<action::DestroySubflow>();
  ASSERT_FALSE(destroyed.empty());
  EXPECT_EQ(destroyed[0].key.local.address, kOne);
  wait(seconds(1));
  EXPECT_EQ(of<action::CreateSubflow>().back().local, kOne);
  EXPECT_TRUE(of<action::CreateSubflow>().back().backup);
}

TEST_F(DeciderTest, ASilentSubflowIsRemovedThenDestroyed) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  join();
  send_steadily(seconds(2));
  done_.clear();
  const auto cut = now_;
  send_steadily(milliseconds(120), false, true);
  ASSERT_FALSE(of<action::DestroySubflow>().empty());
  EXPECT_EQ(of<action::DestroySubflow>()[0].key.local.address, kOne);
  ASSERT_EQ(of<action::RemoveAddress>().size(), 1U);
  const auto order = [&](auto is) { return std::ranges::find_if(done_, is) - done_.begin(); };
  EXPECT_LT(order([](const Action& one) {
              return std::holds_alternative<action::RemoveAddress>(one.what);
            }),
            order([](const Action& one) {
              return std::holds_alternative<action::DestroySubflow>(one.what);
            }));
  EXPECT_LT(now_ - cut, milliseconds(150));
}

TEST_F(DeciderTest, WhatAMiddleboxResetIsTakenBackAtThePeerToo) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  join();
  wait(seconds(1));
  auto reset = event(Type::kSubflowClosed, {kTwo, 50000});
  reset.error = ECONNRESET;
  reset.local_id = of<action::CreateSubflow>().back().local_id;
  give(input::Event{reset});
  // The peer may not have seen the reset.
  ASSERT_EQ(of<action::RemoveAddress>().size(), 1U);
  EXPECT_EQ(of<action::RemoveAddress>()[0].id, reset.local_id);
  wait(seconds(1));
  // What joins now has another id, which that REMOVE_ADDR does not take.
  EXPECT_NE(of<action::CreateSubflow>().back().local_id, reset.local_id);
}

TEST_F(DeciderTest, AFailedPathIsAskedUntilItAnswersAndThenUsedAgain) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  join();
  send_steadily(seconds(2));
  send_steadily(milliseconds(150), false, true);
  done_.clear();
  wait(seconds(40));
  const auto asked = of<action::Probe>();
  ASSERT_FALSE(asked.empty());
  EXPECT_GT(asked.size(), 40 * 1000U / 700);
  // Its router may have been forgotten meanwhile, and the kernel looks for it once a second only.
  EXPECT_TRUE(std::ranges::all_of(asked, &action::Probe::look_for_next_hop));
  EXPECT_TRUE(of<action::CreateSubflow>().empty());
  give(input::Probed{asked.back().id, true, milliseconds(20)});
  wait(milliseconds(1));
  ASSERT_EQ(of<action::CreateSubflow>().size(), 1U);
  EXPECT_EQ(of<action::CreateSubflow>()[0].local, kOne);
  EXPECT_FALSE(of<action::CreateSubflow>()[0].backup);
}

TEST_F(DeciderTest, TheLastSubflowStaysUntilAnotherOneIsThere) {
  start();
  connect();
  give(input::Paths{{path(kTwo, "c2", 2)}});
  EXPECT_TRUE(of<action::DestroySubflow>().empty());
  wait(milliseconds(300));
  ASSERT_FALSE(of<action::CreateSubflow>().empty());
  EXPECT_EQ(of<action::CreateSubflow>().back().local, kTwo);
  join();
  wait(milliseconds(200));  // until a refusal of the third packet would have come
  ASSERT_EQ(of<action::DestroySubflow>().size(), 1U);
  EXPECT_EQ(of<action::DestroySubflow>()[0].key.local.address, kOne);
}

TEST_F(DeciderTest, ASubflowThatWasResetComesBackAtOnceAndThenMoreAndMoreSlowly) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  join();
  wait(seconds(10));
  done_.clear();
  auto reset = event(Type::kSubflowClosed, {kTwo, 50000});
  reset.error = ECONNRESET;
  give(input::Event{reset});
  wait(milliseconds(100));
  EXPECT_EQ(of<action::CreateSubflow>().size(), 1U);
  const auto refused_for = [&](int seconds_long) {
    const auto before = of<action::CreateSubflow>().size();
    for (int i = 0; i < seconds_long; ++i) {
      auto refused = event(Type::kSubflowClosed, {kTwo, 0});
      refused.error = ECONNREFUSED;
      give(input::Event{refused});
      wait(seconds(1));
    }
    return of<action::CreateSubflow>().size() - before;
  };
  EXPECT_GE(refused_for(14), 13U) << "what refuses may be on the way and end any moment";
  EXPECT_LE(refused_for(40), 8U) << "it was the peer after all";
}

// 50 beside 5 Mbit/s, a millisecond or two: what may be queued on the slow one holds up the fast
// one. Before that one has ever been full there is no excuse for the slow one that happens to be in
// use.
TEST_F(DeciderTest, AShortFastPathThatIsNewGetsRidOfTheSlowOneThatWasFirst) {
  start();
  connect();
  measured(BitRate::mbit(4.7), BitRate::mbit(49), milliseconds(2), milliseconds(1));
  wait(milliseconds(1));
  join();
  round_trip_[0] = milliseconds(2);
  round_trip_[1] = milliseconds(1);
  in_a_step_[0] = 5875;
  in_a_step_[1] = 0;
  send_steadily(milliseconds(300), true, false);
  EXPECT_EQ(of<action::DestroySubflow>().size(), 1U);
  EXPECT_TRUE(std::ranges::all_of(of<action::DestroySubflow>(), [](const auto& what) {
    return what.key.local.address == kOne && what.key.local.port == 40000;
  }));
}

TEST_F(DeciderTest, AConnectionOfTheKernelsPathManagerIsOnlyObserved) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  for (const auto& action : done_)
    if (std::holds_alternative<action::CreateSubflow>(action.what)) {
      give(input::Failed{action.number, EINVAL, "the kernel's words", kToken});
      break;
    }
  EXPECT_TRUE(decider_->connections().at(kToken).observed_only);
  done_.clear();
  // Whatever was asked for in the same breath is refused, too: that is no news.
  give(input::Failed{1, EINVAL, "the kernel's words", kToken});
  wait(seconds(60));
  EXPECT_TRUE(of<action::CreateSubflow>().empty());
  EXPECT_TRUE(of<action::Note>().empty());
}

TEST_F(DeciderTest, OtherRefusalsAreNoSignOfTheKernelsPathManager) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  for (const auto& action : std::vector(done_))
    if (std::holds_alternative<action::CreateSubflow>(action.what))
      give(input::Failed{action.number, EINVAL, "userspace: did not match address and id"});
  EXPECT_FALSE(decider_->connections().at(kToken).observed_only);
}

TEST_F(DeciderTest, RulesDenyOrMakeBackups) {
  auto settings = default_settings();
  PathRule rule;
  rule.name = "no second";
  rule.match.interfaces = {"c2"};
  rule.deny = true;
  settings.rules = {rule};
  start(settings);
  connect();
  wait(seconds(2));
  EXPECT_TRUE(of<action::CreateSubflow>().empty());

  settings.rules[0].deny = false;
  settings.rules[0].backup = true;
  done_.clear();
  start(settings);
  connect();
  wait(seconds(2));
  ASSERT_FALSE(of<action::CreateSubflow>().empty());
  EXPECT_TRUE(of<action::CreateSubflow>()[0].backup);
}

TEST_F(DeciderTest, NewConnectionsGoByTheBestPathAndLeaveADeadOne) {
  start();
  connect();
  measured(BitRate::mbit(5), BitRate::mbit(50));
  wait(milliseconds(1));
  ASSERT_FALSE(of<action::PreferPath>().empty());
  EXPECT_EQ(of<action::PreferPath>().back().address, kTwo);
  done_.clear();
  give(input::Paths{{path(kOne, "c1", 1)}});
  ASSERT_FALSE(of<action::PreferPath>().empty());
  EXPECT_NE(of<action::PreferPath>().back().address, kTwo);
}

TEST_F(DeciderTest, APathThatComesBackIsKnownStillUnlessItHasAnotherRouter) {
  auto one = path(kOne, "c1", 1);
  auto two = path(kTwo, "c2", 2);
  one.router = IpAddress::parse("10.1.0.1").value();
  two.router = IpAddress::parse("10.2.0.1").value();
  start();
  give(input::Paths{{one, two}});
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  join();
  const auto comes_back = [&](const Path& with_router) {
    auto without = with_router;
    without.router.reset();
    without.usable = false;
    give(input::Paths{{one}});
    give(input::Event{event(Type::kSubflowClosed, {kTwo, 50000})});
    wait(seconds(1));
    done_.clear();
    give(input::Paths{{one, without}});  // the address comes first, its route afterwards
    give(input::Paths{{one, with_router}});
    wait(milliseconds(100));
  };
  comes_back(two);
  ASSERT_FALSE(of<action::CreateSubflow>().empty());
  EXPECT_EQ(of<action::CreateSubflow>()[0].local, kTwo);
  EXPECT_FALSE(of<action::CreateSubflow>()[0].backup);
  join();
  two.router = IpAddress::parse("10.2.0.99").value();
  comes_back(two);
  EXPECT_TRUE(std::ranges::none_of(of<action::CreateSubflow>(),
                                   [](const auto& what) { return !what.backup; }));
  EXPECT_FALSE(of<action::Measure>().empty());
}

TEST_F(DeciderTest, AFailedPathThatComesAndGoesIsNotAskedMoreOften) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  join();
  send_steadily(seconds(2));
  send_steadily(milliseconds(150), false, true);
  for (int i = 0; i < 20; ++i) {
    give(input::Paths{{path(kTwo, "c2", 2)}});
    wait(milliseconds(30));
    give(input::Paths{{path(kOne, "c1", 1), path(kTwo, "c2", 2)}});
    wait(milliseconds(30));
  }
  done_.clear();
  wait(seconds(10));
  EXPECT_LE(of<action::Probe>().size(), 30U);
}

TEST_F(DeciderTest, NothingIsLeftOfAClosedConnection) {
  start();
  connect();
  measured(BitRate::mbit(30), BitRate::mbit(20));
  wait(milliseconds(1));
  join();
  give(input::Event{event(Type::kClosed, {})});
  EXPECT_TRUE(decider_->connections().empty());
  EXPECT_EQ(decider_->watch(now_ + seconds(100)).tokens.size(), 0U);
}

TEST_F(DeciderTest, AServerDoesNotConnectToItsClients) {
  start();
  auto created = event(Type::kCreated, {kOne, 443}, {*IpAddress::parse("192.0.2.7"), 51000});
  created.server_side = true;
  give(input::Event{created});
  created.type = Type::kEstablished;
  give(input::Event{created});
  wait(seconds(5));
  EXPECT_TRUE(of<action::CreateSubflow>().empty());
  EXPECT_TRUE(of<action::Measure>().empty());
}

}  // namespace
}  // namespace anabranch::paths
