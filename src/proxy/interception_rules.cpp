// SPDX-License-Identifier: MIT
#include "proxy/interception_rules.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/registry.hpp"
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

/// Without a converter nothing needs to pass this machine's sockets.
std::string_view taking(const CpeSettings& settings) {
  return settings.converters.empty() ? "accept" : "goto take";
}

std::string_view verdict(RuleAction action, const CpeSettings& settings) {
  switch (action) {
    case RuleAction::kConvert:
      return taking(settings);
    case RuleAction::kDirect:
      return "accept";
    case RuleAction::kReject:
      return "reject with tcp reset";
  }
  return {};
}

std::string rule_lines(const CpeSettings& settings) {
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
                         rule_counter(i), verdict(rules[i].action, settings));
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

}  // namespace

std::string rule_counter(std::size_t index) {
  return fmt::format("rule_{}", index + 1);
}

std::string interception_rules(const CpeSettings& settings, std::uint16_t port,
                               std::span<const WholeAddress> whole) {
  const auto lan = quoted_list(settings.lan);
  const auto table = registry::kCpeNftTable;
  const auto mark = registry::kCpeMark;
  const auto refused = registry::kCpeRefusedMark;
  const auto seconds = settings.refused_direct.count();
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
      "  chain take {{\n"
      "    ip saddr @full4 counter name {full_counter} accept\n"
      "    ip6 saddr @full6 counter name {full_counter} accept\n"
      "    counter name {taken}\n"
      "    meta nfproto ipv4 meta l4proto tcp tproxy ip to 127.0.0.1:{port} meta mark set {mark} "
      "accept\n"
      "    meta nfproto ipv6 meta l4proto tcp tproxy ip6 to [::1]:{port} meta mark set {mark} "
      "accept\n"
      "    accept\n"
      "  }}\n"
      "  chain judge {{\n"
      "    tcp option mptcp exists counter name {mptcp} accept\n"
      "    fib daddr type != unicast accept\n"
      "    fib daddr oifname {lan} accept\n"
      "{converters}"
      "    ip daddr . tcp dport @refused4 counter name {refused_counter} accept\n"
      "    ip6 daddr . tcp dport @refused6 counter name {refused_counter} accept\n"
      "{rules}"
      "{alone}"
      "    {taking}\n"
      "  }}\n"
      "  chain prerouting {{\n"
      "    type filter hook prerouting priority mangle; policy accept;\n"
      "    meta l4proto != tcp accept\n"
      "{whole}"
      "    iifname {lan} tcp flags & (fin | syn | rst | ack) == syn goto judge\n"
      "    socket transparent 1 meta mark set {mark} accept\n"
      "  }}\n"
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
      fmt::arg("table", table), fmt::arg("counters", counters(settings)),
      fmt::arg("taken", kTakenCounter), fmt::arg("port", port), fmt::arg("mark", mark),
      fmt::arg("mptcp", kMptcpCounter), fmt::arg("lan", lan),
      fmt::arg("converters", converters_left_alone(settings)),
      fmt::arg("refused_counter", kRefusedCounter), fmt::arg("rules", rule_lines(settings)),
      fmt::arg("taking", taking(settings)), fmt::arg("alone", addresses_left_alone()),
      fmt::arg("whole", whole_address_lines(whole, mark)), fmt::arg("refused", refused),
      fmt::arg("seconds", seconds), fmt::arg("full_counter", kFullCounter),
      fmt::arg("full", registry::kCpeFullMark), fmt::arg("full_seconds", kFullFor.count()));
}

std::string no_interception_rules() {
  return fmt::format("add table inet {0}\ndelete table inet {0}\n", registry::kCpeNftTable);
}

}  // namespace anabranch::proxy
