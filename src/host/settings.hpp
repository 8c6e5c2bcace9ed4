// SPDX-License-Identifier: MIT
// host.toml: all of it optional.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/registry.hpp"
#include "base/result.hpp"

namespace anabranch::host {

struct Settings {
  std::uint8_t ext_route_code = registry::kExtRouteCode;
  unsigned max_paths = registry::kMaxHostPaths;  ///< the interface's own path included
};

/// Reads and checks the file; errors name file:line:col.
Result<Settings> load_settings(const std::filesystem::path& file);

}  // namespace anabranch::host
