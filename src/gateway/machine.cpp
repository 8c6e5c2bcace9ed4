// SPDX-License-Identifier: MIT
#include "gateway/machine.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "kernel/nft.hpp"
#include "kernel/process.hpp"
#include "kernel/reconcile.hpp"

namespace anabranch::gateway {
namespace {

std::filesystem::path sysctl_file() {
  return runtime_directory() / "gateway.sysctl";
}
std::filesystem::path lan_file() {
  return runtime_directory() / "gateway.lan";
}

std::set<std::string> recorded_lans() {
  std::set<std::string> out;
  const auto content = read_file(lan_file());
  if (!content) return out;
  std::istringstream lines(*content);
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) out.insert(line);
  return out;
}

Result<void> record_lans(const std::set<std::string>& lans) {
  std::string content;
  for (const auto& lan : lans) content += lan + "\n";
  return replace_file(lan_file(), content);
}

/// IPv6 forwards from an interface that says so itself since Linux 6.17; before that all interfaces
/// have to. One that takes no Router Advertisements at all is let be.
std::map<std::string, std::string> on_this_machine(
    const std::map<std::string, std::string>& sysctls) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : sysctls) {
    const auto present = kernel::read_sysctl(key);
    if (key.ends_with("/accept_ra") && (!present || *present == "0")) continue;
    if (key.ends_with("/force_forwarding") && !present)
      out["net/ipv6/conf/all/forwarding"] = value;
    else
      out[key] = value;
  }
  return out;
}

}  // namespace

Machine::Machine(kernel::Rtnetlink netlink)
    : netlink_(std::move(netlink)), sysctls_(sysctl_file()), lans_(recorded_lans()) {}

Result<Machine> Machine::open() {
  auto netlink = kernel::Rtnetlink::open();
  if (!netlink) return std::unexpected(netlink.error());
  return Machine(*std::move(netlink));
}

Result<Observed> Machine::observe() {
  auto links = netlink_.links();
  if (!links) return std::unexpected(links.error());
  auto addresses = netlink_.addresses();
  if (!addresses) return std::unexpected(addresses.error());
  return Observed{*std::move(links), *std::move(addresses)};
}

kernel::Scope Machine::scope_with(const std::string& lan,
                                  const std::vector<kernel::LinkInfo>& links) const {
  std::vector<unsigned> interfaces;
  for (const auto& link : links)
    if (link.name == lan || lans_.contains(link.name)) interfaces.push_back(link.index);
  return scope_of(std::move(interfaces));
}

Result<void> Machine::apply_translation(const Translation& wanted) {
  if (translation_ == wanted) return {};
  std::string text;
  if (translation_) {
    text = nft_difference(*translation_, wanted);
  } else {
    const auto needed = nft_families_of(wanted);
    for (const auto family : nft_families()) {
      if (std::ranges::find(needed, family) != needed.end()) {
        text += nft_replacement(wanted, family);
        continue;
      }
      // Without the program, or a kernel with that family, no earlier run has left a table either.
      if (const auto done = kernel::apply_nft(nft_replacement({}, family)); !done)
        log::debug("no translation to remove: {}", done.error().text());
    }
  }
  if (!text.empty()) {
    if (const auto done = kernel::apply_nft(text); !done) {
      translation_.reset();  // someone else may have changed a table: next time all is made anew
      return done;
    }
  }
  translation_ = wanted;
  return {};
}

Result<std::string> Machine::apply(const Plan& plan, const std::string& lan) {
  const auto links = netlink_.links();
  if (!links) return std::unexpected(links.error());
  if (lans_.insert(lan).second) ANABRANCH_TRY(record_lans(lans_));
  // Translation and filter first, forwarding last: no packet gets through half a configuration.
  ANABRANCH_TRY(apply_translation(plan.translation));
  const auto difference = kernel::reconcile(netlink_, plan.network, scope_with(lan, *links));
  if (!difference) return std::unexpected(difference.error());
  const auto sysctls = on_this_machine(plan.sysctls);
  std::set<std::string> wanted;
  for (const auto& [key, value] : sysctls) wanted.insert(key);
  ANABRANCH_TRY(sysctls_.restore_others(wanted));
  for (const bool forwarding : {false, true})
    for (const auto& [key, value] : sysctls)
      if (key.ends_with("forwarding") == forwarding) ANABRANCH_TRY(sysctls_.set(key, value));
  if (lans_.size() > 1) {
    lans_ = {lan};
    ANABRANCH_TRY(record_lans(lans_));
  }
  return difference->text();
}

bool Machine::translation_lost() {
  if (!translation_) return false;
  const auto families = nft_families_of(*translation_);
  const bool lost = std::ranges::any_of(families, [](std::string_view family) {
    kernel::SpawnOptions options;
    options.argv = {"nft", "list", "table", std::string(family),
                    std::string(registry::kGatewayNftTable)};
    const auto listed = kernel::run_command(std::move(options));
    return listed && listed->exit_code != 0;
  });
  if (lost) translation_.reset();
  return lost;
}

Result<void> Machine::clean(const std::string& lan) {
  const auto links = netlink_.links();
  if (!links) return std::unexpected(links.error());
  ANABRANCH_TRY(sysctls_.restore());
  const auto difference = kernel::reconcile(netlink_, {}, scope_with(lan, *links));
  if (!difference) return std::unexpected(difference.error());
  translation_.reset();
  ANABRANCH_TRY(apply_translation({}));
  lans_.clear();
  std::error_code ignored;
  std::filesystem::remove(lan_file(), ignored);
  return {};
}

}  // namespace anabranch::gateway
