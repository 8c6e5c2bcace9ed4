// SPDX-License-Identifier: MIT
#include "lab/topology.hpp"

#include <set>

namespace anabranch::lab {
namespace {

/// IFNAMSIZ without the closing zero.
constexpr std::size_t kMaxInterfaceName = 15;

}  // namespace

std::optional<std::string> find_contradiction(const Topology& topology) {
  std::set<std::string> nodes;
  for (const auto& node : topology.nodes)
    if (!nodes.insert(node.name).second) return "two nodes are called '" + node.name + "'";

  std::set<std::pair<std::string, std::string>> interfaces;
  std::optional<std::string> problem;
  const auto take = [&](const Endpoint& endpoint, const std::string& owner) {
    if (problem) return;
    if (!nodes.contains(endpoint.node))
      problem = owner + " ends at the unknown node '" + endpoint.node + "'";
    else if (endpoint.interface.empty() || endpoint.interface.size() > kMaxInterfaceName)
      problem = owner + ": '" + endpoint.interface + "' is not an interface name";
    else if (!interfaces.emplace(endpoint.node, endpoint.interface).second)
      problem = owner + ": " + endpoint.node + " has two interfaces '" + endpoint.interface + "'";
  };
  std::set<std::string> names;
  for (const auto& link : topology.links) {
    if (!names.insert(link.name).second) return "two links are called '" + link.name + "'";
    take(link.a, "link " + link.name);
    take(link.b, "link " + link.name);
  }
  for (const auto& lan : topology.lans) {
    if (!names.insert(lan.name).second) return "two links are called '" + lan.name + "'";
    for (const auto& port : lan.ports) take(port, "LAN " + lan.name);
  }
  for (const auto& node : topology.nodes)
    for (const auto& address : node.addresses)
      if (address.interface != "lo" && !interfaces.contains({node.name, address.interface}))
        return node.name + " has an address on the unknown interface '" + address.interface + "'";
  return problem;
}

}  // namespace anabranch::lab
