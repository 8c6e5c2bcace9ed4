// SPDX-License-Identifier: MIT
#include "proxy/interception_rules.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/registry.hpp"
#include "proxy/own_sockets.hpp"
#include "proxy/public_address.hpp"

namespace anabranch::proxy {
namespace {

/// How long the hosts that met a limit are left alone.
constexpr std::chrono::seconds kFullFor{10};

constexpr std::array kFamilies{Family::kIpv4, Family::kIpv6};

std::string_view word(Family family) {
  return family == Family::kIpv4 ? "ip" : "ip6";
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "\"" : ", \"") + name + "\"";
  return "{ " + out + " }";
}

/// Prefixes of one family that no other of them holds: nft refuses intervals that overlap.
std::vector<IpPrefix> outermost(const std::vector<IpPrefix>& prefixes, Family family) {
  std::vector<IpPrefix> out;
  for (const auto& one : prefixes) {
    const auto holds = [&](const IpPrefix& other) {
      return other.family() == family && other.length() < one.length() && other.overlaps(one);
    };
    if (one.family() == family && std::ranges::none_of(prefixes, holds) &&
        std::ranges::find(out, one) == out.end())
      out.push_back(one);
  }
  return out;
}

std::string list_of(const std::vector<IpPrefix>& prefixes) {
  std::string out;
  for (const auto& prefix : prefixes) out += (out.empty() ? "" : ", ") + prefix.text();
  return "{ " + out + " }";
}

/// A set with a prefix of length 0 beside others, or alone, is every address: no condition.
std::string condition(Family family, std::string_view side, const std::vector<IpPrefix>& prefixes) {
  if (prefixes.empty()) return {};
  const auto fitting = outermost(prefixes, family);
  if (fitting.front().length() == 0) return {};
  return fmt::format("{} {} {} ", word(family), side, list_of(fitting));
}

bool has(const std::vector<IpPrefix>& prefixes, Family family) {
  return prefixes.empty() ||
         std::ranges::any_of(prefixes, [&](const IpPrefix& one) { return one.family() == family; });
}

/// nft refuses intervals that overlap: merged.
std::string ports_of(std::vector<policy::PortRange> ranges) {
  if (ranges.empty()) return {};
  std::ranges::sort(ranges, {}, &policy::PortRange::first);
  std::vector<policy::PortRange> merged;
  for (const auto& range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last + 1)
      merged.back().last = std::max(merged.back().last, range.last);
    else
      merged.push_back(range);
  }
  std::string out;
  for (const auto& range : merged)
    out += fmt::format("{}{}-{}", out.empty() ? "" : ", ", range.first, range.last);
  return "tcp dport { " + out + " } ";
}

/// `take`: a chain. Without a converter nothing needs to pass this machine's sockets.
std::string taking(const CpeSettings& settings, std::string_view take) {
  return settings.converters.empty() ? "accept" : fmt::format("goto {}", take);
}

std::string verdict(RuleAction action, const CpeSettings& settings, std::string_view take) {
  switch (action) {
    case RuleAction::kConvert:
      return taking(settings, take);
    case RuleAction::kDirect:
      return "accept";
    case RuleAction::kReject:
      return "reject with tcp reset";
  }
  return {};
}

std::string rule_lines(const CpeSettings& settings, std::string_view take) {
  const auto& rules = settings.rules;
  std::string out;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& match = rules[i].match;
    for (const Family family : kFamilies) {
      if (!has(rules[i].from, family) || !has(match.destinations, family)) continue;
      out += fmt::format("    meta nfproto {} {}{}{}counter name {} {}\n",
                         family == Family::kIpv4 ? "ipv4" : "ipv6",
                         condition(family, "saddr", rules[i].from),
                         condition(family, "daddr", match.destinations), ports_of(match.ports),
                         rule_counter(i), verdict(rules[i].action, settings, take));
    }
  }
  return out;
}

std::string addresses_left_alone() {
  std::string out;
  const std::vector<IpPrefix> all(not_public().begin(), not_public().end());
  for (const Family family : kFamilies)
    out += fmt::format("    {} daddr {} accept\n", word(family), list_of(outermost(all, family)));
  return out;
}

std::string converters_left_alone(const CpeSettings& settings) {
  std::string out;
  for (const Family family : kFamilies) {
    std::vector<IpPrefix> own;
    for (const auto& converter : settings.converters)
      if (converter.endpoint.address.family() == family)
        own.push_back(IpPrefix::host(converter.endpoint.address));
    if (!own.empty())
      out += fmt::format("    {} daddr {} accept\n", word(family), list_of(outermost(own, family)));
  }
  return out;
}

std::string counters(const CpeSettings& settings) {
  std::string out;
  for (const auto& name : {kTakenCounter, kMptcpCounter, kRefusedCounter, kFullCounter})
    out += fmt::format("  counter {} {{ }}\n", name);
  for (std::size_t i = 0; i < settings.rules.size(); ++i)
    out += fmt::format("  counter {} {{ }}\n", rule_counter(i));
  return out;
}

/// A chain for SYNs; `to_lan`: what tells those to a LAN in its hook; `take`: where taken ones go.
std::string judging(std::string_view name, const CpeSettings& settings, std::string_view to_lan,
                    std::string_view take) {
  return fmt::format(
      "  chain {name} {{\n"
      "    tcp option mptcp exists counter name {mptcp} accept\n"
      "    fib daddr type != unicast accept\n"
      "{to_lan}"
      "{converters}"
      "    ip daddr . tcp dport @refused4 counter name {refused} accept\n"
      "    ip6 daddr . tcp dport @refused6 counter name {refused} accept\n"
      "{rules}"
      "{alone}"
      "    {taking}\n"
      "  }}\n",
      fmt::arg("name", name), fmt::arg("mptcp", kMptcpCounter), fmt::arg("to_lan", to_lan),
      fmt::arg("converters", converters_left_alone(settings)), fmt::arg("refused", kRefusedCounter),
      fmt::arg("rules", rule_lines(settings, take)), fmt::arg("alone", addresses_left_alone()),
      fmt::arg("taking", taking(settings, take)));
}

/// Of hosts that have met a limit.
std::string unless_full() {
  return fmt::format(
      "    ip saddr @full4 counter name {0} accept\n"
      "    ip6 saddr @full6 counter name {0} accept\n",
      kFullCounter);
}

constexpr std::string_view kSyn = "tcp flags & (fin | syn | rst | ack) == syn";

std::string of_hosts(const CpeSettings& settings) {
  if (settings.lan.empty()) return {};
  return judging("judge", settings,
                 fmt::format("    fib daddr oifname {} accept\n", quoted_list(settings.lan)),
                 "take");
}

/// tproxy works where packets come in only: those of sockets of this machine get the mark that
/// leads them back to it, and come in from "lo". The connection keeps the mark for what follows.
std::string of_own_sockets(const CpeSettings& settings, std::string_view cgroup_mount) {
  if (!settings.single) return {};
  const auto to_lan = settings.lan.empty()
                          ? std::string()
                          : fmt::format("    oifname {} accept\n", quoted_list(settings.lan));
  return judging("judge_own", settings, to_lan, "take_own") +
         fmt::format(
             "  chain take_own {{\n"
             "{unless_full}"
             "    ct mark set {mark} meta mark set {mark} accept\n"
             "  }}\n"
             "  chain own {{\n"
             "    type route hook output priority mangle; policy accept;\n"
             "    meta l4proto != tcp accept\n"
             "    meta mark {first}-{last} accept\n"
             "    ct mark {mark} ct direction original meta mark set {mark} accept\n"
             "    {syn} jump choose_own\n"
             "  }}\n"
             "  chain choose_own {{\n"
             "    oifname \"lo\" accept\n"
             "    socket transparent 1 accept\n"
             "{owners}"
             "  }}\n",
             fmt::arg("unless_full", unless_full()), fmt::arg("mark", registry::kCpeMark),
             fmt::arg("first", registry::kFirstMark), fmt::arg("last", registry::kLastMark),
             fmt::arg("syn", kSyn),
             fmt::arg("owners", own_socket_rules(*settings.single, cgroup_mount, "judge_own")));
}

std::string prerouting(const CpeSettings& settings, std::span<const WholeAddress> whole) {
  std::string out =
      "  chain prerouting {\n"
      "    type filter hook prerouting priority mangle; policy accept;\n"
      "    meta l4proto != tcp accept\n";
  out += whole_address_lines(whole, registry::kCpeMark);
  if (!settings.lan.empty())
    out += fmt::format("    iifname {} {} goto judge\n", quoted_list(settings.lan), kSyn);
  if (settings.single)
    out += fmt::format("    iifname \"lo\" meta mark {} {} goto hand_over\n", registry::kCpeMark,
                       kSyn);
  return out + fmt::format("    socket transparent 1 meta mark set {} accept\n  }}\n",
                           registry::kCpeMark);
}

}  // namespace

std::string rule_counter(std::size_t index) {
  return fmt::format("rule_{}", index + 1);
}

std::string interception_rules(const CpeSettings& settings, std::uint16_t port,
                               std::span<const WholeAddress> whole, std::string_view cgroup_mount) {
  return fmt::format(
      "add table inet {table}\n"
      "flush table inet {table}\n"
      "table inet {table} {{\n"
      "{counters}"
      "  set refused4 {{ type ipv4_addr . inet_service; size 65536; flags dynamic,timeout; }}\n"
      "  set refused6 {{ type ipv6_addr . inet_service; size 65536; flags dynamic,timeout; }}\n"
      "  set full4 {{ type ipv4_addr; size 65536; flags dynamic,timeout; }}\n"
      "  set full6 {{ type ipv6_addr; size 65536; flags dynamic,timeout; }}\n"
      "  set told4 {{ type ipv4_addr . inet_service; size 65536; flags dynamic,timeout; }}\n"
      "  set told6 {{ type ipv6_addr . inet_service; size 65536; flags dynamic,timeout; }}\n"
      "  chain hand_over {{\n"
      "    counter name {taken}\n"
      "    meta nfproto ipv4 meta l4proto tcp tproxy ip to 127.0.0.1:{port} meta mark set {mark} "
      "accept\n"
      "    meta nfproto ipv6 meta l4proto tcp tproxy ip6 to [::1]:{port} meta mark set {mark} "
      "accept\n"
      "    accept\n"
      "  }}\n"
      "  chain take {{\n"
      "{unless_full}"
      "    goto hand_over\n"
      "  }}\n"
      "{hosts}{own}{prerouting}"
      "  chain output {{\n"
      "    type filter hook output priority mangle; policy accept;\n"
      "    meta mark {refused} tcp flags & rst == rst add @refused4 {{ ip saddr . tcp sport "
      "timeout "
      "{seconds}s }}\n"
      "    meta mark {refused} tcp flags & rst == rst add @refused6 {{ ip6 saddr . tcp sport "
      "timeout {seconds}s }}\n"
      "    meta mark {full} jump tell_full\n"
      "  }}\n"
      "  chain tell_full {{\n"
      "    ip daddr . tcp dport @told4 update @told4 {{ ip daddr . tcp dport timeout 1m }} return\n"
      "    ip6 daddr . tcp dport @told6 update @told6 {{ ip6 daddr . tcp dport timeout 1m }} "
      "return\n"
      "    add @told4 {{ ip daddr . tcp dport timeout 1m }} add @full4 {{ ip daddr timeout "
      "{full_seconds}s }}\n"
      "    add @told6 {{ ip6 daddr . tcp dport timeout 1m }} add @full6 {{ ip6 daddr timeout "
      "{full_seconds}s }}\n"
      "  }}\n"
      "}}\n",
      fmt::arg("table", registry::kCpeNftTable), fmt::arg("counters", counters(settings)),
      fmt::arg("taken", kTakenCounter), fmt::arg("port", port),
      fmt::arg("mark", registry::kCpeMark), fmt::arg("unless_full", unless_full()),
      fmt::arg("hosts", of_hosts(settings)),
      fmt::arg("own", of_own_sockets(settings, cgroup_mount)),
      fmt::arg("prerouting", prerouting(settings, whole)),
      fmt::arg("refused", registry::kCpeRefusedMark),
      fmt::arg("seconds", settings.refused_direct.count()),
      fmt::arg("full", registry::kCpeFullMark), fmt::arg("full_seconds", kFullFor.count()));
}

std::string no_interception_rules() {
  return fmt::format("add table inet {0}\ndelete table inet {0}\n", registry::kCpeNftTable);
}

}  // namespace anabranch::proxy
