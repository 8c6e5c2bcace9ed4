// SPDX-License-Identifier: MIT
#include "paths/path_source.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "status/server.hpp"
#include "support/two_hosts.hpp"

namespace anabranch::paths {
namespace {

IpPrefix prefix(const char* text) {
  return IpPrefix::parse(text).value();
}
IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

kernel::LinkInfo link(unsigned index, const char* name) {
  kernel::LinkInfo out;
  out.index = index;
  out.name = name;
  out.admin_up = out.carrier = true;
  return out;
}

/// eth0 with IPv4 and IPv6 and a router each, wlan0 with IPv4 and a router, docker0 without.
NetworkView laptop() {
  NetworkView out;
  auto lo = link(1, "lo");
  lo.loopback = true;
  out.links = {lo, link(2, "eth0"), link(3, "wlan0"), link(4, "docker0")};
  for (const auto& [index, text] : {std::pair{1u, "127.0.0.1/8"},
                                    {2u, "192.0.2.10/24"},
                                    {2u, "2001:db8::10/64"},
                                    {2u, "fe80::10/64"},
                                    {3u, "198.51.100.10/24"},
                                    {4u, "172.17.0.1/16"}}) {
    kernel::Address one;
    one.ifindex = index;
    one.prefix = prefix(text);
    out.addresses.push_back(one);
  }
  for (const auto& [from, via] : {std::pair{"192.0.2.10", "192.0.2.1"},
                                  {"2001:db8::10", "fe80::1"},
                                  {"198.51.100.10", "198.51.100.1"}}) {
    kernel::Route route;
    route.via = address(via);
    out.default_routes[address(from)] = route;
  }
  return out;
}

std::map<std::string, std::string> reasons(const NetworkView& view, const Settings& settings = {},
                                           const std::vector<HostReport>& hosts = {}) {
  std::map<std::string, std::string> out;
  for (const auto& path : paths_from(view, hosts, settings)) {
    EXPECT_EQ(path.usable, path.reason.empty());
    out[path.address.text()] = path.usable ? "usable" : path.reason;
  }
  return out;
}

using Reasons = std::map<std::string, std::string>;

TEST(PathSource, EveryGlobalAddressWithADefaultRouteIsAPath) {
  EXPECT_EQ(reasons(laptop()), (Reasons{{"192.0.2.10", "usable"},
                                        {"198.51.100.10", "usable"},
                                        {"2001:db8::10", "usable"},
                                        {"172.17.0.1", "no-route"}}));
  const auto paths = paths_from(laptop(), {}, {});
  EXPECT_EQ(paths[1].address, address("192.0.2.10"));
  EXPECT_EQ(paths[1].interface, "eth0");
  EXPECT_EQ(paths[1].router, address("192.0.2.1"));
}

TEST(PathSource, WithoutADefaultRouteOnlyTheOwnLinkIsReached) {
  const auto paths = paths_from(laptop(), {}, {});
  const auto docker = std::ranges::find(paths, "docker0", &Path::interface);
  ASSERT_NE(docker, paths.end());
  EXPECT_TRUE(docker->reaches(address("172.17.0.9")));
  EXPECT_FALSE(docker->reaches(address("203.0.113.1")));
  EXPECT_TRUE(paths[1].reaches(address("203.0.113.1")));
}

TEST(PathSource, WithoutADefaultRouteTheOtherRoutesOfTheInterfaceCount) {
  auto view = laptop();
  view.destinations[address("172.17.0.1")] = {prefix("172.17.0.0/16"), prefix("203.0.113.0/24")};
  const auto paths = paths_from(view, {}, {});
  const auto docker = std::ranges::find(paths, "docker0", &Path::interface);
  ASSERT_NE(docker, paths.end());
  EXPECT_EQ(docker->destinations, (std::vector{prefix("172.17.0.0/16"), prefix("203.0.113.0/24")}));
  EXPECT_TRUE(docker->reaches(address("203.0.113.1")));
  EXPECT_FALSE(docker->usable);
}

TEST(PathSource, AnInterfaceWithoutCarrierIsDown) {
  auto view = laptop();
  view.links[1].carrier = false;
  EXPECT_EQ(reasons(view)["192.0.2.10"], "link-down");
  EXPECT_EQ(reasons(view)["2001:db8::10"], "link-down");
  EXPECT_EQ(reasons(view)["198.51.100.10"], "usable");
}

TEST(PathSource, TentativeAndDeprecatedAddressesAreNoPaths) {
  auto view = laptop();
  view.addresses[1].tentative = true;
  view.addresses[2].deprecated = true;
  EXPECT_EQ(reasons(view), (Reasons{{"198.51.100.10", "usable"}, {"172.17.0.1", "no-route"}}));
}

TEST(PathSource, InterfacesAreAllowedAndDeniedByPattern) {
  Settings settings;
  settings.deny = {"docker*"};
  EXPECT_EQ(reasons(laptop(), settings)["172.17.0.1"], "denied");
  EXPECT_EQ(reasons(laptop(), settings)["192.0.2.10"], "usable");
  settings.allow = {"wlan?"};
  EXPECT_EQ(reasons(laptop(), settings)["192.0.2.10"], "denied");
  EXPECT_EQ(reasons(laptop(), settings)["198.51.100.10"], "usable");
}

TEST(PathSource, AnAddressOnTwoInterfacesIsTheOneThatWorks) {
  auto view = laptop();
  auto twice = view.addresses[1];
  twice.ifindex = 3;
  view.addresses.insert(view.addresses.begin(), twice);
  view.links[2].carrier = false;
  EXPECT_EQ(reasons(view)["192.0.2.10"], "usable");
}

constexpr auto kUp = R"({"interface":"eth0","paths":[
  {"index":1,"family":"ipv4","address":"192.0.2.10","interface":"eth0","state":"up"},
  {"index":2,"family":"ipv4","address":"198.51.100.10","interface":"wlan0","state":"up"}]})";
constexpr auto kDown = R"({"interface":"eth0","paths":[
  {"index":1,"address":"192.0.2.10","state":"up"},
  {"index":2,"address":"198.51.100.10","state":"down"}]})";
constexpr auto kLost = R"({"interface":"eth0","paths":[
  {"index":1,"address":"192.0.2.10","state":"up"},
  {"index":2,"address":null,"state":"acquiring"}]})";

TEST(PathSource, WhatAHostRoleHasDownOrGivesUpIsWithdrawnUntilItIsUpAgain) {
  const auto up = next_host_report({}, kUp).value();
  EXPECT_EQ(reasons(laptop(), {}, {up})["198.51.100.10"], "usable");
  const auto down = next_host_report(up, kDown).value();
  EXPECT_EQ(reasons(laptop(), {}, {down})["198.51.100.10"], "withdrawn");
  const auto lost = next_host_report(up, kLost).value();
  EXPECT_EQ(reasons(laptop(), {}, {lost})["198.51.100.10"], "withdrawn")
      << "the address is there still, but the lease is not";
  EXPECT_EQ(reasons(laptop(), {}, {lost})["192.0.2.10"], "usable");
  EXPECT_EQ(next_host_report(next_host_report(lost, kLost).value(), kUp).value(), up);
}

constexpr auto kDual = R"({"interface":"eth0","paths":[
  {"index":1,"family":"ipv4","address":"192.0.2.10","state":"up"},
  {"index":1,"family":"ipv6","address":"2001:db8::10","state":"up"},
  {"index":2,"family":"ipv4","address":"198.51.100.10","state":"withdrawn"}]})";

TEST(PathSource, APathThatTheNetworkHasWithdrawnIsWithdrawn) {
  const auto report = next_host_report({}, kDual).value();
  EXPECT_EQ(reasons(laptop(), {}, {report})["198.51.100.10"], "withdrawn");
  EXPECT_EQ(reasons(laptop(), {}, {report})["192.0.2.10"], "usable");
}

TEST(PathSource, BothFamiliesOfAHostRolesPathAreInOneGroup) {
  const auto report = next_host_report({}, kDual).value();
  std::map<std::string, std::string> groups;
  for (const auto& path : paths_from(laptop(), {report}, {}))
    groups[path.address.text()] = path.group;
  EXPECT_EQ(groups["192.0.2.10"], "eth0/1");
  EXPECT_EQ(groups["2001:db8::10"], "eth0/1");
  EXPECT_EQ(groups["198.51.100.10"], "eth0/2");
  EXPECT_EQ(groups["172.17.0.1"], "") << "nobody's";
}

TEST(PathSource, AnAddressThatAHostRoleServesMayBeDeprecatedUnlessItSaysSoItself) {
  auto view = laptop();
  view.addresses[2].deprecated = true;
  EXPECT_FALSE(reasons(view).contains("2001:db8::10"));
  const auto serving = next_host_report({}, kDual).value();
  EXPECT_EQ(reasons(view, {}, {serving})["2001:db8::10"], "usable");
  std::string text = kDual;
  const auto at = text.find("up", text.find("2001:db8::10"));
  const auto deprecated = next_host_report(serving, text.replace(at, 2, "deprecated")).value();
  EXPECT_FALSE(reasons(view, {}, {deprecated}).contains("2001:db8::10"));
}

TEST(PathSource, AHostThatSpeaksOtherwiseIsAnError) {
  for (const auto* text : {"", "{", "[]", "{}", R"({"paths":[{}]})", R"({"paths":3})",
                           R"({"paths":[{"address":"nonsense","state":"up"}]})",
                           R"({"paths":[{"address":7,"state":"up"}]})"})
    EXPECT_FALSE(next_host_report({}, text)) << text;
}

/// The client of two hosts: IPv4 and IPv6 on two links, the main table knows both routers.
class PathSourceInKernel : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "no network namespace of our own";
    std::string name = "/tmp/anabranch-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    ::setenv("RUNTIME_DIRECTORY", name.c_str(), 1);
    hosts_.emplace();
    on_client([&] {
      netlink_ = test::must(kernel::Rtnetlink::open());
      for (const unsigned link : {1u, 2u}) {
        const std::string number = std::to_string(link);
        index_[link - 1] = test::must(netlink_->link("link" + number)).index;
        test::must(netlink_->add(
            kernel::Address{index_[link - 1], prefix(("fd77:" + number + "::1/64").c_str())}));
        for (const auto& router : {"10.77." + number + ".2", "fd77:" + number + "::2"}) {
          kernel::Route route;
          route.table = kernel::kMainTable;
          route.via = address(router.c_str());
          route.to = IpPrefix::any(route.via->family());
          route.ifindex = index_[link - 1];
          route.metric = 100 * link;
          test::must(netlink_->add(route));
        }
      }
      source_ = test::must(
          PathSource::open(loop_, {}, [this](const std::vector<Path>&) { on_change_(); }));
      return true;
    });
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  template <class Work>
  void on_client(Work work) {
    hosts_->client.inside(work);
  }
  /// Until `holds`, for five seconds at most. A loop runs once.
  bool eventually(std::function<bool()> holds) {
    if (holds()) return true;
    bool held = false;
    on_change_ = [&] {
      held = held || holds();
      if (held) loop_.stop();
    };
    const auto deadline = loop_.after(test::kDeadline, [this] { loop_.stop(); });
    loop_.run();
    return held;
  }
  Reasons now() {
    Reasons out;
    for (const auto& path : source_->now())
      out[path.address.text()] = path.usable ? "usable" : path.reason;
    return out;
  }

  std::filesystem::path directory_;
  std::optional<test::TwoHosts> hosts_;
  std::optional<kernel::Rtnetlink> netlink_;
  unsigned index_[2] = {};
  Loop loop_;
  std::function<void()> on_change_ = [] {};
  std::optional<PathSource> source_;
};

TEST_F(PathSourceInKernel, EachAddressHasTheRouterOfItsInterface) {
  std::map<std::string, std::string> routers;
  for (const auto& path : source_->now())
    routers[path.address.text()] = path.router ? path.router->text() : "none";
  EXPECT_EQ(routers, (Reasons{{"10.77.1.1", "10.77.1.2"},
                              {"10.77.2.1", "10.77.2.2"},
                              {"fd77:1::1", "fd77:1::2"},
                              {"fd77:2::1", "fd77:2::2"}}));
}

TEST_F(PathSourceInKernel, AnAddressThatIsRemovedIsNoPathAnyMore) {
  on_client([&] {
    test::must(netlink_->remove(kernel::Address{index_[1], prefix("10.77.2.1/24")}));
    return true;
  });
  EXPECT_TRUE(eventually([&] { return !now().contains("10.77.2.1"); }));
  EXPECT_EQ(now()["10.77.1.1"], "usable");
}

TEST_F(PathSourceInKernel, RoutesToPrefixesAloneLeadThere) {
  const auto route = [&](const char* to, std::uint32_t metric) {
    kernel::Route out;
    out.table = kernel::kMainTable;
    out.to = prefix(to);
    out.via = address("10.77.2.2");
    out.ifindex = index_[1];
    out.metric = metric;
    return out;
  };
  const auto second = [&] {
    return *std::ranges::find(source_->now(), address("10.77.2.1"), &Path::address);
  };
  test::must(netlink_->remove(route("0.0.0.0/0", 200)));
  bool own_link_only = false;
  EXPECT_TRUE(eventually([&] {
    if (second().reason != "no-route") return false;
    if (own_link_only) return second().reaches(address("203.0.113.1"));
    own_link_only =
        second().reaches(address("10.77.2.9")) && !second().reaches(address("203.0.113.1"));
    test::must(netlink_->add(route("203.0.113.0/24", 0)));
    return false;
  }));
  EXPECT_TRUE(own_link_only);
  EXPECT_FALSE(second().reaches(address("203.0.114.1")));
}

TEST_F(PathSourceInKernel, ALinkThatGoesDownIsNoticed) {
  on_client([&] {
    test::must(netlink_->set_up(index_[0], false));
    return true;
  });
  EXPECT_TRUE(eventually([&] { return now()["10.77.1.1"] == "link-down"; }));
  EXPECT_EQ(now()["10.77.2.1"], "usable");
}

TEST_F(PathSourceInKernel, AHostRoleThatStartsLaterIsFollowedUntilItEnds) {
  std::string report = R"({"paths":[{"address":"10.77.2.1","state":"down"}]})";
  auto server = std::make_optional(test::must(
      status::Server::open(loop_, directory_ / "host-link2.sock",
                           [&](const status::Request&) -> Result<std::string> { return report; })));
  const auto say = [&](const char* state) {
    report = std::string(R"({"paths":[{"address":"10.77.2.1","state":")") + state + R"("}]})";
    server->publish();
  };
  std::vector<std::string> told;
  EXPECT_TRUE(eventually([&] {
    told.push_back(now()["10.77.2.1"]);
    if (told.size() == 2) say("up");
    if (told.size() == 3) say("down");
    // When it ends, the kernel alone says what is there.
    if (told.size() == 4) loop_.post([&] { server.reset(); });
    return told.size() == 5;
  }));
  EXPECT_EQ(told,
            (std::vector<std::string>{"usable", "withdrawn", "usable", "withdrawn", "usable"}));
}

}  // namespace
}  // namespace anabranch::paths
