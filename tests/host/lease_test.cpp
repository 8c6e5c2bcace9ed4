// SPDX-License-Identifier: MIT
// What a server's values come to, sensible or not.
#include "host/lease.hpp"

#include <functional>

#include <gtest/gtest.h>

#include "base/registry.hpp"

namespace anabranch::host {
namespace {

using namespace std::chrono_literals;
using Octets = DhcpMessage::Octets;

constexpr std::uint8_t kExtRoute = 224;

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}
Octets octets(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

/// 10.2.16.5/16 by 10.1.0.1, for 600 s, router 10.2.0.1.
DhcpMessage good() {
  DhcpMessage out;
  out.type = DhcpType::kAck;
  out.assigned = address("10.2.16.5");
  out.set_address(dhcp::kServerId, address("10.1.0.1"));
  out.set_address(dhcp::kSubnetMask, address("255.255.0.0"));
  out.set_address(dhcp::kRouter, address("10.2.0.1"));
  out.options[dhcp::kLeaseTime] = octets(600);
  out.options[kExtRoute] = {2, 2};
  return out;
}

std::optional<Lease> read(const DhcpMessage& message) {
  return lease_from(message, MacAddress{}, kExtRoute, MonotonicTime(1h));
}
std::optional<Lease> read(const std::function<void(DhcpMessage&)>& change) {
  auto message = good();
  change(message);
  return read(message);
}
std::vector<std::string> routes(const std::optional<Lease>& lease) {
  std::vector<std::string> out;
  for (const auto& route : lease->routes)
    out.push_back(route.to.text() + (route.via ? " via " + route.via->text() : ""));
  return out;
}
using Texts = std::vector<std::string>;

TEST(Lease, ConvertersComeWithIt) {
  const auto lease = read([](DhcpMessage& message) {
    message.options[registry::kConvertersCode] = {4, 198, 18, 9, 9};
    message.options[registry::kConverterPortCode] = {1, 0xbb};
  });
  EXPECT_EQ(lease->converters, std::vector{Endpoint::parse("198.18.9.9:443").value()});
  EXPECT_TRUE(read(good())->converters.empty());
}

TEST(Lease, WhatMakesAnAnswerNoLease) {
  const struct {
    const char* what;
    std::function<void(DhcpMessage&)> change;
  } rows[] = {
      {"no EXT_ROUTE", [](auto& m) { m.options.erase(kExtRoute); }},
      {"EXT_ROUTE of a wrong length",
       [](auto& m) {
         m.options[kExtRoute] = {2, 2, 2};
       }},
      {"no lease time", [](auto& m) { m.options.erase(dhcp::kLeaseTime); }},
      {"lease time of a wrong length",
       [](auto& m) {
         m.options[dhcp::kLeaseTime] = {1, 2};
       }},
      {"a lease of 0 s", [](auto& m) { m.options[dhcp::kLeaseTime] = octets(0); }},
      {"no server", [](auto& m) { m.options.erase(dhcp::kServerId); }},
      {"server 0.0.0.0", [](auto& m) { m.set_address(dhcp::kServerId, IpAddress()); }},
      {"broadcast server",
       [](auto& m) { m.set_address(dhcp::kServerId, address("255.255.255.255")); }},
      {"no address", [](auto& m) { m.assigned = IpAddress(); }},
      {"network 0", [](auto& m) { m.assigned = address("0.1.2.3"); }},
      {"loopback", [](auto& m) { m.assigned = address("127.0.0.1"); }},
      {"multicast", [](auto& m) { m.assigned = address("224.0.0.5"); }},
      {"reserved", [](auto& m) { m.assigned = address("240.0.0.1"); }},
      {"broadcast", [](auto& m) { m.assigned = address("255.255.255.255"); }},
      {"the subnet's number", [](auto& m) { m.assigned = address("10.2.0.0"); }},
      {"the subnet's broadcast", [](auto& m) { m.assigned = address("10.2.255.255"); }},
      {"the server's own address", [](auto& m) { m.assigned = address("10.1.0.1"); }},
      {"the router's own address", [](auto& m) { m.assigned = address("10.2.0.1"); }},
      {"a classless route's router",
       [](auto& m) {
         m.options[dhcp::kClasslessRoutes] = {0, 10, 2, 16, 5};
       }},
  };
  EXPECT_TRUE(read(good()));
  for (const auto& row : rows) EXPECT_FALSE(read(row.change)) << row.what;
}

TEST(Lease, WhatAMaskComesTo) {
  const struct {
    std::optional<const char*> mask;
    unsigned length;
  } rows[] = {
      {"255.255.0.0", 16}, {"255.255.255.255", 32}, {"255.0.0.0", 8},    {"0.0.0.0", 32},
      {"128.0.0.0", 32},   {"255.0.255.0", 32},     {"0.255.255.0", 32}, {std::nullopt, 32},
  };
  for (const auto& row : rows) {
    const auto lease = read([&](DhcpMessage& message) {
      message.options.erase(dhcp::kSubnetMask);
      if (row.mask) message.set_address(dhcp::kSubnetMask, address(*row.mask));
    });
    ASSERT_TRUE(lease);
    EXPECT_EQ(lease->address.length(), row.length) << row.mask.value_or("none");
    EXPECT_EQ(lease->router(), address("10.2.0.1")) << "reached over the link in any case";
  }
}

TEST(Lease, WhatTimesComeTo) {
  const struct {
    const char* what;
    std::uint32_t lease;
    std::optional<std::uint32_t> t1, t2;
    seconds renewal, rebinding;
  } rows[] = {
      {"the defaults", 600, {}, {}, 300s, 525s},
      {"the server's own", 600, 100, 200, 100s, 200s},
      {"T1 beyond the lease", 600, 5000, {}, 300s, 525s},
      {"T2 beyond the lease", 600, {}, 4000, 300s, 525s},
      {"both beyond the lease", 600, 5000, 4000, 300s, 525s},
      {"T1 after T2", 600, 500, 400, 300s, 400s},
      {"T2 before the default of T1", 600, {}, 100, 100s, 100s},
      {"T1 and T2 of 0", 600, 0, 0, 300s, 525s},
      {"one second", 1, {}, {}, 1s, 1s},
      {"nearly for ever", 0xfffffffe, {}, {}, 2147483647s, 3758096382s},
  };
  for (const auto& row : rows) {
    const auto lease = read([&](DhcpMessage& message) {
      message.options[dhcp::kLeaseTime] = octets(row.lease);
      if (row.t1) message.options[dhcp::kRenewalTime] = octets(*row.t1);
      if (row.t2) message.options[dhcp::kRebindingTime] = octets(*row.t2);
    });
    ASSERT_TRUE(lease) << row.what;
    EXPECT_EQ(lease->renewal, row.renewal) << row.what;
    EXPECT_EQ(lease->rebinding, row.rebinding) << row.what;
    EXPECT_LE(lease->rebinds(), lease->expires()) << row.what;
  }
}

TEST(Lease, ForEverHasNoTimes) {
  const auto lease = read([](auto& m) { m.options[dhcp::kLeaseTime] = octets(0xffffffff); });
  EXPECT_FALSE(lease->duration);
  EXPECT_FALSE(lease->renewal);
}

TEST(Lease, WhichRouteOptionsCount) {
  const Octets classless{32, 10, 9, 0, 1, 0, 0, 0, 0, 0, 10, 2, 0, 9};
  const Octets statics{192, 0, 2, 0, 10, 2, 0, 3};
  const struct {
    const char* what;
    std::function<void(DhcpMessage&)> change;
    Texts expected;
  } rows[] = {
      {"router alone", [](auto&) {}, {"0.0.0.0/0 via 10.2.0.1"}},
      {"the first of several routers",
       [](auto& m) { m.options[dhcp::kRouter] = {10, 2, 0, 2, 10, 2, 0, 1}; },
       {"0.0.0.0/0 via 10.2.0.2"}},
      {"static routes and router",
       [&](auto& m) { m.options[dhcp::kStaticRoutes] = statics; },
       {"192.0.2.0/24 via 10.2.0.3", "0.0.0.0/0 via 10.2.0.1"}},
      {"static routes of a wrong length are none",
       [](auto& m) { m.options[dhcp::kStaticRoutes] = Octets(7); },
       {"0.0.0.0/0 via 10.2.0.1"}},
      {"classless routes replace both",
       [&](auto& m) {
         m.options[dhcp::kStaticRoutes] = statics;
         m.options[dhcp::kClasslessRoutes] = classless;
       },
       {"10.9.0.1/32", "0.0.0.0/0 via 10.2.0.9"}},
      {"mangled classless routes do not",
       [](auto& m) {
         m.options[dhcp::kClasslessRoutes] = {33, 10};
       },
       {"0.0.0.0/0 via 10.2.0.1"}},
      {"no router at all", [](auto& m) { m.options.erase(dhcp::kRouter); }, {}},
  };
  for (const auto& row : rows) EXPECT_EQ(routes(read(row.change)), row.expected) << row.what;
}

TEST(Lease, RoutersThatCannotBeAreLeftOut) {
  for (const char* router :
       {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.2.0.0", "10.2.255.255"}) {
    const auto lease = read([&](auto& m) { m.set_address(dhcp::kRouter, address(router)); });
    ASSERT_TRUE(lease) << router;
    EXPECT_TRUE(lease->routes.empty()) << router;
  }
}

}  // namespace
}  // namespace anabranch::host
