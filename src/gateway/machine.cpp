// SPDX-License-Identifier: MIT
#include "gateway/machine.hpp"

#include <filesystem>
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
  const auto done = kernel::apply_nft(translation_ ? nft_difference(*translation_, wanted)
                                                   : nft_replacement(wanted));
  if (!done && wanted.empty() && !translation_) {
    // Without the program there is no table of an earlier run either.
    log::debug("no translation to remove: {}", done.error().text());
  } else if (!done) {
    translation_.reset();  // someone else may have changed the table: next time it is made anew
    return done;
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
  std::set<std::string> wanted;
  for (const auto& [key, value] : plan.sysctls) wanted.insert(key);
  ANABRANCH_TRY(sysctls_.restore_others(wanted));
  for (const auto& [key, value] : plan.sysctls) ANABRANCH_TRY(sysctls_.set(key, value));
  if (lans_.size() > 1) {
    lans_ = {lan};
    ANABRANCH_TRY(record_lans(lans_));
  }
  return difference->text();
}

bool Machine::translation_lost() {
  if (!translation_ || translation_->empty()) return false;
  kernel::SpawnOptions options;
  options.argv = {"nft", "list", "table", "ip", std::string(registry::kGatewayNftTable)};
  const auto listed = kernel::run_command(std::move(options));
  if (!listed || listed->exit_code == 0) return false;
  translation_.reset();
  return true;
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
