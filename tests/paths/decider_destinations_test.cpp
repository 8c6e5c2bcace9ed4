// SPDX-License-Identifier: MIT
// A host whose second path has no default route: it leads to some places only.
#include "deciding.hpp"

namespace anabranch::paths {
namespace {

const Endpoint kNeighbour{*IpAddress::parse("10.2.0.9"), 443};

class DeciderDestinations : public DeciderTest {
 protected:
  static Path narrow(std::vector<IpPrefix> destinations) {
    auto out = path(kTwo, "c2", 2);
    out.usable = false;
    out.reason = "no-route";
    out.destinations = std::move(destinations);
    return out;
  }
  static std::vector<IpPrefix> own_link() { return {*IpPrefix::parse("10.2.0.0/16")}; }
  void paths(std::vector<IpPrefix> destinations) {
    give(input::Paths{{path(kOne, "c1", 1), narrow(std::move(destinations))}});
  }
  void connect_to(const Endpoint& remote) {
    for (const auto type : {Type::kCreated, Type::kEstablished})
      give(input::Event{event(type, {kOne, 40000}, remote)});
  }
  bool asks_by_two() const {
    for (const auto& asked : of<action::CreateSubflow>())
      if (asked.local == kTwo) return true;
    return false;
  }
};

TEST_F(DeciderDestinations, ItIsUsedForAPeerItLeadsTo) {
  start();
  paths(own_link());
  connect_to(kNeighbour);
  wait(seconds(1));
  ASSERT_TRUE(asks_by_two());
  EXPECT_EQ(of<action::CreateSubflow>().back().remote, kNeighbour);
}

TEST_F(DeciderDestinations, ItIsNotTriedForOthersNorAreTheyMeasuredOverIt) {
  start();
  paths(own_link());
  connect_to(kServer);
  wait(seconds(20));
  EXPECT_FALSE(asks_by_two());
  for (const auto& asked : of<action::Measure>()) EXPECT_NE(asked.source, kTwo);
}

TEST_F(DeciderDestinations, AnAnnouncedAddressThatItLeadsToIsJoinedOverIt) {
  start();
  paths(own_link());
  connect_to(kServer);
  auto told = event(Type::kAnnounced, {kOne, 40000}, kNeighbour);
  told.remote_id = 3;
  give(input::Event{told});
  wait(seconds(2));
  bool joined = false;
  for (const auto& asked : of<action::CreateSubflow>()) {
    if (asked.local != kTwo) continue;
    EXPECT_EQ(asked.remote, kNeighbour);
    joined = true;
  }
  EXPECT_TRUE(joined);
}

TEST_F(DeciderDestinations, ARouteThatComesIsUsedAtOnceAndOneThatGoesTakesItsSubflow) {
  start();
  paths({});
  connect_to(kServer);
  wait(seconds(2));
  EXPECT_FALSE(asks_by_two());
  paths({*IpPrefix::parse("198.18.0.0/15")});
  wait(milliseconds(300));
  ASSERT_TRUE(asks_by_two());
  join();
  wait(seconds(1));
  done_.clear();
  paths(own_link());
  ASSERT_EQ(of<action::DestroySubflow>().size(), 1U);
  EXPECT_EQ(of<action::DestroySubflow>()[0].key.local.address, kTwo);
}

TEST_F(DeciderDestinations, LosingTheDefaultRouteLeavesSubflowsToTheOwnLinkAlone) {
  start();
  connect_to(kNeighbour);
  wait(seconds(1));
  ASSERT_TRUE(asks_by_two());
  join();
  wait(seconds(1));
  paths(own_link());
  EXPECT_TRUE(of<action::DestroySubflow>().empty());
  EXPECT_EQ(decider_->preferred(Family::kIpv4), std::nullopt) << "it leads nobody else anywhere";
}

TEST_F(DeciderDestinations, AConnectionThatSaysItsOwnerLateFollowsTheRulesForHim) {
  auto settings = default_settings();
  PathRule rule;
  rule.name = "not root";
  rule.match.uids = {0};
  rule.match.interfaces = {"c2"};
  rule.deny = true;
  settings.rules = {rule};
  start(settings);
  connect();
  wait(seconds(1));
  EXPECT_TRUE(asks_by_two()) << "an owner who is not known is not root";

  start(settings);
  done_.clear();
  connect();
  input::Sample sample;
  sample.connection.token = kToken;
  sample.connection.uid = 0;
  give(sample);
  EXPECT_EQ(decider_->connections().at(kToken).uid, 0U);
  wait(seconds(1));
  EXPECT_FALSE(asks_by_two());
}

}  // namespace
}  // namespace anabranch::paths
