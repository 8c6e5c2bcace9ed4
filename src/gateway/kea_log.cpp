// SPDX-License-Identifier: MIT
#include "gateway/kea_log.hpp"

#include <charconv>

namespace anabranch::gateway {
namespace {

std::optional<log::Level> parse_severity(std::string_view word) {
  if (word == "DEBUG" || word == "INFO") return log::Level::kDebug;
  if (word == "WARN") return log::Level::kWarning;
  if (word == "ERROR" || word == "FATAL") return log::Level::kError;
  return std::nullopt;
}

std::string_view next_word(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

/// What stands between two texts; empty when either is missing.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const auto start = text.find(before);
  if (start == std::string_view::npos) return {};
  text.remove_prefix(start + before.size());
  const auto end = text.find(after);
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

}  // namespace

KeaLine parse_kea_line(std::string_view line) {
  KeaLine out;
  std::string_view rest = line;
  // The severity is the first word of our pattern and the third of Kea's own.
  for (int word = 0; word < 3; ++word) {
    const auto severity = parse_severity(next_word(rest));
    if (!severity) continue;
    out.level = *severity;
    std::string_view ahead = rest;
    if (next_word(ahead).starts_with('[')) rest = ahead;
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    out.text = rest;
    out.message_id = next_word(rest);
    return out;
  }
  out.text = line;
  return out;
}

// "DHCP4_LEASE_ALLOC [hwtype=1 5a:32:cf:ee:32:e3], cid=[ff:00], tid=0x1002: lease 10.64.16.0 has
// been allocated for 600 seconds"
std::optional<GivenLease> given_lease(const KeaLine& line) {
  if (line.message_id != "DHCP4_LEASE_ALLOC") return std::nullopt;
  const auto mac = MacAddress::parse(between(line.text, "[hwtype=1 ", "]"));
  const auto address = IpAddress::parse(between(line.text, ": lease ", " "));
  const auto lifetime = between(line.text, " allocated for ", " ");
  long count = 0;
  const auto number = std::from_chars(lifetime.data(), lifetime.data() + lifetime.size(), count);
  if (!mac || !address || number.ec != std::errc()) return std::nullopt;
  return GivenLease{*mac, *address, seconds(count)};
}

bool tells_of_lease6(const KeaLine& line) {
  return line.message_id == "DHCP6_LEASE_ALLOC" || line.message_id == "DHCP6_PD_LEASE_ALLOC";
}

bool tells_of_no_address(const KeaLine& line) {
  return line.message_id.starts_with("ALLOC_ENGINE_V4_ALLOC_FAIL") ||
         line.message_id.starts_with("ALLOC_ENGINE_V6_ALLOC_FAIL");
}

bool tells_of_no_path(const KeaLine& line) {
  const auto says = [&](std::string_view what) {
    return line.text.find(what) != std::string_view::npos;
  };
  return tells_of_no_address(line) && (says("lan: 0 subnets have no available addresses") ||
                                       says("lan: 0 subnets have no available leases"));
}

}  // namespace anabranch::gateway
