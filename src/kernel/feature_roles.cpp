// SPDX-License-Identifier: MIT
#include "kernel/feature_roles.hpp"

#include <algorithm>
#include <array>

namespace anabranch::kernel {
namespace {

enum class Weight { kRequired, kUseful };
using enum Weight;

struct Need {
  std::string_view role;
  std::string_view check;
  Weight weight;
  std::string_view without;  ///< what the role is like when the feature is not there
};

constexpr std::array<std::string_view, 8> kRoles = {"gateway", "host",     "paths", "converter",
                                                    "cpe",     "balancer", "lab",   "run"};

constexpr Need kNeeds[] = {
    {"gateway", "policy_routing", kRequired, "traffic cannot be kept on its uplink"},
    {"gateway", "nft", kUseful, "only uplinks with nat = \"none\""},
    {"gateway", "nft_nat", kUseful, "only uplinks with nat = \"none\""},
    {"gateway", "conntrack", kUseful, "only uplinks with nat = \"none\""},
    {"gateway", "privileges", kUseful, "only as root"},
    {"gateway", "kea-dhcp4", kUseful, "hosts get no addresses from it by DHCP"},
    {"gateway", "ipv6", kUseful, "IPv4 only"},

    {"host", "mptcp", kRequired, "its connections would be plain TCP"},
    {"host", "mptcp_pm", kRequired, "the kernel cannot be told about its addresses"},
    {"host", "policy_routing", kRequired, "paths cannot be kept apart"},
    {"host", "packet_socket", kRequired, "no DHCP on its paths"},
    {"host", "privileges", kUseful, "only as root"},
    {"host", "macvlan", kRequired, "no virtual interface for a further path"},
    {"host", "congestion_control", kUseful, "programs use the default congestion control"},
    {"host", "ipv6", kUseful, "IPv4 only"},

    {"paths", "mptcp", kRequired, "there is nothing to manage"},
    {"paths", "mptcp_pm", kRequired, "subflows cannot be opened or closed"},
    {"paths", "mptcp_path_managers", kRequired, "the kernel keeps all decisions to itself"},
    {"paths", "privileges", kUseful, "only as root"},
    {"paths", "mptcp_diag", kUseful, "it cannot see how subflows perform"},
    {"paths", "subflow_limits", kUseful, "slow subflows may queue as much as fast ones"},

    {"converter", "mptcp", kRequired, "it has no multipath side"},
    {"converter", "cubic", kUseful, "sockets keep the default congestion control"},
    {"converter", "nft_tproxy", kUseful, "no clients' own addresses, no whole incoming addresses"},
    {"converter", "fast_open", kUseful, "every connection costs one more round trip"},
    {"converter", "mptcp_full_info", kUseful, "it cannot show its subflows"},

    {"cpe", "mptcp", kRequired, "it has no multipath side"},
    {"cpe", "cubic", kUseful, "sockets keep the default congestion control"},
    {"cpe", "nft_tproxy", kUseful, "hosts' connections cannot be taken"},
    {"cpe", "fast_open", kUseful, "every connection costs one more round trip"},

    {"balancer", "bpf", kRequired, "its forwarding program cannot be loaded"},
    {"balancer", "bpf_file_system", kUseful, "it needs another place for its 'pins'"},
    {"balancer", "mptcp", kUseful, "servers cannot be checked by MPTCP"},
    {"balancer", "ipv6", kUseful, "IPv4 only"},

    {"lab", "mptcp", kRequired, "there is nothing to measure"},
    {"lab", "mptcp_pm", kRequired, "its hosts cannot use their addresses"},
    {"lab", "veth", kRequired, "nodes cannot be connected"},
    {"lab", "packet_socket", kRequired, "links cannot be emulated"},
    {"lab", "policy_routing", kRequired, "its roles cannot route"},
    {"lab", "user_namespaces", kUseful, "only as root"},
    {"lab", "bridge", kUseful, "no scenarios with a LAN of many hosts"},
    {"lab", "macvlan", kUseful, "no scenarios with a host of several paths"},
    {"lab", "nft_nat", kUseful, "no scenarios with a gateway"},
    {"lab", "kea-dhcp4", kUseful, "no scenarios with DHCP"},
    {"lab", "mptcp_full_info", kUseful, "no figures for each subflow"},
    {"lab", "nginx", kUseful, "no demo with a web server"},
    {"lab", "curl", kUseful, "no demo with a web server"},
    {"lab", "udhcpc", kUseful, "no scenario with a foreign DHCP client"},

    {"run", "mptcp", kRequired, "programs stay on plain TCP"},
    {"run", "congestion_control", kUseful, "programs use the default congestion control"},
};

std::string reason(const Need& need, const Feature* feature) {
  if (feature && feature->state == FeatureState::kDegraded && need.weight == kRequired)
    return feature->name + " is " + feature->detail;
  return std::string(need.without) + " (" + std::string(need.check) + " " +
         std::string(feature ? feature_state_name(feature->state) : "missing") + ")";
}

}  // namespace

std::string_view readiness_name(Readiness readiness) {
  switch (readiness) {
    case Readiness::kReady:
      return "ready";
    case Readiness::kDegraded:
      return "degraded";
    case Readiness::kImpossible:
      return "impossible";
  }
  return "impossible";
}

std::vector<RoleVerdict> judge_roles(std::span<const Feature> features) {
  std::vector<RoleVerdict> out;
  for (const auto role : kRoles) {
    std::vector<std::string> fatal;
    std::vector<std::string> lacking;
    for (const auto& need : kNeeds) {
      if (need.role != role) continue;
      const auto found = std::ranges::find(features, need.check, &Feature::name);
      const Feature* feature = found == features.end() ? nullptr : &*found;
      if (feature && feature->state == FeatureState::kOk) continue;
      const bool usable = feature && feature->state == FeatureState::kDegraded;
      (need.weight == kRequired && !usable ? fatal : lacking).push_back(reason(need, feature));
    }
    if (!fatal.empty())
      out.push_back({std::string(role), Readiness::kImpossible, std::move(fatal)});
    else if (!lacking.empty())
      out.push_back({std::string(role), Readiness::kDegraded, std::move(lacking)});
    else
      out.push_back({std::string(role), Readiness::kReady, {}});
  }
  return out;
}

bool all_roles_possible(std::span<const RoleVerdict> verdicts) {
  return std::ranges::none_of(verdicts, [](const RoleVerdict& verdict) {
    return verdict.readiness == Readiness::kImpossible;
  });
}

}  // namespace anabranch::kernel
