// SPDX-License-Identifier: MIT
// Translations as nft's text.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "gateway/translation.hpp"

namespace anabranch::gateway {
namespace {

constexpr std::string_view kIp = "ip";
constexpr std::string_view kIp6 = "ip6";
constexpr std::string_view kNetdev = "netdev";
constexpr std::array kFamilies{kIp, kIp6, kNetdev};

/// A chain with rules of ours, and what leads to it: an element of a verdict map, or a hook.
struct Branch {
  std::string_view family;
  std::string_view map;  ///< empty with a hook
  std::string chain;
  std::optional<IpPrefix> key;
  std::string hook;
  unsigned ifindex = 0;  ///< of the hook
  const std::vector<std::string>& rules;

  /// The same chain in the same place; its rules may differ.
  bool same(const Branch& other) const {
    return family == other.family && chain == other.chain && key == other.key &&
           hook == other.hook && ifindex == other.ifindex;
  }
};

std::string hook_text(std::string_view hook, std::string_view interface) {
  return fmt::format("type filter hook {} device \"{}\" priority 0; policy accept;", hook,
                     interface);
}

std::vector<Branch> branches_of(const PathTranslation& path) {
  const auto family = path.source.family() == Family::kIpv4 ? kIp : kIp6;
  std::vector<Branch> out;
  if (!path.outgoing.empty())
    out.push_back({family, "by_source", "from-" + path.name, path.source, {}, 0, path.outgoing});
  if (path.external)
    out.push_back({family, "by_target", "to-" + path.name, path.external, {}, 0, path.incoming});
  if (const auto& at = path.stateless) {
    out.push_back({kNetdev,
                   {},
                   "out-" + path.name,
                   {},
                   hook_text("egress", at->interface),
                   at->ifindex,
                   at->outgoing});
    out.push_back({kNetdev,
                   {},
                   "in-" + path.name,
                   {},
                   hook_text("ingress", at->interface),
                   at->ifindex,
                   at->incoming});
  }
  return out;
}

/// Those of one family.
std::vector<Branch> branches_of(const Translation& translation, std::string_view family) {
  std::vector<Branch> out;
  for (const auto& path : translation)
    for (auto& branch : branches_of(path))
      if (branch.family == family) out.push_back(branch);
  return out;
}

std::string in_table(const Branch& branch, std::string_view verb, std::string_view object,
                     std::string_view name, std::string_view rest = {}) {
  return fmt::format("{} {} {} {} {}{}{}\n", verb, object, branch.family,
                     registry::kGatewayNftTable, name, rest.empty() ? "" : " ", rest);
}

std::string rules_of(const Branch& branch) {
  std::string out;
  for (const auto& rule : branch.rules) out += in_table(branch, "add", "rule", branch.chain, rule);
  return out;
}

std::string element_of(const Branch& branch) {
  return fmt::format("{} : goto {}", branch.key->text(), branch.chain);
}

std::string addition(const Branch& branch) {
  if (!branch.key)
    return in_table(branch, "add", "chain", branch.chain, "{ " + branch.hook + " }") +
           rules_of(branch);
  return in_table(branch, "add", "chain", branch.chain) + rules_of(branch) +
         in_table(branch, "add", "element", branch.map, "{ " + element_of(branch) + " }");
}

std::string removal(const Branch& branch) {
  std::string out;
  if (branch.key)
    out += in_table(branch, "delete", "element", branch.map, "{ " + branch.key->text() + " }");
  else  // The kernel has removed it if its interface has gone.
    out += in_table(branch, "add", "chain", branch.chain);
  return out + in_table(branch, "flush", "chain", branch.chain) +
         in_table(branch, "delete", "chain", branch.chain);
}

const Branch* with_chain(const std::vector<Branch>& branches, std::string_view chain) {
  const auto found = std::ranges::find(branches, chain, &Branch::chain);
  return found == branches.end() ? nullptr : &*found;
}

/// As a block, elements and all: nft refuses a new map's elements when they come one by one.
std::string map_text(const std::vector<Branch>& branches, std::string_view family,
                     std::string_view map) {
  std::string elements;
  for (const auto& branch : branches)
    if (branch.map == map) elements += element_of(branch) + ", ";
  return fmt::format("  map {} {{\n    type {} : verdict\n    flags interval\n{}  }}\n", map,
                     family == kIp ? "ipv4_addr" : "ipv6_addr",
                     elements.empty() ? "" : "    elements = { " + elements + "}\n");
}

std::string chain_text(const Branch& branch) {
  std::string out = fmt::format("  chain {} {{\n", branch.chain);
  if (!branch.hook.empty()) out += "    " + branch.hook + "\n";
  for (const auto& rule : branch.rules) out += "    " + rule + "\n";
  return out + "  }\n";
}

std::string nat_hooks(std::string_view family) {
  return fmt::format(
      "  chain postrouting {{\n"
      "    type nat hook postrouting priority srcnat; policy accept;\n"
      "    {0} saddr vmap @by_source\n"
      "  }}\n"
      "  chain prerouting {{\n"
      "    type nat hook prerouting priority dstnat; policy accept;\n"
      "    {0} daddr vmap @by_target\n"
      "  }}\n",
      family);
}

std::string difference(const std::vector<Branch>& before, const std::vector<Branch>& after) {
  const auto stays = [](const Branch& branch, const std::vector<Branch>& others) {
    const Branch* other = with_chain(others, branch.chain);
    return other != nullptr && other->same(branch);
  };
  std::string out;
  // Removals first: a prefix may move from one path to another.
  for (const auto& branch : before)
    if (!stays(branch, after)) out += removal(branch);
  for (const auto& branch : after) {
    if (!stays(branch, before))
      out += addition(branch);
    else if (with_chain(before, branch.chain)->rules != branch.rules)
      out += in_table(branch, "flush", "chain", branch.chain) + rules_of(branch);
  }
  return out;
}

}  // namespace

std::span<const std::string_view> nft_families() {
  return kFamilies;
}

std::vector<std::string_view> nft_families_of(const Translation& translation) {
  std::vector<std::string_view> out;
  for (const auto family : kFamilies)
    if (!branches_of(translation, family).empty()) out.push_back(family);
  return out;
}

std::string nft_replacement(const Translation& wanted, std::string_view family) {
  // Whether the table is there or not, after the first two lines it is not.
  std::string out =
      fmt::format("table {0} {1}\ndelete table {0} {1}\n", family, registry::kGatewayNftTable);
  const auto branches = branches_of(wanted, family);
  if (branches.empty()) return out;
  out += fmt::format("table {} {} {{\n", family, registry::kGatewayNftTable);
  if (family != kNetdev)
    for (const std::string_view map : {"by_source", "by_target"})
      out += map_text(branches, family, map);
  for (const auto& branch : branches) out += chain_text(branch);
  if (family != kNetdev) out += nat_hooks(family);
  return out + "}\n";
}

std::string nft_difference(const Translation& present, const Translation& wanted) {
  std::string out;
  for (const auto family : kFamilies) {
    const auto before = branches_of(present, family);
    const auto after = branches_of(wanted, family);
    if (before.empty() != after.empty())
      out += nft_replacement(wanted, family);
    else
      out += difference(before, after);
  }
  return out;
}

}  // namespace anabranch::gateway
