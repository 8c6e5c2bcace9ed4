// SPDX-License-Identifier: MIT
// A topology as a value: nodes, the links between them, addresses, routes and the roles that run.
// Scenarios describe one declaratively; builder.hpp makes it real in network namespaces and the
// report draws it. Nothing here touches the kernel.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/units.hpp"

namespace anabranch::lab {

/// What the emulator does to one direction of a link. Both directions of a link have the same
/// profile.
struct LinkProfile {
  BitRate rate{};        ///< zero: unlimited
  nanoseconds delay{};   ///< one way, after serialisation
  nanoseconds jitter{};  ///< uniform in [0, jitter] on top of the delay, order kept
  double loss = 0;       ///< probability that a packet is dropped, 0..1
  nanoseconds queue{};   ///< drop-tail queue as time at `rate`; zero: 50 ms
  auto operator<=>(const LinkProfile&) const = default;
};

struct Endpoint {
  std::string node;
  std::string interface;
  std::optional<MacAddress> mac = std::nullopt;  ///< unless the kernel may choose
  bool down =
      false;  ///< not set up with the rest: nothing is sent from it before the scenario says
};

/// A point-to-point link. With a profile it runs through the emulator, without it is a plain cable.
struct Link {
  std::string name;
  Endpoint a;
  Endpoint b;
  std::optional<LinkProfile> profile;
};

/// A switch with one port for each endpoint.
struct Lan {
  std::string name;
  std::vector<Endpoint> ports;
};

struct InterfaceAddress {
  std::string interface;
  IpPrefix address;
};

struct StaticRoute {
  IpPrefix to;
  std::optional<IpAddress> via;
  std::string interface;
  std::uint32_t metric = 0;
  std::uint32_t table = 0;  ///< 0: main
};

/// Packets of that source look their route up in the table.
struct SourceRule {
  IpPrefix from;
  std::uint32_t table = 0;
  std::uint32_t priority = 0;
};

/// A process started in the node once its network is up: the executable itself for our own roles.
struct Role {
  std::string name;                  ///< unique in the node; names its log file
  std::vector<std::string> command;  ///< "anabranch" as the first word means this executable
  std::map<std::string, std::string> files;  ///< written below /run/lab in the node first
};

struct Node {
  std::string name;
  std::string title;  ///< for people: "host", "gateway with two uplinks"
  std::vector<InterfaceAddress> addresses = {};
  std::vector<StaticRoute> routes = {};
  std::vector<SourceRule> rules = {};
  std::map<std::string, std::string> sysctls = {};
  unsigned mptcp_subflows =
      0;  ///< limit of extra subflows set with the in-kernel path manager; 0: leave
  std::vector<Role> roles = {};
};

struct Topology {
  std::vector<Node> nodes;
  std::vector<Link> links;
  std::vector<Lan> lans;
};

/// The first contradiction found (unknown node, interface used twice, name too long), or nothing.
std::optional<std::string> find_contradiction(const Topology& topology);

}  // namespace anabranch::lab
