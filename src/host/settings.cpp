// SPDX-License-Identifier: MIT
#include "host/settings.hpp"

#include <array>
#include <system_error>

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

constexpr std::array<std::string_view, 3> kWishes{"auto", "virtual", "shared"};

constexpr Setting kInterfaces{
    .key = "interfaces",
    .kind = Kind::kChoice,
    .help =
        "Where further paths live. \"virtual\": each on a virtual interface (macvlan) with an "
        "Ethernet address of its own. \"shared\": all on the physical interface, for networks that "
        "let only one Ethernet address of a station pass. \"auto\": shared on wireless interfaces "
        "and where virtual ones turn out to stay unanswered, virtual otherwise.",
    .fallback = "auto",
    .choices = kWishes};

constexpr std::array kSettings{kMaxPaths, kInterfaces, kExtRouteCode, status::kMetrics};

Result<Settings> read(const config::Document& document) {
  const config::Section root = document.root();
  Settings out;
  out.ext_route_code = static_cast<std::uint8_t>(root.number(kExtRouteCode));
  out.max_paths = static_cast<unsigned>(root.number(kMaxPaths));
  const auto wish = parse_interfaces(root.choice(kInterfaces));
  out.metrics = status::read_metrics(root);
  ANABRANCH_TRY(document.finish());
  out.interfaces = wish.value_or(AttachmentChoice::Wish::kAuto);
  return out;
}

}  // namespace

std::span<const Setting> setting_definitions() {
  return kSettings;
}

Settings default_settings() {
  return parse_settings({}, {}).value();
}

std::optional<AttachmentChoice::Wish> parse_interfaces(std::string_view text) {
  using Wish = AttachmentChoice::Wish;
  if (text == "auto") return Wish::kAuto;
  if (text == "virtual") return Wish::kVirtual;
  if (text == "shared") return Wish::kShared;
  return std::nullopt;
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

Result<Settings> SettingsFile::load() const {
  std::error_code error;
  const bool absent = !needed && !std::filesystem::exists(path, error) && !error;
  Result<Settings> out = absent ? default_settings() : load_settings(path);
  if (out && interfaces) out->interfaces = *interfaces;
  return out;
}

}  // namespace anabranch::host
