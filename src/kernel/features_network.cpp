// SPDX-License-Identifier: MIT
// Probes that make interfaces, rules and tables, each in a network namespace of its own.
#include <cerrno>
#include <memory>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/macvlan.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/registry.hpp"
#include "kernel/feature_probe.hpp"

namespace anabranch::kernel {
namespace {

struct FreeSocket {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
using NetlinkSocket = std::unique_ptr<nl_sock, FreeSocket>;

NetlinkSocket route_socket() {
  NetlinkSocket socket(nl_socket_alloc());
  if (socket && nl_connect(socket.get(), NETLINK_ROUTE) != 0) socket.reset();
  return socket;
}

Finding finding_from_netlink(int result, std::string_view what) {
  if (result == -NLE_OPNOTSUPP || result == -NLE_OBJ_NOTFOUND || result == -NLE_PROTO_MISMATCH)
    return {FeatureState::kMissing, std::string(what) + ": not in this kernel"};
  return {FeatureState::kRefused, std::string(what) + ": " + nl_geterror(result)};
}

/// Makes the pair "one" and "two"; 0 or a libnl error.
int add_veth(nl_sock* socket) {
  return rtnl_link_veth_add(socket, "one", "two", 0);
}

Finding make_veth() {
  const auto socket = route_socket();
  if (!socket) return {FeatureState::kRefused, "no route netlink socket"};
  if (const int result = add_veth(socket.get())) return finding_from_netlink(result, "veth");
  return {FeatureState::kOk, "pairs can be made"};
}

Finding make_macvlan() {
  const auto socket = route_socket();
  if (!socket) return {FeatureState::kRefused, "no route netlink socket"};
  if (const int result = add_veth(socket.get()))
    return finding_from_netlink(result, "veth below it");
  rtnl_link* link = rtnl_link_macvlan_alloc();
  rtnl_link_set_name(link, "virtual");
  rtnl_link_set_link(link, static_cast<int>(::if_nametoindex("one")));
  rtnl_link_macvlan_set_mode(link, rtnl_link_macvlan_str2mode("bridge"));
  const int result = rtnl_link_add(socket.get(), link, NLM_F_CREATE | NLM_F_EXCL);
  rtnl_link_put(link);
  if (result) return finding_from_netlink(result, "macvlan");
  return {FeatureState::kOk, "virtual interfaces in bridge mode can be made"};
}

Finding make_bridge() {
  const auto socket = route_socket();
  if (!socket) return {FeatureState::kRefused, "no route netlink socket"};
  if (const int result = rtnl_link_bridge_add(socket.get(), "switch"))
    return finding_from_netlink(result, "bridge");
  return {FeatureState::kOk, "can be made"};
}

Finding open_packet_socket() {
  const UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
  if (!socket) return finding_from_errno(errno, "AF_PACKET");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex("lo"));
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return finding_from_errno(errno, "AF_PACKET on an interface");
  return {FeatureState::kOk, "raw frames can be sent and received"};
}

Finding make_rule_and_table() {
  const auto socket = route_socket();
  if (!socket) return {FeatureState::kRefused, "no route netlink socket"};
  const std::uint32_t table = registry::kGatewayTableBase + 1;
  nl_addr* source = nullptr;
  nl_addr_parse("10.1.0.0/16", AF_INET, &source);
  rtnl_rule* rule = rtnl_rule_alloc();
  rtnl_rule_set_family(rule, AF_INET);
  rtnl_rule_set_src(rule, source);
  rtnl_rule_set_table(rule, table);
  rtnl_rule_set_action(rule, FR_ACT_TO_TBL);
  rtnl_rule_set_prio(rule, registry::kGatewayRuleBase + 1);
  rtnl_rule_set_protocol(rule, registry::kRouteProtocol);
  int result = rtnl_rule_add(socket.get(), rule, NLM_F_EXCL);
  rtnl_rule_put(rule);
  nl_addr_put(source);
  if (result) return finding_from_netlink(result, "rule");
  nl_addr* anywhere = nullptr;
  nl_addr_parse("0.0.0.0/0", AF_INET, &anywhere);
  rtnl_route* route = rtnl_route_alloc();
  rtnl_route_set_family(route, AF_INET);
  rtnl_route_set_dst(route, anywhere);
  rtnl_route_set_table(route, table);
  rtnl_route_set_type(route, RTN_UNREACHABLE);
  rtnl_route_set_scope(route, RT_SCOPE_UNIVERSE);
  rtnl_route_set_protocol(route, registry::kRouteProtocol);
  result = rtnl_route_add(socket.get(), route, NLM_F_EXCL);
  rtnl_route_put(route);
  nl_addr_put(anywhere);
  if (result) return finding_from_netlink(result, "route in a table of its own");
  return {FeatureState::kOk, "rules by source and tables of our own work"};
}

constexpr const char* kNatRules =
    "add table ip t; add chain ip t post { type nat hook postrouting priority srcnat; }; "
    "add rule ip t post oifname \"lo\" masquerade; "
    "add chain ip t pre { type nat hook prerouting priority dstnat; }; "
    "add rule ip t pre iifname \"lo\" tcp dport 1 dnat to 127.0.0.1:2";
constexpr const char* kTproxyRules =
    "add table ip t; add chain ip t pre { type filter hook prerouting priority mangle; }; "
    "add rule ip t pre tcp dport 80 tproxy to 127.0.0.1:81 meta mark set 1 accept";

/// ok with `detail` when nft takes `rules` in this namespace.
Finding load_rules(const char* rules, std::string detail) {
  const auto nft = find_program("nft");
  if (!nft) return {FeatureState::kMissing, "nft is not installed", "apt install nftables"};
  const auto output = run_program({*nft, rules});
  if (output.status == 0) return {FeatureState::kOk, std::move(detail)};
  // nft says "Error: Could not process rule: No such file or directory" and then shows the rule.
  auto reason = output.text.substr(0, output.text.find('\n'));
  const bool missing =
      reason.find("No such file") != reason.npos || reason.find("not supported") != reason.npos;
  return {missing ? FeatureState::kMissing : FeatureState::kRefused, "nft: " + reason};
}

Finding look_for_conntrack() {
  if (auto rules = load_rules(kNatRules, {}); rules.state != FeatureState::kOk) return rules;
  const auto limit = read_sysctl("net.netfilter.nf_conntrack_max");
  if (!limit)
    return {FeatureState::kMissing,
            "no net.netfilter.nf_conntrack_max after loading rules that need it"};
  return {FeatureState::kOk, "up to " + *limit + " connections"};
}

}  // namespace

Finding probe_veth() {
  return run_probe(ProbeGround::kNamespace, make_veth);
}
Finding probe_macvlan() {
  return run_probe(ProbeGround::kNamespace, make_macvlan);
}
Finding probe_bridge() {
  return run_probe(ProbeGround::kNamespace, make_bridge);
}
Finding probe_packet_socket() {
  return run_probe(ProbeGround::kNamespace, open_packet_socket);
}
Finding probe_policy_routing() {
  return run_probe(ProbeGround::kNamespace, make_rule_and_table);
}
Finding probe_conntrack() {
  return run_probe(ProbeGround::kNamespace, look_for_conntrack);
}

Finding probe_nft_nat() {
  return run_probe(ProbeGround::kNamespace,
                   [] { return load_rules(kNatRules, "masquerade and dnat rules load"); });
}

Finding probe_nft_tproxy() {
  return run_probe(ProbeGround::kNamespace,
                   [] { return load_rules(kTproxyRules, "tproxy rules load"); });
}

}  // namespace anabranch::kernel
