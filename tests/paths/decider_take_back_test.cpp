// SPDX-License-Identifier: MIT
// What the peer has of subflows that are gone here is taken back, and told again.
#include <cerrno>

#include <gtest/gtest.h>

#include "deciding.hpp"

namespace anabranch::paths {
namespace {

class DeciderTakeBack : public DeciderTest {
 protected:
  void two_subflows() {
    start();
    connect();
    measured(BitRate::mbit(30), BitRate::mbit(20));
    wait(milliseconds(1));
    join();
    wait(seconds(1));
    id_ = of<action::CreateSubflow>().back().local_id;
  }
  void reset_second(std::uint16_t port = 50000) {
    auto reset = event(Type::kSubflowClosed, {kTwo, port}, kServer, id_);
    reset.error = ECONNRESET;
    done_.clear();
    give(input::Event{reset});
  }
  /// How often the id was announced and at once removed; it is never announced otherwise.
  int told(std::uint8_t id) const {
    int out = 0;
    for (auto one = done_.begin(); one != done_.end(); ++one) {
      const auto* announce = std::get_if<action::Announce>(&one->what);
      if (!announce || announce->id != id) continue;
      ++out;
      const auto* remove =
          one + 1 == done_.end() ? nullptr : std::get_if<action::RemoveAddress>(&(one + 1)->what);
      EXPECT_TRUE(remove && remove->id == id);
    }
    return out;
  }
  std::uint8_t id_ = 0;
};

// The kernel tells of addresses alone that it has a subflow from or has announced.
TEST_F(DeciderTakeBack, WhatTheKernelHasLostIsAnnouncedAndRemoved) {
  two_subflows();
  reset_second();
  EXPECT_EQ(told(id_), 1);
  ASSERT_EQ(of<action::Announce>().size(), 1U);
  EXPECT_EQ(of<action::Announce>()[0].endpoint, (Endpoint{kTwo, 0}));
}

TEST_F(DeciderTakeBack, ItIsToldTwiceMoreByASubflowThatWorks) {
  two_subflows();
  reset_second();
  wait(milliseconds(250));
  join(50001);
  wait(seconds(1));
  EXPECT_EQ(told(id_), 2);
  // An address with a port is another one to the kernel: that of the subflow there is stays known.
  const auto as = of<action::Announce>().back().endpoint;
  EXPECT_NE(as.port, 0);
  EXPECT_TRUE(as == (Endpoint{kOne, 40000}) || as == (Endpoint{kTwo, 50001}));
  wait(seconds(5));
  EXPECT_EQ(told(id_), 3);
  wait(seconds(60));
  EXPECT_EQ(told(id_), 3);
}

TEST_F(DeciderTakeBack, ItIsToldOnlyWhenThereIsASubflowThatWorks) {
  two_subflows();
  reset_second();
  auto one = path(kOne, "c1", 1), two = path(kTwo, "c2", 2);
  one.usable = two.usable = false;
  give(input::Paths{{one, two}});
  wait(seconds(10));
  EXPECT_EQ(told(id_), 1);
  one.usable = two.usable = true;
  give(input::Paths{{one, two}});
  wait(milliseconds(300));
  join(50001);
  wait(seconds(1));
  EXPECT_EQ(told(id_), 2);
}

TEST_F(DeciderTakeBack, APeerThatRefusesJoinsIsToldAllOfThemAgain) {
  two_subflows();
  reset_second();
  for (int i = 0; i < 140; ++i) {
    wait(milliseconds(50));
    answer();  // the path is well
  }
  EXPECT_EQ(told(id_), 3);
  const auto refusal = [&] {
    auto refused = event(Type::kSubflowClosed, {kTwo, 0});
    refused.error = ECONNREFUSED;
    refused.reset_reason = 3;
    give(input::Event{refused});
    wait(milliseconds(100));
  };
  refusal();
  EXPECT_EQ(told(id_), 4);
  refusal();
  EXPECT_EQ(told(id_), 4) << "not with every refusal";
}

// So a stock peer without a place refuses: it has seen our third packet then.
TEST_F(DeciderTakeBack, AJoinThatEndsAtOnceIsARefusalToo) {
  two_subflows();
  reset_second();
  wait(seconds(7));
  EXPECT_EQ(told(id_), 3);
  join(50001);
  give(input::Event{event(Type::kSubflowClosed, {kTwo, 50001})});
  wait(milliseconds(100));
  EXPECT_EQ(told(id_), 4);
}

// An IPv6 address with a port does not fit beside TCP's timestamps.
TEST_F(DeciderTakeBack, OverIpv6AnAddressWithoutAnIdStandsIn) {
  const auto one = *IpAddress::parse("2001:db8:1::2"), two = *IpAddress::parse("2001:db8:2::2");
  const Endpoint server{*IpAddress::parse("2001:db8:3::1"), 443};
  decider_.emplace(default_settings());
  give(input::Paths{{path(one, "c1", 1), path(two, "c2", 2)}});
  give(input::Event{event(Type::kCreated, {one, 40000}, server)});
  give(input::Event{event(Type::kEstablished, {one, 40000}, server)});
  wait(milliseconds(600));
  ASSERT_FALSE(of<action::CreateSubflow>().empty());
  id_ = of<action::CreateSubflow>().back().local_id;
  give(input::Event{event(Type::kSubflowEstablished, {two, 50000}, server, id_)});
  auto reset = event(Type::kSubflowClosed, {two, 50000}, server, id_);
  reset.error = ECONNRESET;
  wait(seconds(1));
  give(input::Event{reset});
  wait(seconds(2));
  EXPECT_EQ(told(id_), 2);
  EXPECT_EQ(of<action::Announce>().back().endpoint, (Endpoint{one, 0}));
}

// REMOVE_ADDR, and the kernel's own memory of an id, are for all that share it.
TEST_F(DeciderTakeBack, OneThatSharesItsIdIsResetAndTheIdStaysKnown) {
  two_subflows();
  done_.clear();
  give(input::Event{event(Type::kSubflowEstablished, {kTwo, 50001}, kServer, id_)});
  wait(milliseconds(300));
  ASSERT_EQ(of<action::ResetSubflow>().size(), 1U);
  EXPECT_EQ(of<action::ResetSubflow>()[0].key.local.address, kTwo);
  EXPECT_TRUE(of<action::DestroySubflow>().empty());
  EXPECT_TRUE(of<action::RemoveAddress>().empty());
}

}  // namespace
}  // namespace anabranch::paths
