// SPDX-License-Identifier: MIT
#include "kernel/features.hpp"

#include "kernel/feature_probe.hpp"

namespace anabranch::kernel {
namespace {

struct Check {
  std::string_view name;
  Finding (*probe)();
  std::string_view meaning;
  std::string_view hint;
};

constexpr Check kChecks[] = {
    {"privileges", probe_privileges,
     "gateway and host change the system's network; lab and run do not", ""},
    {"mptcp", probe_mptcp, "every role but the gateway; without it connections are plain TCP",
     "a kernel with CONFIG_MPTCP=y (5.6 or later)"},
    {"mptcp_pm", probe_mptcp_pm, "host and paths tell the kernel which addresses to use",
     "a kernel with CONFIG_MPTCP=y, 5.6 or later"},
    {"mptcp_path_managers", probe_path_managers,
     "paths decides about every subflow through the userspace path manager", "Linux 5.19 or later"},
    {"mptcp_diag", probe_mptcp_diag, "paths sees the connections of other processes",
     "a kernel with CONFIG_INET_MPTCP_DIAG"},
    {"mptcp_full_info", probe_mptcp_full_info,
     "converter and lab see the subflows of their connections", "Linux 6.5 or later"},
    {"mptcp_blackhole", probe_blackhole_timeout,
     "every role: for this long new connections are plain TCP; the lab sets 0 in its namespaces",
     ""},
    {"congestion_control", probe_congestion_control,
     "programs started by run use this default; our own sockets choose cubic", ""},
    {"cubic", probe_cubic, "converter and lab choose it for their sockets",
     "a kernel with CONFIG_TCP_CONG_CUBIC"},
    {"fast_open", probe_fast_open, "converter and cpe save one round trip for each connection", ""},
    {"ipv6", probe_ipv6, "gateway and host: paths over IPv6, router advertisements", ""},
    {"policy_routing", probe_policy_routing,
     "gateway, host: a table for each path, chosen by source",
     "a kernel with CONFIG_IP_MULTIPLE_TABLES"},
    {"macvlan", probe_macvlan, "host: a virtual interface for each path",
     "a kernel with CONFIG_MACVLAN"},
    {"packet_socket", probe_packet_socket, "host: DHCP on its paths; lab: emulated links",
     "a kernel with CONFIG_PACKET"},
    {"nft_nat", probe_nft_nat, "gateway: translation to the address of each uplink",
     "a kernel with CONFIG_NFT_NAT and CONFIG_NFT_MASQ"},
    {"nft_tproxy", probe_nft_tproxy, "converter, cpe: take connections that pass by",
     "a kernel with CONFIG_NFT_TPROXY"},
    {"conntrack", probe_conntrack, "gateway: translation remembers connections",
     "a kernel with CONFIG_NF_CONNTRACK"},
    {"veth", probe_veth, "lab: cables", "a kernel with CONFIG_VETH"},
    {"bridge", probe_bridge, "lab: switches", "a kernel with CONFIG_BRIDGE"},
    {"user_namespaces", probe_user_namespaces, "lab for ordinary users", "run the lab as root"},
    {"bpf", probe_bpf, "balancer: forwarding in the kernel", "a kernel with CONFIG_BPF_SYSCALL"},
    {"bpf_file_system", probe_bpf_file_system,
     "balancer: what it steers by outlives its process there", "mount -t bpf bpf /sys/fs/bpf"},
    {"subflow_limits", probe_subflow_limits,
     "paths: a send limit for the subflows of each path, so that a slow one holds nothing back",
     "a kernel with CONFIG_CGROUP_BPF and CONFIG_DEBUG_INFO_BTF, 5.19 or later"},
    {"lockdown", probe_lockdown,
     "run starts programs with a preloaded library, as the kernel cannot be told to switch them",
     ""},
    {"nft", [] { return probe_program("nft"); }, "gateway, converter: load their rules",
     "apt install nftables"},
    {"kea-dhcp4", probe_kea, "gateway: gives hosts their addresses",
     "apt install kea-dhcp4-server"},
    {"ip", [] { return probe_program("ip"); }, "people look at routes and endpoints with it",
     "apt install iproute2"},
    {"nginx", [] { return probe_program("nginx"); }, "lab: the demo's web server",
     "apt install nginx"},
    {"curl", [] { return probe_program("curl"); }, "lab: the demo's client", "apt install curl"},
    {"udhcpc", [] { return probe_program("udhcpc"); }, "lab: a DHCP client that is not ours",
     "apt install udhcpc"},
};

}  // namespace

std::string_view feature_state_name(FeatureState state) {
  switch (state) {
    case FeatureState::kOk:
      return "ok";
    case FeatureState::kMissing:
      return "missing";
    case FeatureState::kRefused:
      return "refused";
    case FeatureState::kDegraded:
      return "degraded";
  }
  return "missing";
}

std::vector<Feature> probe_features() {
  std::vector<Feature> out;
  for (const auto& check : kChecks) {
    auto finding = check.probe();
    if (finding.state != FeatureState::kOk && finding.hint.empty()) finding.hint = check.hint;
    out.push_back({std::string(check.name), finding.state, std::move(finding.detail),
                   std::string(check.meaning), std::move(finding.hint)});
  }
  return out;
}

}  // namespace anabranch::kernel
