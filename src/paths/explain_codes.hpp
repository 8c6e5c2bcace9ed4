// SPDX-License-Identifier: MIT
// Every answer `paths explain` can give for a pair of addresses, as a stable code.
// docs/explain-codes.md is this table; a test holds the two against each other.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace anabranch::paths {

enum class ExplainCode : std::uint8_t {
  // The pair carries a subflow.
  kUsed,
  kUsedBackup,
  kBackupByRule,
  kBackupByAdmission,
  kBackupByPeer,
  kConnecting,
  kPathSilent,
  // This machine cannot use it.
  kFamilyMismatch,
  kLinkDown,
  kAddressNotUsable,
  kNoRoute,
  kSourceRuleMissing,
  kRpFilterStrict,
  kMptcpMissing,
  kMptcpDisabled,
  kMptcpBlackholed,
  // Somebody decided against it.
  kInterfaceDenied,
  kRuleDenied,
  kSubflowLimit,
  kIdLimit,
  kAddressLimit,
  kKernelNoEndpoint,
  kKernelOneEach,
  kKernelGaveUp,
  kNoPathManager,
  kNotNeeded,
  kPathFailed,
  kPathWithdrawn,
  kRetryWait,
  // The peer, or something on the way.
  kPeerDeniesJoin,
  kPeerOpens,
  kPeerNotTold,
  kPeerNotEchoed,
  kNoListener,
  kJoinRefused,
  kJoinReset,
  kNoAnswer,
  kPeerTcpOnly,
  kOptionStripped,
  kOptionDropped,
  kTcpOnlySomewhere,
  kFellBack,
  // Nothing stands against it.
  kWouldUse,
  kWouldUseBackup,
  kReady,
  kDaemonWaits,
};

/// How grave a verdict is; colours go by it.
enum class ExplainKind : std::uint8_t {
  kInUse,    ///< carries data, or would
  kWaiting,  ///< not now, by itself later
  kChosen,   ///< somebody wants it so
  kFault,    ///< something is to be mended
};

struct ExplainEntry {
  ExplainCode code;
  std::string_view name;  ///< "source-rule-missing"; stable, scripts use it
  ExplainKind kind;
  std::string_view sentence;  ///< what it means, for every pair with it
  std::string_view hint;      ///< what to do; empty when there is nothing to do
};

/// The whole table, in the order of the enumeration.
std::span<const ExplainEntry> explain_entries();
const ExplainEntry& explain_entry(ExplainCode code);
std::string_view explain_name(ExplainCode code);
/// By the name; nothing for one that is not in the table.
std::optional<ExplainCode> explain_code(std::string_view name);

}  // namespace anabranch::paths
