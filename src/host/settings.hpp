// SPDX-License-Identifier: MIT
// host.toml: all of it optional.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/config.hpp"
#include "base/result.hpp"
#include "host/attachment.hpp"
#include "status/metrics_settings.hpp"

namespace anabranch::host {

struct Settings {
  std::uint8_t ext_route_code = 0;
  unsigned max_paths = 0;  ///< the interface's own path included
  AttachmentChoice::Wish interfaces = AttachmentChoice::Wish::kAuto;
  std::optional<status::MetricsAddress> metrics = std::nullopt;  ///< nothing: none
};

/// Every key of the file, in the order in which the manual tells them.
std::span<const config::Setting> setting_definitions();

/// What an empty file says.
Settings default_settings();

/// "auto", "virtual" or "shared"; nothing for other words.
std::optional<AttachmentChoice::Wish> parse_interfaces(std::string_view text);

/// Reads and checks the file; errors name file:line:col.
Result<Settings> load_settings(const std::filesystem::path& file);
/// `name` stands for the file in messages.
Result<Settings> parse_settings(std::string_view text, std::string name);

/// Where a role's settings come from, at its start and whenever it reads them again.
struct SettingsFile {
  std::filesystem::path path = "/etc/anabranch/host.toml";
  bool needed = false;  ///< without the file: an error, or else the defaults
  /// Said on the command line, whatever the file says.
  std::optional<AttachmentChoice::Wish> interfaces = std::nullopt;

  Result<Settings> load() const;
};

}  // namespace anabranch::host
