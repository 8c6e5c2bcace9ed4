// SPDX-License-Identifier: MIT
// What `anabranch paths show` tells.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "paths/decider.hpp"

namespace anabranch::paths {

/// What is shown of a Decider.
struct ReportView {
  const std::map<Token, Connection>& connections;
  const std::map<IpAddress, Path>& paths;
  const std::map<IpAddress, PathMemory>& memory;
  std::function<std::vector<Waiting>(Token)> waiting;
  std::function<std::optional<IpAddress>(Family)> preferred;
  std::function<bool(const SubflowKey&)> silent;
};

/// Which connections: of a token, or to a prefix and port of the peer. Nothing set: all.
struct ReportFilter {
  std::optional<Token> token;
  std::optional<IpPrefix> destination;
  std::optional<std::uint16_t> port;

  /// "0x9d7282f7", "198.51.100.1", "198.51.100.0/24", "198.51.100.1:443", "[2001:db8::1]:443";
  /// empty is all.
  static Result<ReportFilter> parse(std::string_view text);
  bool holds(const Connection& connection) const;
};

/// What the role tells beside its Decider's state.
struct ReportOfDaemon {
  std::string limits = "off";      ///< Limiter::state()
  std::string settings_file = {};  ///< empty: the defaults, since there was none
};

/// An answer has no more connections than these, so that making it does not keep the daemon from
/// its work (some 20 ms); "connections_total" counts all that the filter lets through.
inline constexpr std::size_t kMostReported = 1000;

/// {"connections":[{"token","server_side","established","deny_join_id0","observed_only",
/// "plain_tcp","local","remote","uid","cgroup","age_s","subflows":[{"local","remote","local_id",
/// "remote_id","interface","state":"established"|"silent","initial","backup","reason",
/// "rule","rtt_ms","send_mbit","receive_mbit","octets_sent","octets_received","retransmissions",
/// "age_s"}],"peer_addresses":[{"id","endpoint","announced"}],"announcements":[{"id","endpoint",
/// "state":"sent"|"done"|"failed"}],"waiting":[{"local","remote","code","detail","retry_in_ms"}]}],
/// "connections_total","paths":[{"address","interface","usable","reason","destinations","failed",
/// "preferred","send_mbit","receive_mbit","minimum_rtt_ms","loaded_rtt_ms","age_s"}],
/// "limits":"active"|"off"|"refused: why","settings_file"}; what is not known is null.
std::string report_json(const ReportView& view, MonotonicTime now, const ReportFilter& filter = {},
                        const ReportOfDaemon& daemon = {});
/// `about` is a ReportFilter as text.
Result<std::string> report_json(const Decider& decider, MonotonicTime now,
                                std::string_view about = {}, const ReportOfDaemon& daemon = {});

/// The same in one sentence, for `systemctl status`.
std::string report_sentence(const ReportView& view);

ReportView view_of(const Decider& decider);

/// "0x9d7282f7", as `ss` and the kernel's own tools write it.
std::string token_text(Token token);

}  // namespace anabranch::paths
