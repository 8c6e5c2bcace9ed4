// SPDX-License-Identifier: MIT
// A host with two links and no source rules of its own; its default route is the first link's. A
// server lies behind both.
#include "paths/first_route.hpp"

#include <algorithm>

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "base/registry.hpp"
#include "support/two_hosts.hpp"

namespace anabranch::paths {
namespace {

using kernel::Route;
using kernel::Rule;
using test::must;

constexpr std::size_t kMuch = 100'000;

IpAddress address(const std::string& text) {
  return must(IpAddress::parse(text));
}

struct Ways {
  std::string local[2];
  std::string router[2];
  std::string server;
};
const Ways kIpv4{{"10.77.1.1", "10.77.2.1"}, {"10.77.1.2", "10.77.2.2"}, "198.51.100.1"};
const Ways kIpv6{{"fd77:1::1", "fd77:2::1"}, {"fd77:1::2", "fd77:2::2"}, "fd99::1"};

class FirstRouteOnTwoLinks : public testing::TestWithParam<Ways> {
 protected:
  template <class Work>
  auto on_client(Work work) const {
    return hosts_->client.inside(work);
  }

  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespace of our own";
    hosts_.emplace();
    const auto& ways = GetParam();
    const bool v4 = ways.server.find(':') == std::string::npos;
    for (const auto* host : {&hosts_->client, &hosts_->server})
      host->inside([&] {
        auto netlink = must(kernel::Rtnetlink::open());
        const bool client = host == &hosts_->client;
        for (const unsigned link : {0U, 1U}) {
          const auto index = must(netlink.link("link" + std::to_string(link + 1))).index;
          if (!v4)
            must(netlink.add(kernel::Address{
                index, IpPrefix(address(client ? ways.local[link] : ways.router[link]), 64)}));
        }
        if (client)
          must(netlink.add(main_route(netlink, 0)));
        else
          must(netlink.add(kernel::Address{1, IpPrefix::host(address(ways.server))}));
        return true;
      });
    family_ = address(ways.server).family();
    listener_ = hosts_->server.inside([&] {
      UniqueFd fd(::socket(test::endpoint(ways.server, 0).address.is_v4() ? AF_INET : AF_INET6,
                           SOCK_STREAM | SOCK_CLOEXEC, 0));
      const auto at = test::socket_address(test::endpoint(ways.server, test::kServerPort));
      EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), size()), 0);
      EXPECT_EQ(::listen(fd.get(), 8), 0);
      return fd;
    });
    route_ = on_client([] { return must(FirstRoute::open()); });
  }

  socklen_t size() const {
    return family_ == Family::kIpv4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  }
  Route main_route(kernel::Rtnetlink& netlink, unsigned link) const {
    Route out;
    out.table = kernel::kMainTable;
    out.via = address(GetParam().router[link]);
    out.to = IpPrefix::any(out.via->family());
    out.ifindex = must(netlink.link("link" + std::to_string(link + 1))).index;
    out.metric = 100 + link;
    return out;
  }
  Path path(unsigned link) const {
    return on_client([&] {
      Path out;
      out.address = address(GetParam().local[link]);
      out.interface = "link" + std::to_string(link + 1);
      out.ifindex = must(must(kernel::Rtnetlink::open()).link(out.interface)).index;
      out.router = address(GetParam().router[link]);
      return out;
    });
  }

  struct Talk {
    UniqueFd client;
    UniqueFd server;
    std::string source;
  };
  Talk connect() const {
    Talk out;
    out.client = on_client([&] {
      UniqueFd fd(::socket(address_family(family_), SOCK_STREAM | SOCK_CLOEXEC, 0));
      const auto to = test::socket_address(test::endpoint(GetParam().server, test::kServerPort));
      EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size()), 0);
      return fd;
    });
    out.server = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    ::getsockname(out.client.get(), reinterpret_cast<sockaddr*>(&from), &length);
    out.source = IpAddress::from_sockaddr(from)->text();
    return out;
  }
  /// The link that most of what the client sends on a connection leaves by.
  unsigned link_of(const Talk& talk) const {
    const auto sent = [&] {
      return on_client([] {
        auto netlink = must(kernel::Rtnetlink::open());
        return std::pair(must(netlink.link("link1")).sent_octets,
                         must(netlink.link("link2")).sent_octets);
      });
    };
    const auto before = sent();
    std::vector<char> octets(kMuch, 'x');
    EXPECT_EQ(::send(talk.client.get(), octets.data(), kMuch, MSG_NOSIGNAL),
              static_cast<ssize_t>(kMuch));
    EXPECT_EQ(::recv(talk.server.get(), octets.data(), kMuch, MSG_WAITALL),
              static_cast<ssize_t>(kMuch));
    const auto after = sent();
    const auto first = after.first - before.first;
    const auto second = after.second - before.second;
    EXPECT_TRUE(first > kMuch ? second < kMuch / 10 : second > kMuch && first < kMuch / 10)
        << first << " and " << second << " octets";
    return first > second ? 1 : 2;
  }
  std::vector<Rule> our_rules() const {
    return on_client([] {
      auto rules = must(must(kernel::Rtnetlink::open()).rules());
      std::erase_if(rules,
                    [](const Rule& rule) { return rule.protocol != registry::kRouteProtocol; });
      return rules;
    });
  }
  void prefer(const std::optional<Path>& path) {
    on_client([&] {
      must(route_->prefer(family_, path));
      return true;
    });
  }

  std::optional<test::TwoHosts> hosts_;
  Family family_ = Family::kIpv4;
  UniqueFd listener_;
  std::optional<FirstRoute> route_;
};

TEST_P(FirstRouteOnTwoLinks, NewConnectionsMoveToThePreferredPathAndBackAndRunningOnesStay) {
  const auto before = connect();
  EXPECT_EQ(before.source, GetParam().local[0]);
  EXPECT_EQ(link_of(before), 1u);

  prefer(path(1));
  const auto moved = connect();
  EXPECT_EQ(moved.source, GetParam().local[1]);
  EXPECT_EQ(link_of(moved), 2u);
  EXPECT_EQ(link_of(before), 1u) << "a running connection stays where it was";

  prefer(std::nullopt);
  const auto after = connect();
  EXPECT_EQ(after.source, GetParam().local[0]);
  EXPECT_EQ(link_of(after), 1u);
  EXPECT_EQ(link_of(moved), 2u) << "what was moved stays where it is";
  EXPECT_EQ(link_of(before), 1u);
}

TEST_P(FirstRouteOnTwoLinks, ThePathThatTheRoutesChooseNeedsNothing) {
  prefer(path(0));
  EXPECT_TRUE(our_rules().empty());
}

TEST_P(FirstRouteOnTwoLinks, AfterACrashPreferencesGoAndRunningConnectionsStay) {
  prefer(path(1));
  const auto moved = connect();
  route_.reset();
  on_client([] {
    must(FirstRoute::withdraw());
    return true;
  });
  EXPECT_EQ(connect().source, GetParam().local[0]);
  EXPECT_EQ(link_of(moved), 2u);
  route_ = on_client([] { return must(FirstRoute::open()); });
  EXPECT_EQ(link_of(moved), 2u) << "the next run keeps it";
  on_client([] {
    must(FirstRoute::remove());
    return true;
  });
  EXPECT_TRUE(our_rules().empty());
}

TEST_P(FirstRouteOnTwoLinks, MoreSpecificRoutesOfTheMainTableWin) {
  on_client([&] {
    auto netlink = must(kernel::Rtnetlink::open());
    auto specific = main_route(netlink, 0);
    specific.to = IpPrefix::host(address(GetParam().server));
    must(netlink.add(specific));
    return true;
  });
  prefer(path(1));
  EXPECT_FALSE(our_rules().empty());
  EXPECT_EQ(connect().source, GetParam().local[0]);
}

TEST_P(FirstRouteOnTwoLinks, ASourceRuleOfSomebodyElseIsEnough) {
  on_client([&] {
    auto netlink = must(kernel::Rtnetlink::open());
    auto theirs = main_route(netlink, 1);
    theirs.table = 102;
    must(netlink.add(theirs));
    Rule rule;
    rule.priority = 30000;
    rule.family = family_;
    rule.from = IpPrefix::host(address(GetParam().local[1]));
    rule.table = 102;
    must(netlink.add(rule));
    return true;
  });
  prefer(path(1));
  const auto moved = connect();
  EXPECT_EQ(link_of(moved), 2u);
  prefer(std::nullopt);
  EXPECT_TRUE(our_rules().empty());
  EXPECT_EQ(link_of(moved), 2u);
}

TEST_P(FirstRouteOnTwoLinks, WhoLeadsEverythingPastTheMainTableMeansIt) {
  on_client([&] {
    auto netlink = must(kernel::Rtnetlink::open());
    auto tunnel = main_route(netlink, 0);
    tunnel.table = 200;
    must(netlink.add(tunnel));
    Rule rule;
    rule.priority = 32000;
    rule.family = family_;
    rule.table = 200;
    must(netlink.add(rule));
    return true;
  });
  prefer(path(1));
  EXPECT_TRUE(our_rules().empty());
}

TEST_P(FirstRouteOnTwoLinks, RoutesComeBackWithTheirInterfaceAndGoWithTheirAddress) {
  prefer(path(1));
  const auto set_up = [&](bool up) {
    on_client([&] {
      auto netlink = must(kernel::Rtnetlink::open());
      must(netlink.set_up(path(1).ifindex, up));
      // IPv6 addresses go with their interface.
      if (up)
        must(netlink.add(kernel::Address{
            path(1).ifindex, IpPrefix(path(1).address, path(1).address.is_v4() ? 24 : 64)}));
      auto known = path(1);
      known.usable = up;
      must(route_->follow({known}));
      return true;
    });
  };
  set_up(false);
  EXPECT_EQ(connect().source, GetParam().local[0]);
  set_up(true);
  EXPECT_EQ(connect().source, GetParam().local[1]);
  on_client([&] {
    auto netlink = must(kernel::Rtnetlink::open());
    must(netlink.remove(kernel::Address{
        path(1).ifindex, IpPrefix(path(1).address, path(1).address.is_v4() ? 24 : 64)}));
    must(route_->follow({}));
    return true;
  });
  EXPECT_TRUE(our_rules().empty());
}

INSTANTIATE_TEST_SUITE_P(Families, FirstRouteOnTwoLinks, testing::Values(kIpv4, kIpv6),
                         [](const auto& chosen) {
                           return chosen.param.server.find(':') == std::string::npos ? "Ipv4"
                                                                                     : "Ipv6";
                         });

TEST(FirstRoute, WhatAnEarlierRunChoseIsReadFromItsRoutesAndRules) {
  ChosenPaths chosen;
  Path path;
  path.address = address("10.1.0.2");
  path.ifindex = 4;
  path.router = address("10.1.0.1");
  chosen[0] = {path, true};
  path.address = address("10.2.0.2");
  chosen[3] = {path, false};
  Path down;
  down.address = address("2001:db8::2");
  down.usable = false;
  chosen[5] = {down, true};
  EXPECT_EQ(chosen_paths(first_route_state(chosen, {{Family::kIpv4, path.address}})), chosen);
}

}  // namespace
}  // namespace anabranch::paths
