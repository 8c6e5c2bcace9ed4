// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "paths/explain_judges.hpp"
#include "paths/setting_definitions.hpp"

namespace anabranch::paths {
namespace {

using enum ExplainCode;

bool has_subflow_from(const PairCase& pair) {
  return std::ranges::any_of(pair.subject.subflows, [&](const Subject::UsedPair& used) {
    return used.local.address == pair.local.address;
  });
}
bool has_subflow_to(const PairCase& pair) {
  return std::ranges::any_of(pair.subject.subflows, [&](const Subject::UsedPair& used) {
    return used.remote.address == pair.remote.endpoint.address;
  });
}

const kernel::MptcpEndpoint* endpoint_of(const PairCase& pair) {
  for (const auto& endpoint : pair.facts.machine.endpoints)
    if (endpoint.address == pair.local.address &&
        (endpoint.flags & kernel::MptcpEndpoint::kSubflow) != 0)
      return &endpoint;
  return nullptr;
}

std::string limit_words(unsigned used, unsigned limit, std::string_view whose) {
  return fmt::format("the connection has {} further subflow{}, and {} allows {}", used,
                     used == 1 ? "" : "s", whose, limit);
}

std::string retry_words(const PairCase& pair, std::string_view what) {
  const auto left = pair.waiting->retry_in;
  return left > nanoseconds::zero()
             ? fmt::format("{}; tried again in {}", what, duration_text(left))
             : std::string(what);
}

Finding waiting_finding(const PairCase& pair) {
  const auto& waiting = *pair.waiting;
  const auto code = code_of_daemon(waiting.code);
  if (!code)
    return {kDaemonWaits, retry_words(pair, "the path manager says \"" + waiting.code + "\"")};
  if (*code == kBackupByAdmission)
    return {kRetryWait, retry_words(pair, "the subflow held the others up and was closed")};
  const auto& sentence = explain_entry(*code).sentence;
  // A refused join to an address that only an announcement named: nobody listens there.
  if (*code == kJoinRefused && pair.remote.announced)
    return {kNoListener, retry_words(pair, fmt::format("the peer announced {}, and refuses what "
                                                       "comes there",
                                                       pair.remote.endpoint.text()))};
  if (waiting.code == explain_name(*code) && waiting.detail.empty() &&
      waiting.retry_in <= nanoseconds::zero())
    return {*code};
  auto words = std::string(sentence.substr(0, sentence.find_last_not_of('.') + 1));
  if (waiting.code != explain_name(*code)) words += " (" + waiting.code + ")";
  if (!waiting.detail.empty()) words += " (" + waiting.detail + ")";
  return {*code, retry_words(pair, words)};
}

bool leads_there(const DaemonPath& path, const IpAddress& peer) {
  return path.usable || std::ranges::any_of(path.destinations, [&](const IpPrefix& prefix) {
           return prefix.contains(peer);
         });
}

Finding unusable_path(const PairCase& pair) {
  const auto& reason = pair.path->reason;
  if (const auto code = code_of_daemon(reason)) return {*code};
  return {kDaemonWaits, fmt::format("the path manager does not take {} for a usable path: {}",
                                    pair.local.address.text(), reason)};
}

}  // namespace

const PathRule* rule_of(const PairCase& pair) {
  const auto& subject = pair.subject;
  return policy::first_match(pair.facts.settings.rules, {.destination = subject.remote.address,
                                                         .port = subject.remote.port,
                                                         .uid = subject.uid,
                                                         .cgroup = subject.cgroup,
                                                         .interface = pair.local.interface});
}

std::optional<ExplainCode> code_of_daemon(std::string_view code) {
  static constexpr std::pair<std::string_view, ExplainCode> kOthers[] = {
      {"denied", kInterfaceDenied},
      {"denied-by-rule", kRuleDenied},
      {"limit", kSubflowLimit},
      {"no-id", kIdLimit},
      {"withdrawn", kPathWithdrawn},
      {"silent", kRetryWait},
      {"quiet", kRetryWait},
      {"subflow-lost", kRetryWait},
      {"join-failed", kRetryWait},
      {"command-refused", kRetryWait},
      {"path-down", kRetryWait},
      {"slow-company", kBackupByAdmission},
      {"little-gain", kBackupByAdmission},
      {"unknown-rate", kBackupByAdmission},
      {"stalled", kBackupByAdmission},
      {"stalled-before", kBackupByAdmission},
  };
  for (const auto& [name, known] : kOthers)
    if (name == code) return known;
  return explain_code(code);
}

std::optional<Finding> judge_daemon(const PairCase& pair) {
  if (pair.subject.manager != Manager::kDaemon) return std::nullopt;
  if (pair.waiting != nullptr) return waiting_finding(pair);
  if (pair.path == nullptr)
    return Finding{kDaemonWaits, fmt::format("the path manager does not take {} for a path",
                                             pair.local.address.text())};
  if (!leads_there(*pair.path, pair.remote.endpoint.address)) return unusable_path(pair);
  if (pair.path->failed) return Finding{kPathFailed};
  const auto* rule = rule_of(pair);
  if (pair.is_new())
    return Finding{rule != nullptr && rule->backup.value_or(false) ? kWouldUseBackup : kWouldUse};
  const auto configured =
      rule != nullptr && rule->subflows ? *rule->subflows : pair.facts.settings.subflows;
  const auto used = pair.subject.extra_subflows;
  if (used >= std::min(configured, definition::kMostSubflows))
    return Finding{
        kSubflowLimit,
        limit_words(used, std::min(configured, definition::kMostSubflows),
                    configured < definition::kMostSubflows ? "the configuration" : "the kernel")};
  if (has_subflow_from(pair) && has_subflow_to(pair)) return Finding{kNotNeeded};
  return Finding{kReady};
}

std::optional<Finding> judge_kernel(const PairCase& pair) {
  if (pair.subject.manager == Manager::kNobody)
    return pair.is_new() && pair.is_initial_local() ? Finding{kWouldUse} : Finding{kNoPathManager};
  const auto& limits = pair.facts.machine.limits;
  if (pair.is_new() && pair.is_initial_local() && pair.is_initial_remote())
    return Finding{kWouldUse, fmt::format("the routes make a new connection begin here, by {}",
                                          pair.local.interface)};
  if (pair.remote.announced && limits.accepted_addresses == 0)
    return Finding{kAddressLimit,
                   "the kernel's path manager follows no announced address (limit "
                   "add_addr_accepted is 0)"};
  if (pair.remote.announced && has_subflow_to(pair)) return Finding{kKernelOneEach};
  const auto* endpoint = endpoint_of(pair);
  if (endpoint == nullptr)
    return Finding{kKernelNoEndpoint,
                   fmt::format("the kernel's path manager has the connection, and {} is not an "
                               "endpoint of type subflow",
                               pair.local.address.text())};
  if (pair.subject.extra_subflows >= limits.subflows)
    return Finding{kSubflowLimit, limit_words(pair.subject.extra_subflows, limits.subflows,
                                              "the kernel's path manager")};
  const bool fullmesh = (endpoint->flags & kernel::MptcpEndpoint::kFullmesh) != 0;
  if (!fullmesh && (pair.is_initial_local() || has_subflow_from(pair)))
    return Finding{kKernelOneEach};
  const bool backup = (endpoint->flags & kernel::MptcpEndpoint::kBackup) != 0;
  if (pair.is_new()) return Finding{backup ? kWouldUseBackup : kWouldUse};
  return Finding{kKernelGaveUp};
}

}  // namespace anabranch::paths
