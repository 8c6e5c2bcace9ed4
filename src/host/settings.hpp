// SPDX-License-Identifier: MIT
// host.toml: all of it optional.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "base/config.hpp"
#include "base/registry.hpp"
#include "base/result.hpp"
#include "host/attachment.hpp"

namespace anabranch::host {

struct Settings {
  std::uint8_t ext_route_code = registry::kExtRouteCode;
  unsigned max_paths = registry::kMaxHostPaths;  ///< the interface's own path included
  AttachmentChoice::Wish interfaces = AttachmentChoice::Wish::kAuto;
};

/// Every key of the file, in the order in which the manual tells them.
std::span<const config::Setting> setting_definitions();

/// "auto", "virtual" or "shared"; nothing for other words.
std::optional<AttachmentChoice::Wish> parse_interfaces(std::string_view text);

/// Reads and checks the file; errors name file:line:col.
Result<Settings> load_settings(const std::filesystem::path& file);

}  // namespace anabranch::host
