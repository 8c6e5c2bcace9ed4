// SPDX-License-Identifier: MIT
#include "lab/proxy_pair.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "lab/single_homed.hpp"

namespace anabranch::lab {
namespace {

Topology two_uplinks() {
  return proxy_pair_topology({{.rate = BitRate::mbit(20)}, {.rate = BitRate::mbit(30)}});
}

const Node& node(const Topology& topology, const std::string& name) {
  return *std::ranges::find(topology.nodes, name, &Node::name);
}

TEST(ProxyPair, ItsTopologyHasNoContradiction) {
  EXPECT_EQ(find_contradiction(two_uplinks()), std::nullopt);
}

TEST(ProxyPair, HostAndServerCannotSpeakMptcp) {
  const auto topology = two_uplinks();
  for (const auto* name : {"host", "server"})
    EXPECT_EQ(node(topology, name).sysctls.at("net/mptcp/enabled"), "0") << name;
  for (const auto* name : {"cpe", "converter"})
    EXPECT_FALSE(node(topology, name).sysctls.contains("net/mptcp/enabled")) << name;
}

TEST(ProxyPair, TheConverterHasOneAddressOfEachFamily) {
  const auto topology = two_uplinks();
  EXPECT_EQ(node(topology, "converter").addresses.size(), 2U);
  EXPECT_EQ(converter_address(Family::kIpv4).text(), "198.18.9.9");
  EXPECT_EQ(converter_address(Family::kIpv6).text(), "2001:db8:1989::9");
}

TEST(ProxyPair, TheHostsAddressesAreOnePathForEachUplink) {
  for (const auto family : {Family::kIpv4, Family::kIpv6}) {
    const auto paths = lan_paths(2, family);
    ASSERT_EQ(paths.size(), 2U);
    for (const auto& path : paths)
      EXPECT_EQ(path_of(path.address, server_address(family)), path.index);
  }
}

}  // namespace
}  // namespace anabranch::lab
