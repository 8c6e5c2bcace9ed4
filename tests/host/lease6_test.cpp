// SPDX-License-Identifier: MIT
// What a DHCPv6 server's values come to, sensible or not, and a lease in a file.
#include "host/lease6.hpp"

#include <functional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "host/lease_json.hpp"

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kIaid = 0x102;
const MonotonicTime kSent(1h);

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

/// fd00:2::1:5, valid for 600 s and preferred for 300 s, T1 and T2 left to us.
Dhcp6Message good() {
  Dhcp6Message out;
  out.type = Dhcp6Type::kReply;
  out.server = {0, 1, 9};
  out.outside.ext_route = wire::ExtRoute{2, 2};
  out.outside.addresses = {{kIaid, 0s, 0s, {{IpPrefix::host(address("fd00:2::1:5")), 300s, 600s}}}};
  out.outside.dns = {address("fd00:2::53")};
  return out;
}
Dhcp6Association& association(Dhcp6Message& message) {
  return message.outside.addresses.at(0);
}
Dhcp6Lease& leased(Dhcp6Message& message) {
  return association(message).leases.at(0);
}

std::optional<Lease6> read(const std::function<void(Dhcp6Message&)>& change,
                           std::optional<IpAddress> held = std::nullopt) {
  auto message = good();
  change(message);
  return lease6_from(
      message, {2, kIaid, held, [](const IpAddress& a) { return a != address("fd00:2::bad"); }},
      kSent);
}

TEST(Lease6, ConvertersComeWithIt) {
  const auto lease = read([](auto& m) { m.outside.converters = {address("2001:db8::9")}; });
  EXPECT_EQ(lease->converters, std::vector{Endpoint::parse("[2001:db8::9]:5124").value()});
  const auto other = read([](auto& m) {
    m.outside.converters = {address("2001:db8::9")};
    m.outside.converter_port = 443;
  });
  EXPECT_EQ(other->converters, std::vector{Endpoint::parse("[2001:db8::9]:443").value()});
}

TEST(Lease6, WhatAnAnswerGrants) {
  const auto lease = read([](auto&) {});
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->address, address("fd00:2::1:5"));
  EXPECT_EQ(lease->route, (wire::ExtRoute{2, 2}));
  EXPECT_EQ(lease->server, (std::vector<std::uint8_t>{0, 1, 9}));
  EXPECT_EQ(lease->resolvers, std::vector{address("fd00:2::53")});
  EXPECT_EQ(lease->renews(), kSent + 150s);
  EXPECT_EQ(lease->rebinds(), kSent + 240s);
  EXPECT_EQ(lease->expires(), kSent + 600s);
  EXPECT_EQ(lease->remaining(kSent + 100s), 500s);
  EXPECT_EQ(lease->remaining_preferred(kSent + 400s), 0s);
}

TEST(Lease6, WhatMakesAnAnswerNoLease) {
  const struct {
    const char* what;
    std::function<void(Dhcp6Message&)> change;
  } rows[] = {
      {"no EXT_ROUTE", [](auto& m) { m.outside.ext_route.reset(); }},
      {"another path", [](auto& m) { m.outside.ext_route->index = 1; }},
      {"another path's association", [](auto& m) { association(m).iaid = 1; }},
      {"no server", [](auto& m) { m.server.clear(); }},
      {"no address", [](auto& m) { association(m).leases.clear(); }},
      {"T1 behind T2", [](auto& m) { association(m).t1 = 20s, association(m).t2 = 10s; }},
      {"valid for 0 s", [](auto& m) { leased(m).valid = leased(m).preferred = 0s; }},
      {"preferred for longer than valid", [](auto& m) { leased(m).preferred = 601s; }},
      {"a status", [](auto& m) { leased(m).status = Dhcp6Status{Dhcp6Status::kNotOnLink}; }},
      {"an address we do not want",
       [](auto& m) { leased(m).prefix = IpPrefix::host(address("fd00:2::bad")); }},
  };
  for (const auto& [what, change] : rows) EXPECT_FALSE(read(change)) << what;
  for (const char* text :
       {"::", "::1", "::ffff:10.1.2.3", "::10.1.2.3", "fe80::1", "febf::1", "ff02::1", "ff0e::1"})
    EXPECT_FALSE(read([&](auto& m) { leased(m).prefix = IpPrefix::host(address(text)); })) << text;
}

TEST(Lease6, TheFirstAddressThatCanBeUsedIsTaken) {
  const auto several = [](auto& m) {
    auto& leases = association(m).leases;
    leases.insert(leases.begin(), {IpPrefix::host(address("fd00:2::1:4")), 0s, 0s});
    leases.push_back({IpPrefix::host(address("fd00:2::1:6")), 300s, 600s});
  };
  EXPECT_EQ(read(several)->address, address("fd00:2::1:5"));
  EXPECT_EQ(read(several, address("fd00:2::1:6"))->address, address("fd00:2::1:6"))
      << "the one we have goes before";
}

TEST(Lease6, OfAContainerTheAddressIsTheOneInside) {
  const auto lease = read([](auto& m) {
    auto inside = m.outside;
    inside.addresses[0].leases[0].prefix = IpPrefix::host(address("fd00:2::2:5"));
    m.outside.ext_route->index = 1;
    m.domains.push_back({5, {'i'}, inside});
  });
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->address, address("fd00:2::2:5"));
}

TEST(Lease6, Timers) {
  using Time = std::optional<seconds>;
  const struct {
    const char* what;
    seconds preferred, valid, t1, t2;
    Time renewal, rebinding;
  } rows[] = {
      {"of the server", 300s, 600s, 100s, 200s, 100s, 200s},
      {"T1 of the server alone", 300s, 600s, 100s, 0s, 100s, 240s},
      {"T1 of the server behind our T2", 300s, 600s, 300s, 0s, 240s, 240s},
      {"T2 of the server before our T1", 300s, 600s, 0s, 100s, 100s, 100s},
      {"behind the end", 300s, 600s, 600s, 900s, 150s, 240s},
      {"not preferred any more", 0s, 600s, 0s, 0s, 300s, 480s},
      {"too short to halve", 1s, 1s, 0s, 0s, 1s, 1s},
      {"for ever", dhcp6::kInfinity, dhcp6::kInfinity, 0s, 0s, {}, {}},
      {"for ever but renewed", dhcp6::kInfinity, dhcp6::kInfinity, 10s, 20s, 10s, 20s},
      {"never renewed", 300s, 600s, dhcp6::kInfinity, dhcp6::kInfinity, {}, {}},
      {"valid for ever", 300s, dhcp6::kInfinity, 0s, 0s, 150s, 240s},
  };
  for (const auto& row : rows) {
    const auto lease = read([&](auto& m) {
      leased(m).preferred = row.preferred, leased(m).valid = row.valid;
      association(m).t1 = row.t1, association(m).t2 = row.t2;
    });
    ASSERT_TRUE(lease) << row.what;
    EXPECT_EQ(lease->renewal, row.renewal) << row.what;
    EXPECT_EQ(lease->rebinding, row.rebinding) << row.what;
  }
}

TEST(Lease6, ForEverHasNoEnd) {
  const auto lease =
      read([](auto& m) { leased(m).preferred = leased(m).valid = dhcp6::kInfinity; });
  EXPECT_EQ(lease->expires(), MonotonicTime::max());
  EXPECT_FALSE(lease->remaining(kSent));
}

TEST(Lease6, ResolversThatCannotBeAreLeftOut) {
  const auto lease = read([](auto& m) {
    m.outside.dns = {address("::1"), address("fd00::53"), address("ff02::fb")};
  });
  EXPECT_EQ(lease->resolvers, std::vector{address("fd00::53")});
}

TEST(Lease6, AWithdrawnAddressIsValidForNoTime) {
  auto message = good();
  EXPECT_FALSE(is_withdrawn(association(message), address("fd00:2::1:5")));
  leased(message).valid = 0s;
  EXPECT_TRUE(is_withdrawn(association(message), address("fd00:2::1:5")));
  EXPECT_FALSE(is_withdrawn(association(message), address("fd00:2::1:6")));
}

// --- In a file

TEST(Lease6, SurvivesARestart) {
  const Clocks before{kSent + 100s, WallTime(1'800'000'000s)};
  for (const bool ends : {true, false}) {
    auto lease = *read([](auto&) {});
    if (!ends) lease.preferred = lease.valid = lease.renewal = lease.rebinding = std::nullopt;
    const auto json = lease6_to_json(lease, before);
    EXPECT_EQ(lease6_from_json(json, before), lease);
    // 50 s later the machine's clock has begun anew.
    const Clocks after{MonotonicTime(10s), before.wall + 50s};
    const auto read_again = lease6_from_json(json, after);
    EXPECT_EQ(read_again.remaining(after.monotonic), ends ? std::optional(450s) : std::nullopt);
  }
}

TEST(Lease6, AMangledFileIsNoLease) {
  const Clocks clocks{kSent, WallTime(1'800'000'000s)};
  const auto json = lease6_to_json(*read([](auto&) {}), clocks);
  for (const auto& [key, value] : json.items()) {
    auto mangled = json;
    mangled[key] = "?";
    EXPECT_ANY_THROW(lease6_from_json(mangled, clocks)) << key;
    mangled.erase(key);
    if (key == "converters")  // came later
      EXPECT_TRUE(lease6_from_json(mangled, clocks).converters.empty());
    else
      EXPECT_ANY_THROW(lease6_from_json(mangled, clocks)) << key;
  }
  auto mangled = json;
  mangled["address"] = "10.1.2.3";
  EXPECT_ANY_THROW(lease6_from_json(mangled, clocks));
}

}  // namespace
}  // namespace anabranch::host
