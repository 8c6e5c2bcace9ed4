// SPDX-License-Identifier: MIT
// The configuration of the path manager, /etc/anabranch/paths.toml. Everything has a default that
// is right on a host, on a server and on both sides of a proxy.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "policy/rules.hpp"
#include "status/metrics_settings.hpp"

namespace anabranch::paths {

/// [[rule]]: the first that matches a connection's flow over a path decides for that path.
struct PathRule {
  std::string name;
  policy::Match match;
  bool deny = false;                 ///< no subflow
  std::optional<bool> backup;        ///< its subflows are backups, or never are
  std::optional<unsigned> subflows;  ///< further subflows a connection
};

enum class AnnounceMode : std::uint8_t { kServer, kAlways, kNever };

struct Settings {
  std::vector<std::string> allow;  ///< interfaces by pattern; empty: all but loopback
  std::vector<std::string> deny;   ///< after allow
  unsigned subflows = 8;           ///< further subflows a connection, 1..8
  AnnounceMode announce = AnnounceMode::kServer;  ///< on connections the peer opened; always; never
  bool prefer_route = true;                       ///< move new connections to the best live path
  bool limit_with_bpf = true;                     ///< where the kernel lets us
  std::string cgroup;  ///< whose sockets are limited; empty: the root of cgroup2
  nanoseconds probe_interval = milliseconds(200);        ///< of a path that failed
  nanoseconds probe_interval_limit = milliseconds(500);  ///< after growing
  std::vector<PathRule> rules;
  std::optional<status::MetricsAddress> metrics;

  std::vector<policy::Match> matches() const;  ///< of the rules, in order
};

/// Reads a file; an absent one when `required` is false gives the defaults. Errors name file, line
/// and column.
Result<Settings> load_settings(const std::filesystem::path& file, bool required = true);

}  // namespace anabranch::paths
