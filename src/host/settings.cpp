// SPDX-License-Identifier: MIT
#include "host/settings.hpp"

#include <array>

#include "base/registry.hpp"

namespace anabranch::host {

using config::Kind;
using config::Setting;

namespace {

constexpr Setting kExtRouteCode{
    .key = "ext_route_code",
    .kind = Kind::kNumber,
    .help =
        "DHCPv4 option code of EXT_ROUTE, from the site-specific range. The network's gateway "
        "must use the same.",
    .fallback = registry::kExtRouteCode,
    .low = registry::kFirstSiteOption,
    .high = registry::kLastSiteOption};

constexpr Setting kMaxPaths{
    .key = "max_paths",
    .kind = Kind::kNumber,
    .help =
        "Most paths to use, the interface's own included. The kernel has eight MPTCP endpoints; "
        "a network that claims more gets no more than this.",
    .fallback = "8",
    .low = 1,
    .high = registry::kMaxHostPaths};

constexpr std::array kSettings{kMaxPaths, kExtRouteCode, status::kMetrics};

Result<Settings> read(const config::Document& document) {
  const config::Section root = document.root();
  Settings out;
  out.ext_route_code = static_cast<std::uint8_t>(root.number(kExtRouteCode));
  out.max_paths = static_cast<unsigned>(root.number(kMaxPaths));
  out.metrics = status::read_metrics(root);
  ANABRANCH_TRY(document.finish());
  return out;
}

}  // namespace

std::span<const Setting> setting_definitions() {
  return kSettings;
}

Settings default_settings() {
  return parse_settings({}, {}).value();
}

Result<Settings> load_settings(const std::filesystem::path& file) {
  const auto document = config::Document::load(file);
  if (!document) return std::unexpected(document.error());
  return read(*document);
}

Result<Settings> parse_settings(std::string_view text, std::string name) {
  const auto document = config::Document::parse(text, std::move(name));
  if (!document) return std::unexpected(document.error());
  return read(*document);
}

}  // namespace anabranch::host
