// SPDX-License-Identifier: MIT
// Probes that make interfaces, rules and tables, each in a network namespace of its own.
#include <cerrno>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/fd.hpp"
#include "base/registry.hpp"
#include "kernel/feature_probe.hpp"
#include "kernel/namespaces.hpp"
#include "kernel/rtnetlink.hpp"
#include "kernel/sysctl.hpp"

namespace anabranch::kernel {
namespace {

/// ok with `detail` when the kernel did what it was asked for.
Finding finding_from(const Result<void>& done, std::string detail) {
  if (done) return {FeatureState::kOk, std::move(detail)};
  if (const int error = last_netlink_error(); error != 0)
    return finding_from_errno(error, done.error().what);
  return {FeatureState::kRefused, done.error().what};
}

/// Makes the pair "one" and "two" in this namespace.
Result<void> add_veth(Rtnetlink& netlink) {
  const auto here = current_network_namespace();
  if (!here) return std::unexpected(here.error());
  return netlink.create_veth("one", here->get(), "two", here->get());
}

Finding with_netlink(const std::function<Result<void>(Rtnetlink&)>& work, std::string detail) {
  auto netlink = Rtnetlink::open();
  if (!netlink) return {FeatureState::kRefused, netlink.error().what};
  return finding_from(work(*netlink), std::move(detail));
}

Finding make_veth() {
  return with_netlink(add_veth, "pairs can be made");
}

Finding make_macvlan() {
  return with_netlink(
      [](Rtnetlink& netlink) -> Result<void> {
        ANABRANCH_TRY(add_veth(netlink));
        return netlink.create_macvlan("virtual", ::if_nametoindex("one"), {{0x02, 0, 0, 0, 0, 1}});
      },
      "virtual interfaces in bridge mode can be made");
}

Finding make_bridge() {
  return with_netlink([](Rtnetlink& netlink) { return netlink.create_bridge("switch"); },
                      "can be made");
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
  return with_netlink(
      [](Rtnetlink& netlink) -> Result<void> {
        Rule rule;
        rule.priority = registry::kGatewayRuleBase + 1;
        rule.from = IpPrefix(IpAddress::v4(0x0a010000), 16);
        rule.table = registry::kGatewayTableBase + 1;
        rule.protocol = registry::kRouteProtocol;
        ANABRANCH_TRY(netlink.add(rule));
        Route route;
        route.table = rule.table;
        route.to = IpPrefix::any(Family::kIpv4);
        route.type = Route::Type::kUnreachable;
        route.protocol = registry::kRouteProtocol;
        return netlink.add(route);
      },
      "rules by source and tables of our own work");
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
  const auto limit = read_sysctl("net/netfilter/nf_conntrack_max");
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
