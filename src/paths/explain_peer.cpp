// SPDX-License-Identifier: MIT
#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "paths/explain_judges.hpp"

namespace anabranch::paths {
namespace {

using enum ExplainCode;
using End = Trial::End;

/// Whether the peer speaks MPTCP for certain: over some path of this machine it did.
bool peer_speaks_mptcp(const PairCase& pair) {
  if (!pair.is_new() && !pair.subject.plain_tcp) return true;
  const auto is_peer = [&](const IpAddress& address) {
    return address == pair.subject.remote.address ||
           std::ranges::any_of(pair.subject.peer_addresses, [&](const PeerAddress& peer) {
             return peer.endpoint.address == address;
           });
  };
  return std::ranges::any_of(pair.facts.trials, [&](const auto& entry) {
    return entry.second.mptcp == End::kMptcp && is_peer(entry.first.second.address);
  });
}

/// Interfaces over which the remote address answered as a TCP without MPTCP.
std::set<std::string> tcp_answers(const PairCase& pair) {
  std::set<std::string> out;
  for (const auto& [addresses, trial] : pair.facts.trials) {
    if (addresses.second != pair.remote.endpoint || trial.mptcp != End::kTcp) continue;
    for (const auto& local : pair.facts.machine.addresses)
      if (local.address == addresses.first) out.insert(local.interface);
  }
  return out;
}

/// Something speaks only TCP: the peer, or a box on this path.
Finding who_speaks_tcp(const PairCase& pair) {
  const auto to = pair.remote.endpoint.text();
  const auto& by = pair.local.interface;
  if (peer_speaks_mptcp(pair))
    return {kOptionStripped,
            fmt::format("{} speaks MPTCP over another path, but by {} its answer comes without: "
                        "something on this path removes TCP option 30",
                        to, by)};
  const auto& speaks = pair.facts.machine.speaks_mptcp;
  if (std::ranges::find(speaks, pair.local.address) != speaks.end())
    return {kPeerTcpOnly,
            fmt::format("{} answers without MPTCP by {}, which carries MPTCP to other machines", to,
                        by)};
  if (const auto paths = tcp_answers(pair); paths.size() > 1)
    return {kPeerTcpOnly,
            fmt::format("{} answers without MPTCP over each of {} paths (unless every one of them "
                        "removes the option)",
                        to, paths.size())};
  return {kTcpOnlySomewhere};
}

std::string listener_words(const Endpoint& endpoint) {
  return endpoint.text() + " was announced, but no socket listens there";
}

}  // namespace

/// The first subflow of a new connection goes there all the same.
std::optional<Finding> judge_deny_join(const PairCase& pair) {
  if (!pair.is_initial_remote() || (pair.is_new() && pair.is_initial_local())) return std::nullopt;
  const bool denied = pair.subject.deny_join_id0 ||
                      (pair.is_new() && std::ranges::any_of(pair.facts.trials, [&](const auto& e) {
                         return e.first.second == pair.remote.endpoint && e.second.deny_join_id0;
                       }));
  if (!denied) return std::nullopt;
  return Finding{kPeerDeniesJoin,
                 fmt::format("the peer set the C flag: it takes no further subflow to {}",
                             pair.remote.endpoint.text())};
}

std::optional<Finding> judge_trial(const PairCase& pair) {
  if (pair.trial == nullptr) return std::nullopt;
  const auto& trial = *pair.trial;
  const auto to = pair.remote.endpoint.text();
  switch (trial.mptcp) {
    case End::kMptcp:
      return std::nullopt;
    case End::kTcp:
      return who_speaks_tcp(pair);
    case End::kRefused:
      if (pair.remote.announced)
        return Finding{kNoListener,
                       fmt::format("the peer announced {}, and refuses what comes there", to)};
      return Finding{kJoinRefused, to + " refuses connections by " + pair.local.interface};
    case End::kSilent:
      if (trial.tcp == End::kTcp)
        return Finding{kOptionDropped, fmt::format("by {} a plain TCP SYN to {} is answered and "
                                                   "one with MPTCP is not",
                                                   pair.local.interface, to)};
      return Finding{kNoAnswer, fmt::format("nothing comes back from {} by {}, with MPTCP or "
                                            "without",
                                            to, pair.local.interface)};
    case End::kFailed:
      return Finding{kNoRoute, fmt::format("a SYN from {} to {} cannot be sent: {}",
                                           pair.local.address.text(), to, trial.why)};
  }
  return std::nullopt;
}

/// A connection that is plain TCP now. Trials have been asked before, where there are any.
std::optional<Finding> judge_fallback(const PairCase& pair) {
  if (!pair.subject.plain_tcp) return std::nullopt;
  return Finding{kFellBack};
}

/// On the side the peer connected to: nothing reaches an address that the peer does not know.
std::optional<Finding> judge_announcement(const PairCase& pair) {
  if (!pair.subject.server_side || pair.is_initial_local()) return std::nullopt;
  const Subject::Told* told = nullptr;
  for (const auto& one : pair.subject.announcements)
    if (one.endpoint.address == pair.local.address) told = &one;
  if (told == nullptr)
    return Finding{kPeerNotTold,
                   fmt::format("the peer opened the connection and has not been told of {}",
                               pair.local.address.text())};
  if (told->listens == false) return Finding{kNoListener, listener_words(told->endpoint)};
  if (told->state == "sent")
    return Finding{kPeerNotEchoed,
                   told->endpoint.text() + " was announced, and the peer has not confirmed it yet"};
  if (told->state == "failed")
    return Finding{kPeerNotEchoed,
                   told->endpoint.text() + " was announced, and the peer never confirmed it"};
  return std::nullopt;
}

std::optional<Finding> judge_peer_opens(const PairCase& pair) {
  if (!pair.subject.server_side) return std::nullopt;
  return Finding{kPeerOpens,
                 fmt::format("the peer opened the connection: it is {} that opens a subflow to {}",
                             pair.remote.endpoint.address.text(), pair.local.address.text())};
}

}  // namespace anabranch::paths
