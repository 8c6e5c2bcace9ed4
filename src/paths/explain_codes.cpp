// SPDX-License-Identifier: MIT
#include "paths/explain_codes.hpp"

#include <algorithm>
#include <array>

namespace anabranch::paths {
namespace {

using enum ExplainCode;
using enum ExplainKind;

// Words in capitals stand for what the case has in their place.
constexpr auto kEntries = std::to_array<ExplainEntry>({
    {kUsed, "used", kInUse, "The connection has a subflow on this pair.", ""},
    {kUsedBackup, "used-backup", kInUse,
     "The connection has a subflow on this pair, as a backup: data goes there when nothing else is "
     "left.",
     ""},
    {kBackupByRule, "backup-by-rule", kChosen,
     "The subflow is a backup because a rule of the configuration says so.",
     "the rule is in paths.toml"},
    {kBackupByAdmission, "backup-by-admission", kChosen,
     "The subflow is a backup because, as far as is known, the others do better without it; it is "
     "tried again later.",
     ""},
    {kBackupByPeer, "backup-by-peer", kChosen,
     "The subflow is a backup because the peer asked for it (MP_PRIO or MP_JOIN with B).", ""},
    {kConnecting, "connecting", kWaiting,
     "A subflow on this pair has been asked for and is not established yet.", ""},
    {kPathSilent, "path-silent", kWaiting,
     "The connection has a subflow on this pair, but the path does not answer.", ""},
    {kFamilyMismatch, "family-mismatch", kChosen,
     "One address is IPv4 and the other IPv6: no packet can have both.", ""},
    {kLinkDown, "link-down", kFault, "The interface is down or has no carrier.",
     "plug it in, or `ip link set DEV up`"},
    {kAddressNotUsable, "address-not-usable", kFault,
     "The address cannot be the source of a connection: it is still being checked, is a duplicate, "
     "or reaches its own link only.",
     ""},
    {kNoRoute, "no-route", kFault,
     "No routing table has a route to the peer by this address's interface.",
     "`ip route add default via ROUTER dev DEV table TABLE` and a source rule"},
    {kSourceRuleMissing, "source-rule-missing", kFault,
     "There is a route by this address's interface, but no rule leads packets from this address to "
     "it: they leave elsewhere or nowhere.",
     "`ip rule add from ADDRESS lookup TABLE`"},
    {kRpFilterStrict, "rp-filter-strict", kFault,
     "The peer's answers arrive on an interface by which the kernel would not reach the peer, and "
     "strict rp_filter drops them.",
     "`sysctl -w net.ipv4.conf.DEV.rp_filter=2` (the larger of DEV's and all's counts), or a "
     "source rule"},
    {kMptcpMissing, "mptcp-missing", kFault, "This kernel has no MPTCP.",
     "needs a kernel built with CONFIG_MPTCP"},
    {kMptcpDisabled, "mptcp-disabled", kFault,
     "MPTCP is switched off in this network namespace (net.mptcp.enabled).",
     "`sysctl -w net.mptcp.enabled=1`"},
    {kMptcpBlackholed, "mptcp-blackholed", kFault,
     "The kernel has switched MPTCP off for new connections, because a SYN with MP_CAPABLE got no "
     "answer until it was sent without (blackhole detection).",
     "`sysctl -w net.mptcp.blackhole_timeout=0` switches the detection off, and MPTCP on again"},
    {kInterfaceDenied, "interface-denied", kChosen, "The path manager may not use this interface.",
     "`allow` and `deny` of `[interfaces]` in paths.toml"},
    {kRuleDenied, "rule-denied", kChosen,
     "A rule of the configuration denies this connection this path.", "the rule is in paths.toml"},
    {kSubflowLimit, "subflow-limit", kChosen,
     "The connection has as many further subflows as it may.",
     "daemon: `[subflows] limit` in paths.toml, or `subflows` of a rule; kernel: `ip mptcp limits "
     "set subflows N`; never more than 8"},
    {kIdLimit, "id-limit", kWaiting, "All address ids of the connection are taken.",
     "an id is free again when a subflow or an announced address goes"},
    {kAddressLimit, "address-limit", kChosen,
     "The peer announced this address, but the connection may not take any more announced "
     "addresses.",
     "`ip mptcp limits set add_addr_accepted N`; never more than 8"},
    {kKernelNoEndpoint, "kernel-no-endpoint", kChosen,
     "The kernel's path manager has the connection, and this address is not one of its endpoints "
     "of type subflow.",
     "`ip mptcp endpoint add ADDRESS dev DEV subflow`, or run `anabranch paths`"},
    {kKernelOneEach, "kernel-one-each", kChosen,
     "The kernel's path manager has the connection, and without `fullmesh` it opens one subflow "
     "for each local address.",
     "`ip mptcp endpoint change id ID fullmesh`, or run `anabranch paths`"},
    {kKernelGaveUp, "kernel-gave-up", kFault,
     "The kernel's path manager has the connection and should have opened this subflow: it failed, "
     "or was lost, and the kernel does not try again.",
     "`--try` tells what stands against it; `anabranch paths` tries again"},
    {kNoPathManager, "no-path-manager", kFault,
     "The path manager of the connection is in user space, and none runs.",
     "start `anabranch paths run`, or `sysctl -w net.mptcp.pm_type=0` for new connections"},
    {kNotNeeded, "not-needed", kChosen,
     "Other subflows of the connection use this local address and this peer address already.", ""},
    {kPathFailed, "path-failed", kWaiting,
     "The path has failed and is probed; when it answers, a subflow is made.", ""},
    {kPathWithdrawn, "path-withdrawn", kWaiting,
     "The host role has withdrawn the path: the network says that it does not work now.",
     "`anabranch host show` tells of its paths"},
    {kRetryWait, "retry-wait", kWaiting,
     "A subflow on this pair was lost or refused; it is tried again after a while.", ""},
    {kPeerDeniesJoin, "peer-denies-join", kChosen,
     "The peer set the C flag: it takes no further subflow to the address and port it was first "
     "reached at.",
     "the peer has to announce another address (RFC 8684 section 3.1)"},
    {kPeerOpens, "peer-opens", kChosen,
     "The peer opened the connection, and nothing listens on its side: it opens the subflows.", ""},
    {kPeerNotTold, "peer-not-told", kChosen,
     "The peer opened the connection and has not been told of this address.",
     "endpoint of type signal, or `announce` in paths.toml"},
    {kPeerNotEchoed, "peer-not-echoed", kWaiting,
     "The address was announced, and the peer has not confirmed it.", ""},
    {kNoListener, "no-listener", kFault,
     "The address and port were announced, but no socket listens there: the peer's MP_JOIN is "
     "refused.",
     "bind the server to 0.0.0.0 or ::, or let `anabranch paths` open a listener"},
    {kJoinRefused, "join-refused", kFault, "The peer refused the connection (RST).",
     "nothing may listen there, or a firewall answers"},
    {kJoinReset, "join-reset", kWaiting,
     "The peer reset the subflow and gave a reason (MP_TCPRST).", ""},
    {kNoAnswer, "no-answer", kFault, "Nothing comes back over this pair, with MPTCP or without.",
     "a firewall, a dead path, or a router that does not forward this source address"},
    {kPeerTcpOnly, "peer-tcp-only", kFault, "The peer speaks only TCP.",
     "MPTCP on the server, or a converter before it"},
    {kOptionStripped, "option-stripped", kFault,
     "The peer speaks MPTCP, but something on this path removes the option (TCP option 30).",
     "a firewall or proxy with TCP normalisation on this path"},
    {kOptionDropped, "option-dropped", kFault,
     "Something on this path drops SYNs that carry the MPTCP option; plain TCP passes.",
     "a firewall on this path that drops TCP option 30"},
    {kTcpOnlySomewhere, "tcp-only-somewhere", kFault,
     "The answer came without MPTCP: the peer speaks only TCP or something on the way removes the "
     "option. One path alone does not tell which.",
     "`--try` with a second path, or another server over this path"},
    {kFellBack, "fell-back", kFault,
     "This connection has become plain TCP and can have no further subflow.",
     "`--try` tells whether a new one would speak MPTCP"},
    {kWouldUse, "would-use", kInUse,
     "Nothing stands against it: a new connection would use this pair.", ""},
    {kWouldUseBackup, "would-use-backup", kInUse,
     "A new connection would use this pair, as a backup.", ""},
    {kReady, "ready", kWaiting,
     "Nothing that can be seen from here stands against a subflow on this pair.", ""},
    {kDaemonWaits, "daemon-waits", kWaiting,
     "The path manager does not use this pair now, for a reason of its own.", ""},
});

constexpr bool in_order() {
  for (std::size_t i = 0; i < kEntries.size(); ++i)
    if (static_cast<std::size_t>(kEntries[i].code) != i) return false;
  return static_cast<std::size_t>(kDaemonWaits) + 1 == kEntries.size();
}
static_assert(in_order(), "an entry for each code, in the order of the enumeration");

}  // namespace

std::span<const ExplainEntry> explain_entries() {
  return kEntries;
}

const ExplainEntry& explain_entry(ExplainCode code) {
  return kEntries[static_cast<std::size_t>(code)];
}

std::string_view explain_name(ExplainCode code) {
  return explain_entry(code).name;
}

std::optional<ExplainCode> explain_code(std::string_view name) {
  const auto found = std::ranges::find(kEntries, name, &ExplainEntry::name);
  if (found == kEntries.end()) return std::nullopt;
  return found->code;
}

}  // namespace anabranch::paths
