// SPDX-License-Identifier: MIT
#include "gateway/translation.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace anabranch::gateway {
namespace {

/// Empty for addresses that leave through `through` as they are.
std::string outgoing_rule(const Uplink& uplink, const Uplink& through) {
  const std::string out = fmt::format("oifname \"{}\"", through.interface);
  switch (through.nat) {
    case Nat::kMasquerade:
      return out + " masquerade";
    case Nat::kPrefix:
      if (!through.external_prefix) return {};
      if (&uplink != &through) return fmt::format("{} snat to {}", out, stand_in(through).text());
      return fmt::format("{} snat prefix to {}", out, uplink.external_prefix->text());
    case Nat::kNone:
      break;
  }
  return {};
}

PathTranslation translate(const Settings& settings, const Uplink& uplink) {
  PathTranslation out;
  out.index = uplink.index;
  out.source = uplink.source_prefix;
  const auto leaves_through = [&](const Uplink* through) {
    if (through == nullptr) return;
    if (auto rule = outgoing_rule(uplink, *through); !rule.empty())
      out.outgoing.push_back(std::move(rule));
  };
  leaves_through(&uplink);
  leaves_through(uplink.fail_open.empty() ? nullptr : settings.find(uplink.fail_open));
  if (uplink.nat == Nat::kPrefix && uplink.external_prefix) {
    out.external = uplink.external_prefix;
    out.incoming = {fmt::format("iifname \"{}\" dnat prefix to {}", uplink.interface,
                                uplink.source_prefix.text())};
  }
  return out;
}

/// A chain with rules of ours and the element of a verdict map that leads to it.
struct Branch {
  std::string_view map;
  std::string chain;
  IpPrefix key;
  const std::vector<std::string>& rules;
};

std::vector<Branch> branches_of(const PathTranslation& path) {
  std::vector<Branch> out;
  out.push_back({"by_source", fmt::format("from-{}", path.index), path.source, path.outgoing});
  if (path.external)
    out.push_back({"by_target", fmt::format("to-{}", path.index), *path.external, path.incoming});
  return out;
}

std::string in_table(std::string_view verb, std::string_view object, std::string_view name,
                     std::string_view rest = {}) {
  return fmt::format("{} {} ip {} {}{}{}\n", verb, object, registry::kGatewayNftTable, name,
                     rest.empty() ? "" : " ", rest);
}

std::string rules_of(const Branch& branch) {
  std::string out;
  for (const auto& rule : branch.rules) out += in_table("add", "rule", branch.chain, rule);
  return out;
}

std::string element_of(const Branch& branch) {
  return fmt::format("{} : goto {}", branch.key.text(), branch.chain);
}

std::string addition(const Branch& branch) {
  return in_table("add", "chain", branch.chain) + rules_of(branch) +
         in_table("add", "element", branch.map, "{ " + element_of(branch) + " }");
}

std::string removal(const Branch& branch) {
  return in_table("delete", "element", branch.map, "{ " + branch.key.text() + " }") +
         in_table("flush", "chain", branch.chain) + in_table("delete", "chain", branch.chain);
}

const Branch* with_chain(const std::vector<Branch>& branches, std::string_view chain) {
  const auto found = std::ranges::find(branches, chain, &Branch::chain);
  return found == branches.end() ? nullptr : &*found;
}

std::vector<Branch> branches_of(const Translation& translation) {
  std::vector<Branch> out;
  for (const auto& path : translation)
    for (auto& branch : branches_of(path)) out.push_back(std::move(branch));
  return out;
}

}  // namespace

IpAddress stand_in(const Uplink& uplink) {
  const auto inside = uplink.router.to_v4() - uplink.source_prefix.network().to_v4();
  return IpAddress::v4(uplink.external_prefix->network().to_v4() + inside);
}

Translation make_translation(const Settings& settings) {
  Translation out;
  for (const auto& uplink : settings.uplinks)
    if (auto path = translate(settings, uplink); !path.outgoing.empty())
      out.push_back(std::move(path));
  return out;
}

std::string nft_replacement(const Translation& wanted) {
  // Whether the table is there or not, after the first two lines it is not.
  std::string out = fmt::format("table ip {0}\ndelete table ip {0}\n", registry::kGatewayNftTable);
  if (wanted.empty()) return out;
  const auto branches = branches_of(wanted);
  out += fmt::format("table ip {} {{\n", registry::kGatewayNftTable);
  // As a block, elements and all: nft refuses a new map's elements when they come one by one.
  for (const std::string_view map : {"by_source", "by_target"}) {
    std::string elements;
    for (const auto& branch : branches)
      if (branch.map == map) elements += element_of(branch) + ", ";
    out += fmt::format("  map {} {{\n    type ipv4_addr : verdict\n    flags interval\n{}  }}\n",
                       map, elements.empty() ? "" : "    elements = { " + elements + "}\n");
  }
  for (const auto& branch : branches) {
    out += fmt::format("  chain {} {{\n", branch.chain);
    for (const auto& rule : branch.rules) out += "    " + rule + "\n";
    out += "  }\n";
  }
  return out +
         "  chain postrouting {\n"
         "    type nat hook postrouting priority srcnat; policy accept;\n"
         "    ip saddr vmap @by_source\n"
         "  }\n"
         "  chain prerouting {\n"
         "    type nat hook prerouting priority dstnat; policy accept;\n"
         "    ip daddr vmap @by_target\n"
         "  }\n"
         "}\n";
}

std::string nft_difference(const Translation& present, const Translation& wanted) {
  if (present == wanted) return {};
  if (present.empty() || wanted.empty()) return nft_replacement(wanted);
  const auto before = branches_of(present);
  const auto after = branches_of(wanted);
  const auto stays = [](const Branch& branch, const std::vector<Branch>& others) {
    const Branch* other = with_chain(others, branch.chain);
    return other != nullptr && other->key == branch.key;
  };
  std::string out;
  // Removals first: a prefix may move from one path to another.
  for (const auto& branch : before)
    if (!stays(branch, after)) out += removal(branch);
  for (const auto& branch : after) {
    if (!stays(branch, before))
      out += addition(branch);
    else if (with_chain(before, branch.chain)->rules != branch.rules)
      out += in_table("flush", "chain", branch.chain) + rules_of(branch);
  }
  return out;
}

}  // namespace anabranch::gateway
