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
  EXPECT_THAT(complaint(with("[\"address\", \"port\"]", "[\"token\"]")),
              HasSubstr("'token' is no cure"));
  EXPECT_THAT(complaint(with("10:443", "10")), HasSubstr("not an address with a port"));
  EXPECT_THAT(complaint(with("encapsulation_sources = [\"192.0.2.10\"]\n", "")),
              HasSubstr("nothing to send encapsulated packets from"));
  EXPECT_THAT(complaint(with("[\"192.0.2.21\"]", "[\"192.0.2.21\", \"192.0.2.23\"]")),
              HasSubstr("two addresses of IPv4"));
}

}  // namespace
}  // namespace anabranch::balancer
