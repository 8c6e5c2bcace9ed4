// SPDX-License-Identifier: MIT
// A pair that carries a subflow is told as such. Of any other pair questions are asked in the order
// in which a person would mend things: can the two addresses speak at all, may they, does this
// machine speak MPTCP, do packets find their way out and answers in, what says the peer, and at
// last who should have opened the subflow and why it did not.
#include "paths/explain.hpp"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include "base/address_scope.hpp"
#include "paths/explain_judges.hpp"

namespace anabranch::paths {
namespace {

using enum ExplainCode;

constexpr std::array<Judge, 5> kMachineJudges = {judge_family, judge_address, judge_denied,
                                                 judge_mptcp, judge_way};
constexpr std::array<Judge, 12> kJudges = {judge_family,     judge_address,      judge_denied,
                                           judge_mptcp,      judge_announcement, judge_way,
                                           judge_deny_join,  judge_trial,        judge_fallback,
                                           judge_peer_opens, judge_daemon,       judge_kernel};

template <std::size_t N>
std::optional<Finding> first_of(const std::array<Judge, N>& judges, const PairCase& pair) {
  for (const auto judge : judges)
    if (auto finding = judge(pair)) return finding;
  return std::nullopt;
}

template <class Map, class Key>
const typename Map::mapped_type* at(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

PairCase pair_case(const Facts& facts, const Subject& subject, const LocalAddress& local,
                   const PeerAddress& remote) {
  PairCase out{facts, subject, local, remote};
  out.way = at(facts.ways, std::pair(local.address, remote.endpoint.address));
  out.trial = at(facts.trials, std::pair(local.address, remote.endpoint));
  out.path = at(facts.paths, local.address);
  for (const auto& waiting : subject.waiting)
    if (waiting.local == local.address && waiting.remote == remote.endpoint) out.waiting = &waiting;
  return out;
}

/// The hint with the case's own names in place of the words in capitals.
std::string hint_of(ExplainCode code, const LocalAddress& local, const Way* way) {
  std::string out(explain_entry(code).hint);
  const auto put = [&](std::string_view word, const std::string& value) {
    for (std::size_t at = 0; (at = out.find(word, at)) != std::string::npos; at += value.size())
      out.replace(at, word.size(), value);
  };
  put("ADDRESS", local.address.text());
  put("DEV", local.interface);
  if (way != nullptr && way->table) put("TABLE", std::to_string(*way->table));
  return out;
}

Verdict verdict(const PairCase& pair, Finding finding) {
  Verdict out;
  out.local = {pair.local.address, 0};
  out.remote = pair.remote.endpoint;
  out.interface = pair.local.interface;
  out.code = finding.code;
  out.words = finding.words.empty() ? std::string(explain_entry(finding.code).sentence)
                                    : std::move(finding.words);
  out.hint = hint_of(finding.code, pair.local, pair.way);
  return out;
}

/// Why a subflow is backup; reasons that name something else, as "initial", do not say.
ExplainCode backup_code(std::string_view reason) {
  const auto code = code_of_daemon(reason);
  return code == kBackupByRule || code == kBackupByAdmission ? *code : kUsedBackup;
}

/// What keeps the subflow from being used, of the daemon's reasons for a backup by admission; empty
/// where the sentence of the code says it.
std::string_view admission_words(std::string_view reason) {
  static constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"slow-company", "the subflow is a backup because this path would slow the others down"},
      {"little-gain", "the subflow is a backup because this path would add next to nothing"},
      {"unknown-rate", "the subflow is a backup because the rate of this path is unknown so far"},
      {"stalled-before",
       "the subflow is a backup because the connection stood still when it was used"},
  };
  for (const auto& [name, words] : kWords)
    if (name == reason) return words;
  return {};
}

Finding finding_of_subflow(const Subject::UsedPair& used, const PairCase& pair) {
  if (!used.established || used.silent) {
    // The machine's own fault explains the silence better than the silence itself.
    if (auto cause = first_of(kMachineJudges, pair)) return *std::move(cause);
    return {used.established ? kPathSilent : kConnecting};
  }
  if (pair.subject.plain_tcp) {
    if (auto cause = judge_mptcp(pair)) return *std::move(cause);
    if (auto cause = judge_trial(pair)) return *std::move(cause);
    return {kFellBack};
  }
  if (used.backup) {
    const auto code = backup_code(used.reason);
    if (code == kBackupByRule && !used.rule.empty())
      return {code,
              fmt::format("the subflow is a backup because the rule \"{}\" says so", used.rule)};
    return {code, std::string(admission_words(used.reason))};
  }
  return {used.peer_backup ? kBackupByPeer : kUsed};
}

/// Addresses that can be part of a pair at all. One of the loopback, or of an IPv6 link alone, is
/// only told of where it is in use or announced: every machine has them.
bool is_candidate(const LocalAddress& local, const Subject& subject) {
  const bool used = local.address == subject.local.address ||
                    std::ranges::any_of(subject.subflows,
                                        [&](const Subject::UsedPair& pair) {
                                          return pair.local.address == local.address;
                                        }) ||
                    std::ranges::any_of(subject.announcements, [&](const Subject::Told& told) {
                      return told.endpoint.address == local.address;
                    });
  if (used) return true;
  const bool link_only = !local.address.is_v4() && is_link_local(local.address);
  return !is_loopback(local.address) && !link_only && !local.loopback_interface;
}

/// Ports of a peer that connected to us say nothing: each subflow has another.
bool same_remote(const Subject& subject, const Endpoint& one, const Endpoint& other) {
  return one.address == other.address && (subject.server_side || one.port == other.port);
}

/// The peer's addresses, the one of the first subflow first.
std::vector<PeerAddress> remotes(const Subject& subject) {
  std::vector<PeerAddress> out{{0, subject.remote, false}};
  const auto add = [&](const PeerAddress& peer) {
    if (std::ranges::none_of(out, [&](const PeerAddress& other) {
          return same_remote(subject, other.endpoint, peer.endpoint);
        }))
      out.push_back(peer);
  };
  for (const auto& peer : subject.peer_addresses) add(peer);
  for (const auto& used : subject.subflows) add({0, used.remote, true});
  return out;
}

/// The address of a subflow that the machine has no more.
LocalAddress gone_address(const IpAddress& address) {
  LocalAddress out;
  out.address = address;
  out.unusable = "this machine has it no more";
  return out;
}

std::string settings_remark(const Facts& facts) {
  const auto& file = facts.settings_file;
  const auto& own = facts.daemons_file;
  if (file.empty()) return "the path manager has no settings file: its settings are the defaults";
  if (file == own) return "rules and limits are those of " + file + ", as the path manager's";
  return fmt::format("rules and limits are those of {}; the path manager's are {}", file,
                     own.empty() ? "the defaults" : "in " + own);
}

std::vector<std::string> remarks(const Facts& facts, const Subject& subject) {
  std::vector<std::string> out;
  if (subject.manager == Manager::kDaemon) out.push_back(settings_remark(facts));
  if (subject.manager == Manager::kNobody)
    out.emplace_back(
        "the path manager of new connections is in user space, and no daemon answers: nobody opens "
        "further subflows");
  if (!subject.details_known && subject.token && !subject.plain_tcp)
    out.emplace_back(
        "the kernel does not tell which addresses the peer announced nor whether it set the C "
        "flag; "
        "`anabranch paths run` would know");
  if (!subject.token && facts.trials.empty())
    out.emplace_back("nothing was sent; with a port and --try each path is tried");
  return out;
}

Explanation explain_subject(const Facts& facts, const Subject& subject) {
  Explanation out{subject.token, subject.local, subject.remote, subject.manager, {}, {}};
  auto locals = facts.machine.addresses;
  std::erase_if(locals, [&](const LocalAddress& local) { return !is_candidate(local, subject); });
  for (const auto& used : subject.subflows)
    if (std::ranges::none_of(locals,
                             [&](const auto& l) { return l.address == used.local.address; }))
      locals.push_back(gone_address(used.local.address));
  const auto peers = remotes(subject);
  for (const auto& local : locals)
    for (const auto& remote : peers) {
      const auto pair = pair_case(facts, subject, local, remote);
      bool used_at_all = false;
      for (const auto& used : subject.subflows) {
        if (used.local.address != local.address ||
            !same_remote(subject, used.remote, remote.endpoint))
          continue;
        // Several SYNs under way are one attempt to whoever asks.
        if (used_at_all && !used.established) continue;
        used_at_all = true;
        auto found = verdict(pair, finding_of_subflow(used, pair));
        found.local.port = used.local.port;
        found.remote.port = used.remote.port;
        out.pairs.push_back(std::move(found));
      }
      if (used_at_all) continue;
      if (auto finding = first_of(kJudges, pair))
        out.pairs.push_back(verdict(pair, *std::move(finding)));
    }
  out.remarks = remarks(facts, subject);
  return out;
}

}  // namespace

std::vector<Explanation> explain(const Facts& facts) {
  std::vector<Explanation> out;
  for (const auto& subject : facts.subjects) out.push_back(explain_subject(facts, subject));
  return out;
}

}  // namespace anabranch::paths
