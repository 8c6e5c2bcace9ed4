// SPDX-License-Identifier: MIT
#include "host/duid.hpp"

#include <array>

#include <sys/random.h>

#include "base/directories.hpp"
#include "base/log.hpp"
#include "wire/dhcp_client_id.hpp"

namespace anabranch::host {
namespace {

/// A random UUID (RFC 9562 version 4).
std::array<std::uint8_t, 16> random_uuid() {
  std::array<std::uint8_t, 16> out{};
  // So few octets are never cut short once the kernel has booted.
  if (::getrandom(out.data(), out.size(), 0) < 0) log::warning("no random octets for the DUID");
  out[6] = static_cast<std::uint8_t>((out[6] & 0x0f) | 0x40);
  out[8] = static_cast<std::uint8_t>((out[8] & 0x3f) | 0x80);
  return out;
}

}  // namespace

std::vector<std::uint8_t> load_or_make_duid(const std::filesystem::path& file,
                                            const MacAddress& fallback) {
  if (const auto content = read_file(file)) {
    const std::string_view text(*content);
    if (auto duid = wire::parse_duid(text.substr(0, text.find('\n')))) return *std::move(duid);
    log::warning("{} holds no DUID; a new one is made", file.string());
  }
  auto duid = wire::make_duid_uuid(random_uuid());
  const auto kept = replace_file(file, wire::duid_text(duid) + "\n");
  if (kept) return duid;
  log::warning("the host's DUID cannot be kept ({}); it is made of the Ethernet address {}",
               kept.error().text(), fallback.text());
  return wire::make_duid_ll(fallback);
}

}  // namespace anabranch::host
