// SPDX-License-Identifier: MIT
// The configuration of the path manager, /etc/anabranch/paths.toml. Everything has a default that
// is right on a host, on a server and on both sides of a proxy; the defaults stand in the
// definitions alone (settings.cpp), so take default_settings() and not an empty Settings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
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
  std::optional<unsigned> subflows;  ///< further subflows a connection, 0..8
};

enum class AnnounceMode : std::uint8_t { kServer, kAlways, kNever };

struct Settings {
  std::vector<std::string> allow;      ///< interfaces by pattern; empty: all but loopback
  std::vector<std::string> deny;       ///< after allow
  unsigned subflows = 0;               ///< further subflows a connection, 1..8
  bool both_families = false;          ///< of one path of a host role, in one connection
  AnnounceMode announce{};             ///< on connections the peer opened; always; never
  bool prefer_route = false;           ///< move new connections to the best live path
  bool limit_with_bpf = false;         ///< where the kernel lets us
  std::string cgroup;                  ///< whose sockets are limited; empty: the root of cgroup2
  nanoseconds probe_interval{};        ///< between questions over a path that has failed
  nanoseconds probe_interval_limit{};  ///< what that grows to
  std::vector<PathRule> rules;         ///< policy::first_match() of a connection's flow decides
  std::optional<status::MetricsAddress> metrics;
};

/// Every key of the file, in the order in which the manual tells them.
std::span<const config::Setting> setting_definitions();

/// What an empty file says.
Settings default_settings();

/// "server", "always" or "never".
std::string_view announce_name(AnnounceMode mode);

/// Reads and checks the file; errors name file:line:col. Names of users are looked up here.
Result<Settings> load_settings(const std::filesystem::path& file);
/// `name` stands for the file in messages.
Result<Settings> parse_settings(std::string_view text, std::string name);

/// Where the role's settings come from, at its start and whenever it reads them again.
struct SettingsFile {
  std::filesystem::path path = "/etc/anabranch/paths.toml";
  bool needed = false;  ///< without the file: an error, or else the defaults

  Result<Settings> load() const;
  /// The path where there is a file; empty where load() gives the defaults.
  std::filesystem::path found() const;
};

}  // namespace anabranch::paths
