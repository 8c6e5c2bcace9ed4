// SPDX-License-Identifier: MIT
#include "host/slaac.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/registry.hpp"

namespace anabranch::host {
namespace {

using State = Slaac::Address::State;

const Slaac::Place kPlace{2, "isp2.example", IpPrefix::parse("2001:db8:2::/64").value()};

/// Identifiers that show their counter: ::1, ::2, ...
Slaac counting() {
  return Slaac([](const Slaac::Place&, unsigned counter) -> StableAddress {
    return {IpAddress::parse(fmt::format("2001:db8:2::{}", counter + 1)).value(), counter};
  });
}

kernel::Address in_kernel(const char* text) {
  kernel::Address out{7, IpPrefix(IpAddress::parse(text).value(), 64), false,
                      registry::kRouteProtocol};
  out.tentative = true;
  return out;
}

TEST(Slaac, AnAddressIsReadyWhenTheKernelHasFoundNoOtherOne) {
  auto slaac = counting();
  slaac.want(std::vector{kPlace});
  auto there = in_kernel("2001:db8:2::1");
  EXPECT_TRUE(slaac.observe({}).empty());
  EXPECT_TRUE(slaac.observe(std::vector{there}).empty());
  EXPECT_EQ(slaac.at(kPlace)->state, State::kTentative);
  there.tentative = false;
  EXPECT_TRUE(slaac.observe(std::vector{there}).empty());
  EXPECT_EQ(slaac.at(kPlace)->state, State::kReady);
  slaac.observe({});
  EXPECT_EQ(slaac.at(kPlace)->state, State::kReady)
      << "who deletes it does not make it another host's";
  slaac.restart();
  EXPECT_EQ(slaac.at(kPlace)->state, State::kTentative) << "somebody may have taken it meanwhile";
}

TEST(Slaac, ATakenAddressIsFollowedByTheNextAtMostThreeTimes) {
  auto slaac = counting();
  slaac.want(std::vector{kPlace});
  for (const char* text : {"2001:db8:2::1", "2001:db8:2::2", "2001:db8:2::3", "2001:db8:2::4"}) {
    EXPECT_EQ(slaac.at(kPlace)->state, State::kTentative);
    EXPECT_EQ(slaac.at(kPlace)->chosen.address.text(), text);
    auto there = in_kernel(text);
    there.duplicate = true;
    const auto conflicts = slaac.observe(std::vector{there});
    ASSERT_EQ(conflicts.size(), 1u);
    EXPECT_EQ(conflicts[0].taken.text(), text);
    EXPECT_EQ(conflicts[0].next.has_value(), std::string_view(text) != "2001:db8:2::4");
    EXPECT_TRUE(slaac.observe(std::vector{there}).empty()) << "said once";
  }
  EXPECT_EQ(slaac.at(kPlace)->state, State::kGivenUp);
}

TEST(Slaac, AnEarlierProcessesCounterIsGoneOnWith) {
  auto slaac = counting();
  slaac.adopt(kPlace, 2, 2);
  slaac.want(std::vector{kPlace});
  ASSERT_EQ(slaac.addresses().size(), 1u);
  EXPECT_EQ(slaac.at(kPlace)->chosen.address.text(), "2001:db8:2::3");
  slaac.want({});
  EXPECT_TRUE(slaac.addresses().empty());
}

}  // namespace
}  // namespace anabranch::host
