// SPDX-License-Identifier: MIT
#include "host/settings.hpp"

#include "base/config.hpp"

namespace anabranch::host {
namespace {

// The site-specific range of DHCPv4 option codes (RFC 3942).
constexpr int kFirstSiteCode = 224;
constexpr int kLastSiteCode = 254;

}  // namespace

Result<Settings> load_settings(const std::filesystem::path& file) {
  const auto document = config::Document::load(file);
  if (!document) return std::unexpected(document.error());
  const config::Section root = document->root();
  Settings out;
  out.ext_route_code = static_cast<std::uint8_t>(
      root.number("ext_route_code", out.ext_route_code, kFirstSiteCode, kLastSiteCode));
  out.max_paths =
      static_cast<unsigned>(root.number("max_paths", out.max_paths, 1, registry::kMaxHostPaths));
  ANABRANCH_TRY(document->finish());
  return out;
}

}  // namespace anabranch::host
