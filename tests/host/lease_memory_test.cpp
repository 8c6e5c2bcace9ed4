// SPDX-License-Identifier: MIT
#include "host/lease_memory.hpp"

#include <gtest/gtest.h>

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;

const MacAddress kCard{{2, 0, 0, 0, 0, 1}};
const MacAddress kOtherCard{{2, 0, 0, 0, 0, 9}};
const Clocks kWritten{MonotonicTime(1100s), WallTime(1'700'000'000s)};

std::vector<Lease> leases() {
  Lease out;
  out.address = IpPrefix::parse("10.2.16.5/16").value();
  out.routes = {{IpPrefix::any(Family::kIpv4), IpAddress::parse("10.2.0.1").value()}};
  out.route = {2, 3};
  out.server = {IpAddress::parse("10.1.0.1").value(), kOtherCard};
  out.obtained = MonotonicTime(1000s);
  out.duration = 600s;
  out.renewal = 300s;
  out.rebinding = 525s;
  Lease for_ever = out;
  for_ever.route = {3, 3};
  for_ever.duration = for_ever.renewal = for_ever.rebinding = std::nullopt;
  return {out, for_ever};
}

TEST(LeaseMemory, OutlivesTheMachine) {
  const auto text = format_leases(kCard, leases(), kWritten);
  const Clocks after_boot{MonotonicTime(5s), WallTime(1'700'000'000s + 60s)};
  const auto back = parse_leases(text, kCard, after_boot);
  ASSERT_TRUE(back) << back.error().text();
  ASSERT_EQ(back->size(), 2u);
  EXPECT_EQ(back->at(0).address, leases()[0].address);
  EXPECT_EQ(back->at(0).routes, leases()[0].routes);
  EXPECT_EQ(back->at(0).remaining(after_boot.monotonic), 440s);
  EXPECT_FALSE(back->at(1).duration);
}

TEST(LeaseMemory, LeasesThatHaveEndedAreForgotten) {
  const auto text = format_leases(kCard, leases(), kWritten);
  const Clocks late{MonotonicTime(5s), WallTime(1'700'000'000s + 500s)};
  EXPECT_EQ(parse_leases(text, kCard, late)->size(), 1u) << "but for the one without an end";
}

TEST(LeaseMemory, AnotherCardIsAnotherClient) {
  const auto back = parse_leases(format_leases(kCard, leases(), kWritten), kOtherCard, kWritten);
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->empty());
}

TEST(LeaseMemory, AWallClockSetBackMakesNoLeaseLonger) {
  const auto text = format_leases(kCard, leases(), kWritten);
  const Clocks at_epoch{MonotonicTime(5s), WallTime(0s)};
  const auto back = parse_leases(text, kCard, at_epoch);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->at(0).remaining(at_epoch.monotonic), 600s);
}

TEST(LeaseMemory, AMangledFileIsAnErrorAndNoCrash) {
  const auto text = format_leases(kCard, leases(), kWritten);
  for (std::size_t size = 0; size + 2 < text.size(); size += 7)
    EXPECT_FALSE(parse_leases(text.substr(0, size), kCard, kWritten)) << size;
  auto wrong = text;
  wrong.replace(wrong.find("10.2.16.5"), 2, "xx");
  EXPECT_FALSE(parse_leases(wrong, kCard, kWritten));
}

}  // namespace
}  // namespace anabranch::host
