// SPDX-License-Identifier: MIT
// Which paths get their IPv6 address by DHCPv6, what their messages leave from, and what a restart
// knows of them.
#include "host/path6.hpp"

#include <gtest/gtest.h>

#include "host/path6_set.hpp"
#include "host/pvd_table.hpp"
#include "host/state_file.hpp"

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

TEST(Path6, ADomainTakesDhcp6WhenItSaysSoAndHasPrefixesButNoneForSlaac) {
  const Domain::Prefix for_slaac{.prefix = IpPrefix::parse("2001:db8:1::/64").value(),
                                 .autonomous = true};
  const Domain::Prefix on_link{.prefix = IpPrefix::parse("2001:db8:2::/64").value()};
  Domain domain;
  domain.managed = true;
  EXPECT_FALSE(domain.takes_dhcp6()) << "no prefix that an address could lie in";
  domain.prefixes = {on_link};
  EXPECT_TRUE(domain.takes_dhcp6());
  domain.managed = false;
  EXPECT_FALSE(domain.takes_dhcp6());
  domain.managed = true;
  domain.prefixes = {on_link, for_slaac};
  EXPECT_FALSE(domain.takes_dhcp6());
  EXPECT_TRUE(domain.has_autonomous());
}

TEST(Path6, MessagesLeaveFromALinkLocalAddressThatIsKnownToBeFree) {
  const auto on = [](unsigned ifindex, const char* text, bool tentative = false) {
    kernel::Address out;
    out.ifindex = ifindex;
    out.prefix = IpPrefix::parse(text).value();
    out.tentative = tentative;
    return out;
  };
  const std::vector<kernel::Address> there{
      on(2, "10.1.0.5/16"),      on(3, "fe80::3/64"), on(2, "2001:db8::2/64"),
      on(2, "fe80::1/64", true), on(2, "fe80::2/64"),
  };
  EXPECT_EQ(link_local_of(there, 2), address("fe80::2"));
  EXPECT_EQ(link_local_of(there, 3), address("fe80::3"));
  EXPECT_EQ(link_local_of(there, 4), std::nullopt);
  EXPECT_EQ(link_local_of(std::span(there).first(4), 2), std::nullopt);
}

Lease6 lease() {
  Lease6 out;
  out.address = address("2001:db8:2::5");
  out.route = {2, 3};
  out.server = {0, 2, 0, 0, 0x7e, 0xd9};
  out.resolvers = {address("2001:db8:ff::2")};
  out.obtained = MonotonicTime(1000s);
  out.preferred = 300s;
  out.valid = 600s;
  out.renewal = 150s;
  out.rebinding = 240s;
  return out;
}

TEST(Path6, TheStateFileHoldsLeasesUntilTheyEnd) {
  const Clocks written{MonotonicTime(1100s), WallTime(1'700'000'000s)};
  HostState state;
  state.leases6 = {lease()};
  const auto text = format_state(state, written);
  EXPECT_EQ(parse_state(text, written)->leases6, state.leases6);
  const Clocks later{MonotonicTime(5s), written.wall + 499s};
  EXPECT_EQ(parse_state(text, later)->leases6.at(0).remaining(later.monotonic), 1s);
  const Clocks ended{MonotonicTime(5s), written.wall + 500s};
  EXPECT_TRUE(parse_state(text, ended)->leases6.empty());
}

TEST(Path6, AStateFileOfAnEarlierReleaseHasNone) {
  auto text = format_state({}, Clocks{});
  const auto at = text.find("\"leases6\"");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 9, "\"other\"");
  const auto state = parse_state(text, Clocks{});
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->leases6.empty());
}

TEST(Path6Set, LeasesOfAnEarlierProcessAreKeptUntilTheirPathStarts) {
  Loop loop;
  Path6Set paths(loop, [](Path6&, Path6::Change) {});
  paths.adopt({lease()});
  EXPECT_EQ(paths.leases(), std::vector{lease()});
  EXPECT_EQ(paths.find(2), nullptr);
  EXPECT_FALSE(paths.ready(2));
  EXPECT_EQ(paths.next_timer(), MonotonicTime::max());
  paths.slept(50s, MonotonicTime(1100s));
  EXPECT_EQ(paths.leases().at(0).expires(), lease().expires() - 50s);

  Path6Set::Identity identity;
  identity.duid = {0, 4, 1};
  identity.random = [] { return 1u; };
  identity.acceptable = [](unsigned, const IpAddress&) { return true; };
  kernel::LinkInfo link;
  link.index = 7;
  paths.start(identity, 2, link, true, MonotonicTime(1100s));
  ASSERT_NE(paths.find(2), nullptr);
  EXPECT_EQ(paths.leases().size(), 1u);
  EXPECT_TRUE(paths.find(2)->client().lease());
  EXPECT_EQ(paths.next_timer(), paths.leases()[0].expires()) << "nothing can be sent yet";

  // In place and known to be free: the path is ready without another look by the kernel.
  kernel::Address there;
  there.ifindex = 7;
  there.prefix = IpPrefix::parse("2001:db8:2::5/64").value();
  ASSERT_TRUE(paths.observe(false, std::vector{there}, MonotonicTime(1100s)));
  EXPECT_TRUE(paths.ready(2));
  paths.addresses_are_gone();
  EXPECT_FALSE(paths.ready(2));
  there.tentative = true;
  ASSERT_TRUE(paths.observe(false, std::vector{there}, MonotonicTime(1100s)));
  EXPECT_FALSE(paths.ready(2));
  there.duplicate = true;
  ASSERT_TRUE(paths.observe(false, std::vector{there}, MonotonicTime(1100s)));
  EXPECT_TRUE(paths.leases().empty()) << "somebody else has it";

  paths.keep_only({});
  EXPECT_EQ(paths.find(2), nullptr);
}

}  // namespace
}  // namespace anabranch::host
