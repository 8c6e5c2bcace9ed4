// SPDX-License-Identifier: MIT
// The questions explain() asks of a pair of addresses that carries no subflow, one after the other;
// the first that has an answer gives the verdict. Each is pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "paths/explain_codes.hpp"
#include "paths/explain_facts.hpp"

namespace anabranch::paths {

/// A pair, with all that is known of it.
struct PairCase {
  const Facts& facts;
  const Subject& subject;
  const LocalAddress& local;
  const PeerAddress& remote;
  const Way* way = nullptr;
  const Trial* trial = nullptr;
  const DaemonPath* path = nullptr;
  const WaitingPair* waiting = nullptr;

  bool is_new() const { return !subject.token && subject.subflows.empty(); }
  /// Where the connection goes, or would go, by itself.
  bool is_initial_remote() const { return !remote.announced; }
  bool is_initial_local() const { return local.address == subject.local.address; }
};

/// Empty words stand for the sentence of the code.
struct Finding {
  ExplainCode code;
  std::string words = {};
};
using Judge = std::optional<Finding> (*)(const PairCase&);

/// The rule of the daemon's configuration that decides of the pair; null for none. Its destinations
/// and ports are the connection's, also for subflows to an address that the peer announced. A
/// connection that does not exist yet has no user: rules that ask for one do not match.
const PathRule* rule_of(const PairCase& pair);

/// Of a code as the daemon's decisions have it; nothing for one that is not known here.
std::optional<ExplainCode> code_of_daemon(std::string_view code);

// This machine (explain_machine.cpp).
std::optional<Finding> judge_family(const PairCase& pair);
std::optional<Finding> judge_address(const PairCase& pair);
std::optional<Finding> judge_denied(const PairCase& pair);
std::optional<Finding> judge_mptcp(const PairCase& pair);
std::optional<Finding> judge_way(const PairCase& pair);

// The peer and what lies before it (explain_peer.cpp).
std::optional<Finding> judge_deny_join(const PairCase& pair);
std::optional<Finding> judge_trial(const PairCase& pair);
std::optional<Finding> judge_fallback(const PairCase& pair);
std::optional<Finding> judge_announcement(const PairCase& pair);
std::optional<Finding> judge_peer_opens(const PairCase& pair);

// Who opens subflows (explain_manager.cpp).
std::optional<Finding> judge_daemon(const PairCase& pair);
std::optional<Finding> judge_kernel(const PairCase& pair);

}  // namespace anabranch::paths
