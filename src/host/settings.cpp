// SPDX-License-Identifier: MIT
#include "host/settings.hpp"

namespace anabranch::host {

using config::Kind;
using config::Setting;

namespace {

// The site-specific range of DHCPv4 option codes (RFC 3942).
constexpr Setting kExtRouteCode{
    .key = "ext_route_code",
    .kind = Kind::kNumber,
    .help =
        "DHCPv4 option code of EXT_ROUTE, from the site-specific range. The network's gateway "
        "must use the same.",
    .fallback = "224",
    .low = 224,
    .high = 254};

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

constexpr std::array kSettings{kMaxPaths, kInterfaces, kExtRouteCode};

}  // namespace

std::span<const Setting> setting_definitions() {
  return kSettings;
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
  const config::Section root = document->root();
  Settings out;
  out.ext_route_code = static_cast<std::uint8_t>(root.number(kExtRouteCode));
  out.max_paths = static_cast<unsigned>(root.number(kMaxPaths));
  const auto wish = parse_interfaces(root.choice(kInterfaces));
  ANABRANCH_TRY(document->finish());
  out.interfaces = wish.value_or(AttachmentChoice::Wish::kAuto);
  return out;
}

}  // namespace anabranch::host
