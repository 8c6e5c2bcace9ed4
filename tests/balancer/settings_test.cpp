// SPDX-License-Identifier: MIT
// balancer.toml: what is read, and what is complained about.
#include "balancer/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anabranch::balancer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kFile = R"([balancer]
interface = "eth0"
encapsulation_sources = ["192.0.2.10"]

[[vip]]
address = "198.51.100.10:443"

[[vip]]
address = "[2001:db8::10]:443"
cures = ["address", "port"]
servers = ["b"]

[[vip]]
address = "198.51.100.10:80"
cures = []

[[server]]
name = "a"
id = 1
addresses = ["192.0.2.21"]
forward = "encapsulate"

[[server]]
name = "b"
id = 7
addresses = ["192.0.2.22", "2001:db8:2::22"]
weight = 3
join_addresses = ["2001:db8::b"]
)";

std::string with(std::string_view from, std::string_view to) {
  std::string out = kFile;
  const auto at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return out.replace(at, from.size(), to);
}

std::string complaint(const std::string& text) {
  const auto settings = parse_balancer_settings(text, "b.toml");
  return settings ? "" : settings.error().text();
}

TEST(BalancerSettings, TheControlChannelIsThereWhenItsSectionIs) {
  EXPECT_FALSE(parse_balancer_settings(kFile, "b.toml")->control);
  const auto listening = [](const std::string& addresses) {
    return kFile + "\n[control]\nlisten = " + addresses + "\n";
  };
  const auto settings =
      parse_balancer_settings(listening(R"(["192.0.2.1:7443", "[2001:db8::1]:7443"])"), "b.toml");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_THAT(settings->control->listen, ElementsAre(*Endpoint::parse("192.0.2.1:7443"),
                                                     *Endpoint::parse("[2001:db8::1]:7443")));
  EXPECT_EQ(settings->control->key_file, "/etc/anabranch/balancer.key");
  EXPECT_THAT(complaint(kFile + "\n[control]\n"), HasSubstr("listen"));
  for (const auto* wrong : {"[\"192.0.2.1\"]", "[\"0.0.0.0:7443\"]", "[\"balancer:7443\"]"})
    EXPECT_THAT(complaint(listening(wrong)), HasSubstr("is not an address with a port")) << wrong;
  EXPECT_THAT(complaint(listening(R"(["192.0.2.1:1", "192.0.2.1:1"])")), HasSubstr("there twice"));
  EXPECT_THAT(complaint(listening("[]")), HasSubstr("no address"));
}

TEST(BalancerSettings, AFileIsRead) {
  const auto settings = parse_balancer_settings(kFile, "b.toml");
  ASSERT_TRUE(settings) << settings.error().text();
  EXPECT_EQ(settings->interface, "eth0");
  EXPECT_EQ(settings->hook, kernel::BalancerHook::kTc);
  EXPECT_EQ(settings->first_join_port, 1024);
  EXPECT_EQ(settings->connections, 1'000'000U);
  ASSERT_EQ(settings->vips.size(), 3U);
  EXPECT_TRUE(settings->vips[0].by_port) << "the cure without the key";
  EXPECT_FALSE(settings->vips[0].by_address);
  EXPECT_THAT(settings->vips[0].servers, ElementsAre(1, 7));
  EXPECT_TRUE(settings->vips[1].by_address);
  EXPECT_THAT(settings->vips[1].servers, ElementsAre(7));
  EXPECT_FALSE(settings->vips[2].by_port);
  EXPECT_TRUE(settings->servers[0].encapsulates);
  EXPECT_EQ(settings->servers[1].weight, 3U);
  EXPECT_EQ(settings->servers[1].addresses[1]->text(), "2001:db8:2::22");
}

TEST(BalancerSettings, EveryHookHasItsName) {
  for (const char* name : {"tc", "xdp", "xdp-generic"}) {
    const auto settings = parse_balancer_settings(
        with("interface =", std::string("hook = \"") + name + "\"\ninterface ="), "b.toml");
    ASSERT_TRUE(settings) << settings.error().text();
    EXPECT_EQ(hook_name(settings->hook), name);
  }
}

TEST(BalancerSettings, WhatCannotWorkIsComplainedAbout) {
  EXPECT_THAT(complaint(with("id = 7", "id = 1")), HasSubstr("'a' has this id, too"));
  EXPECT_THAT(complaint(with("name = \"b\"", "name = \"a\"")), HasSubstr("the name 'a'"));
  EXPECT_THAT(complaint(with("id = 7", "id = 4096")), HasSubstr("id"));
  EXPECT_THAT(complaint(with("servers = [\"b\"]", "servers = [\"c\"]")),
              HasSubstr("no server 'c'"));
  EXPECT_THAT(complaint(with("servers = [\"b\"]", "servers = [\"a\"]")),
              HasSubstr("'a' has no address of IPv6"));
  EXPECT_THAT(complaint(with("10:80", "10:443")), HasSubstr("is there twice"));
  EXPECT_THAT(complaint(with("10:80", "10:1031")), HasSubstr("port 1031 is a join port, too"));
  EXPECT_EQ(complaint(with("10:80", "10:1032")), "") << "beyond the highest id";
  EXPECT_THAT(complaint(with("[\"address\", \"port\"]", "[\"timestamps\"]")),
              HasSubstr("'timestamps' is no cure"));
  EXPECT_THAT(complaint(with("10:443", "10")), HasSubstr("not an address with a port"));
  EXPECT_THAT(complaint(with("encapsulation_sources = [\"192.0.2.10\"]\n", "")),
              HasSubstr("nothing to send encapsulated packets from"));
  EXPECT_THAT(complaint(with("[\"192.0.2.21\"]", "[\"192.0.2.21\", \"192.0.2.23\"]")),
              HasSubstr("two addresses of IPv4"));
}

/// Of the first service, with these sections after [balancer] and after that service.
HealthCheck health(const std::string& general, const std::string& own = "") {
  auto text = kFile;
  text.insert(text.find("[[vip]]\naddress = \"[2001"), own + "\n");
  const auto settings = parse_balancer_settings(general + "\n" + text, "b.toml");
  EXPECT_TRUE(settings) << settings.error().text();
  return settings ? settings->vips[0].health : HealthCheck();
}

std::string wrong_health(const std::string& section) {
  return complaint(section + "\n" + kFile);
}

TEST(BalancerSettings, WithoutASectionNothingIsChecked) {
  EXPECT_EQ(health("").kind, CheckKind::kNone);
  EXPECT_EQ(health("[health]").kind, CheckKind::kTcp);
  EXPECT_EQ(health("", "[vip.health]").kind, CheckKind::kTcp) << "only this service";
  EXPECT_EQ(health("[health]", "[vip.health]\ncheck = \"none\"").kind, CheckKind::kNone);
}

TEST(BalancerSettings, AServiceMayBeCheckedOtherwise) {
  const std::string general =
      "[health]\ncheck = \"http\"\ninterval = \"5s\"\ntimeout = \"3s\"\nfall = 7\npath = "
      "\"/alive\"";
  const HealthCheck expected{.kind = CheckKind::kHttp,
                             .interval = seconds(5),
                             .timeout = seconds(3),
                             .rise = 2,
                             .fall = 7,
                             .path = "/alive"};
  EXPECT_EQ(health(general), expected);
  auto own = expected;
  own.status = 204;
  own.port = 8080;
  own.rise = 4;
  EXPECT_EQ(health(general, "[vip.health]\nexpect = 204\nport = 8080\nrise = 4"), own);
}

TEST(BalancerSettings, ACheckIsNotLongerThanItsInterval) {
  EXPECT_EQ(health("[health]\ninterval = \"500ms\"").timeout, milliseconds(500));
  EXPECT_THAT(wrong_health("[health]\ninterval = \"500ms\"\ntimeout = \"1s\""),
              HasSubstr("b.toml:3:11: longer than the 500 ms that there are"));
  EXPECT_THAT(wrong_health("[health]\ncheck = \"mptcp\"\ninterval = \"5s\"\ntimeout = \"3s\""),
              HasSubstr("longer than the 2 s that there are"));
  EXPECT_THAT(wrong_health("[health]\npath = \"a b\""), HasSubstr("'a b' is no path"));
}

}  // namespace
}  // namespace anabranch::balancer
