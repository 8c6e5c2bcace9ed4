// SPDX-License-Identifier: MIT
#include "proxy/rules_in_the_way.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <netinet/in.h>

#include "base/registry.hpp"

namespace anabranch::proxy {
namespace {

/// The kernel's own first rule, of every machine: this machine's addresses.
constexpr std::uint32_t kLocalTable = 255;

bool may_hold(const kernel::Rule& rule, const MarkedPackets& packets) {
  if (rule.mark != 0 && rule.mark != packets.mark) return false;
  if (rule.ip_protocol != 0 && rule.ip_protocol != IPPROTO_TCP) return false;
  if (!rule.input_interface.empty() && !packets.interfaces.empty() &&
      std::ranges::find(packets.interfaces, rule.input_interface) == packets.interfaces.end())
    return false;
  if (!rule.from || packets.sources.empty()) return true;
  return std::ranges::any_of(packets.sources, [&](const IpPrefix& source) {
    return source.family() == rule.family && source.overlaps(*rule.from);
  });
}

}  // namespace

std::vector<kernel::Rule> rules_in_the_way(std::span<const kernel::Rule> rules,
                                           const MarkedPackets& packets) {
  std::vector<kernel::Rule> out;
  for (const auto& rule : rules) {
    const bool ours = rule.protocol == registry::kRouteProtocol;
    const bool local = rule.action == kernel::Rule::Action::kLookup && rule.table == kLocalTable;
    if (!ours && !local && rule.priority <= packets.rule && may_hold(rule, packets))
      out.push_back(rule);
  }
  return out;
}

std::string rule_text(const kernel::Rule& rule) {
  auto out =
      fmt::format("{}: from {}", rule.priority, rule.from ? rule.from->text() : std::string("all"));
  if (rule.to) out += " to " + rule.to->text();
  if (!rule.input_interface.empty()) out += " iif " + rule.input_interface;
  if (rule.mark != 0) out += fmt::format(" fwmark {:#x}", rule.mark);
  if (rule.ip_protocol != 0) out += fmt::format(" ipproto {}", rule.ip_protocol);
  using enum kernel::Rule::Action;
  switch (rule.action) {
    case kLookup:
      return out + fmt::format(" lookup {}", rule.table);
    case kBlackhole:
      return out + " blackhole";
    case kUnreachable:
      return out + " unreachable";
    case kGoto:
      return out + fmt::format(" goto {}", rule.go_to);
    case kOther:
      break;
  }
  return out;
}

}  // namespace anabranch::proxy
